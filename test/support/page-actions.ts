/** Actions of a person on the relay's page, for the tests in real browsers. */
import type { Relay } from "../../relay/mod.ts";
import type { BrowserPage } from "./browser-page.ts";
import type { OpenOptions, TestBrowser } from "./browsers.ts";

/** A code is these words. */
const CODE = /\b[a-z]+(?:-[a-z]+){6}\b/;

/** The page's address at a relay of this machine. */
export function pageOf({ port }: Pick<Relay, "port">, host = "localhost"): string {
  return `http://${host}:${port}/`;
}

/** Opens the link of a code, without pickers: a browser without a window closes them, sooner or later. */
export function openCode(
  browser: TestBrowser,
  address: string,
  code: string,
  options?: OpenOptions,
): Promise<BrowserPage> {
  return browser.open(`${address}#${code}`, { before: NO_PICKERS, ...options });
}

/** Agrees to the offer, by the best way that the browser has. */
export function agree(page: BrowserPage): Promise<void> {
  return page.click("button", "Save");
}

/** Agrees, and waits until the page says that all is saved. @returns the text of the page then */
export async function save(page: BrowserPage): Promise<string> {
  await agree(page);
  return saved(page);
}

export async function saved(page: BrowserPage): Promise<string> {
  await page.find("heading", "Saved");
  return page.text();
}

/** Sends files that a person chooses. @returns the code that the page shows */
export async function sendPaths(page: BrowserPage, paths: readonly string[]): Promise<string> {
  await page.choose(paths);
  await page.click("button", "Send");
  return shownCode(page);
}

export async function sendFolder(page: BrowserPage, path: string): Promise<string> {
  await page.choose([path], "Folder");
  await page.click("button", "Send");
  return shownCode(page);
}

/** Gives the files of a send of before to the page that asks for them. */
export async function chooseAgain(page: BrowserPage, path: string): Promise<void> {
  const input = await page.until("it has an input for the files of before", async () => {
    return (await page.raw.$('input[aria-label="Files of before"]')) ?? undefined;
  });
  await (input as Awaited<ReturnType<typeof page.raw.$<"input">>>)?.uploadFile(path);
}

export async function sendText(page: BrowserPage, text: string): Promise<string> {
  await page.click("button", "Write a text");
  await page.fill("Text", text);
  await page.click("button", "Send");
  return shownCode(page);
}

/** The code of a send, which the page shows as plain text. */
export async function shownCode(page: BrowserPage): Promise<string> {
  const code = CODE.exec(await page.see(CODE))?.[0];
  if (code === undefined) throw new Error("The page shows no code");
  return code;
}

/**
 * Pickers that choose in the browser's own store: no test can answer a picker of the system. The handles are real ones,
 * with the same writes, renames and places in IndexedDB.
 */
export const PICKERS_OF_STORE = `
  window.showSaveFilePicker = async ({ suggestedName = "unnamed" } = {}) => {
    const root = await navigator.storage.getDirectory();
    return root.getFileHandle(suggestedName, { create: true });
  };
  window.showDirectoryPicker = async () => {
    const root = await navigator.storage.getDirectory();
    return root.getDirectoryHandle("chosen", { create: true });
  };`;

/** As in Firefox and Safari. */
export const NO_PICKERS = `
  delete window.showSaveFilePicker;
  delete window.showDirectoryPicker;`;

/** Nor a service worker, as in a private window. */
export const NO_WAY_BUT_MEMORY = `
  ${NO_PICKERS}
  delete Navigator.prototype.serviceWorker;`;

interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/** All files in the store of PICKERS_OF_STORE. */
export function storedFiles(page: BrowserPage): Promise<readonly StoredFile[]> {
  return page.evaluate<readonly StoredFile[]>(`(async () => {
    const found = [];
    const look = async (folder, prefix) => {
      for await (const [name, handle] of folder.entries()) {
        if (handle.kind === "directory") { await look(handle, prefix + name + "/"); continue; }
        const bytes = await (await handle.getFile()).arrayBuffer();
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        found.push({
          path: prefix + name,
          bytes: bytes.byteLength,
          sha256: Array.from(hash, (each) => each.toString(16).padStart(2, "0")).join(""),
        });
      }
    };
    await look(await navigator.storage.getDirectory(), "");
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  })()`);
}

export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
