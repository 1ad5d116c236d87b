/**
 * Files and texts that another app shared with the installed page. The service worker takes them from
 * the browser and keeps them here, because the page that sends them loads later.
 *
 *   other app --POST--> service worker --keepShared--> IndexedDB --takeShared--> page
 */
import { theStore, type Store } from "./store.ts";

/** Shared things that wait for their page at once; the oldest goes first. Each may have GiB. items */
const SHARED_KEPT = 4;
/** A thing that waits longer was abandoned. ms */
const SHARED_MS = 60 * 60 * 1000;

/** One thing that a person shared. */
export interface SharedThing {
  readonly files: readonly File[];
  /** Title, text and address in lines; undefined: there was none. */
  readonly text: string | undefined;
}

interface Row extends SharedThing {
  /** ms since 1970 */
  readonly at: number;
}

/** The form that the manifest's share target names: `files`, `title`, `text` and `url`. */
export function sharedIn(form: FormData): SharedThing {
  const files = form.getAll("files").filter((value) => value instanceof File);
  const words = ["title", "text", "url"].flatMap((key) => {
    const value = form.get(key);
    return typeof value === "string" && value.trim() !== "" ? [value.trim()] : [];
  });
  // Apps put the address into the text too.
  const lines = words.filter(
    (word, at) =>
      !words.some((other, i) => i !== at && other.includes(word) && (other !== word || i < at)),
  );
  return { files, text: lines.length === 0 ? undefined : lines.join("\n") };
}

/** @throws DOMException "QuotaExceededError" where the browser has no room for them */
export async function keepShared(
  { files, text }: SharedThing,
  store: Store = theStore(),
  now = Date.now(),
): Promise<void> {
  await store.change(["shared-files"], async (tables) => {
    const table = tables("shared-files");
    const rows = await table.within("");
    const kept = rows.filter(([, value]) => isFresh(value, now));
    const dropped = new Set(rows.map(([key]) => key));
    for (const [key] of kept.slice(-(SHARED_KEPT - 1))) dropped.delete(key);
    for (const key of dropped) await table.delete(key);
    const row: Row = { files, text, at: now };
    await table.put(
      `${String(now).padStart(16, "0")}-${crypto.getRandomValues(new Uint32Array(1))[0]}`,
      row,
    );
  });
}

/** The newest thing that waits, which only one page gets. */
export function takeShared(
  store: Store = theStore(),
  now = Date.now(),
): Promise<SharedThing | undefined> {
  return store.change(["shared-files"], async (tables) => {
    const table = tables("shared-files");
    const newest = (await table.within("")).at(-1);
    if (newest === undefined) return undefined;
    const [key, value] = newest;
    await table.delete(key);
    return isFresh(value, now) ? { files: value.files, text: value.text } : undefined;
  });
}

/** Another version of the page may have left anything there. */
function isFresh(value: unknown, now: number): value is Row {
  if (typeof value !== "object" || value === null) return false;
  const { files, at } = value as Partial<Row>;
  const isRow = Array.isArray(files) && files.every((file) => file instanceof File);
  return isRow && Number.isFinite(at) && Math.abs(now - Number(at)) < SHARED_MS;
}
