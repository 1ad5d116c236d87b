/**
 * Handles of files and folders that were dropped on this page, by their names. A handle outlasts a
 * reload in IndexedDB, and a person grants it again with one click.
 */
import { BoundedMap } from "../../protocol/wire/bounded-map.ts";

/** Things that were dropped and that the page still has handles of; the oldest goes first. items */
const HANDLES = 1000;

const handles = new BoundedMap<string, FileSystemHandle>(HANDLES);

export function noteHandle(name: string, handle: FileSystemHandle): void {
  handles.set(name, handle);
}

/** The handles of all of these; undefined: the browser gave none for one of them. */
export function handlesFor(names: Iterable<string>): FileSystemHandle[] | undefined {
  const found: FileSystemHandle[] = [];
  for (const name of names) {
    const handle = handles.get(name);
    if (handle === undefined) return undefined;
    found.push(handle);
  }
  return found;
}

interface Grantable {
  queryPermission?(descriptor: { readonly mode: "read" }): Promise<PermissionState>;
  requestPermission?(descriptor: { readonly mode: "read" }): Promise<PermissionState>;
}

/** Asks the person where the browser needs that: in the handler of a click. */
export async function isGranted(handle: FileSystemHandle & Grantable): Promise<boolean> {
  const mode = { mode: "read" } as const;
  if ((await handle.queryPermission?.(mode)) === "granted") return true;
  return (await handle.requestPermission?.(mode)) === "granted";
}
