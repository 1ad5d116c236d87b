/**
 * The File System Access API, as far as browsers have it: TypeScript's DOM lacks the pickers, the
 * permissions and `move`. A handle may also be another object with these functions, as of a test.
 */

interface Permission {
  requestPermission?(wish: { readonly mode: "readwrite" }): Promise<PermissionState>;
  queryPermission?(wish: { readonly mode: "readwrite" }): Promise<PermissionState>;
}

export interface FileHandle extends FileSystemFileHandle, Permission {
  /** Chromium has it for local files; Firefox and Safari for private ones. */
  move?(name: string): Promise<void>;
  /** Chromium. */
  remove?(): Promise<void>;
}

export interface FolderHandle extends FileSystemDirectoryHandle, Permission {}

interface Pickers {
  showSaveFilePicker?(options: {
    readonly id: string;
    readonly startIn: "downloads";
    readonly suggestedName: string;
  }): Promise<FileHandle>;
  showDirectoryPicker?(options: {
    readonly id: string;
    readonly startIn: "downloads";
    readonly mode: "readwrite";
  }): Promise<FolderHandle>;
}

/** The browser opens the picker where it was under this id. */
const PICKER = { id: "fileshare", startIn: "downloads" } as const;

export function hasFilePicker(): boolean {
  return typeof (globalThis as Pickers).showSaveFilePicker === "function";
}

export function hasFolderPicker(): boolean {
  return typeof (globalThis as Pickers).showDirectoryPicker === "function";
}

/** To be called in a click. @throws DOMException "AbortError" when the person closes the picker */
export async function pickFile(suggestedName: string): Promise<FileHandle> {
  const pickers = globalThis as Pickers;
  if (pickers.showSaveFilePicker === undefined) throw noPicker();
  return pickers.showSaveFilePicker({ ...PICKER, suggestedName });
}

/** To be called in a click. @throws DOMException "AbortError" when the person closes the picker */
export async function pickFolder(): Promise<FolderHandle> {
  const pickers = globalThis as Pickers;
  if (pickers.showDirectoryPicker === undefined) throw noPicker();
  return pickers.showDirectoryPicker({ ...PICKER, mode: "readwrite" });
}

function noPicker(): DOMException {
  return new DOMException("This browser has no such picker.", "NotSupportedError");
}

/** Asks the person where the browser wants that; to be called in a click. */
export async function mayWrite(handle: Permission): Promise<boolean> {
  const state = await handle.requestPermission?.({ mode: "readwrite" });
  return state === undefined || state === "granted";
}

/** The same without a question. */
export async function mayWriteAlready(handle: Permission): Promise<boolean> {
  const state = await handle.queryPermission?.({ mode: "readwrite" });
  return state === undefined || state === "granted";
}

/** @returns false where this browser cannot give a file another name */
export async function tryMove(handle: FileHandle, name: string): Promise<boolean> {
  try {
    if (handle.move === undefined) return false;
    await handle.move(name);
    return handle.name === name;
  } catch {
    return false;
  }
}

/** Whether an entry of this name is in the folder, of either kind. */
export async function isTaken(folder: FolderHandle, name: string): Promise<boolean> {
  try {
    await folder.getFileHandle(name);
    return true;
  } catch (error) {
    // No entry has a name that the browser refuses.
    return !(isMissing(error) || error instanceof TypeError);
  }
}

/** Removes an entry, which may be gone already. */
export async function removeIfThere(folder: FolderHandle, name: string): Promise<void> {
  try {
    await folder.removeEntry(name, { recursive: true });
  } catch (error) {
    if (!(isMissing(error) || error instanceof TypeError)) throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotFoundError";
}
