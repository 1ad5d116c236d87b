/**
 * A page stays open while its relay is replaced by another version. The scripts that it did not need
 * before are gone then, and no browser says why they do not load.
 */
import { workerFile } from "./page-addresses.ts";

const NOT_FOUND = 404;

/** Whether the relay answers, and has this page's scripts no more. */
export async function isPageOld(): Promise<boolean> {
  try {
    const { status } = await fetch(workerFile(), {
      method: "HEAD",
      cache: "no-store",
      credentials: "omit",
    });
    return status === NOT_FOUND;
  } catch {
    // A relay that does not answer says nothing about the page's age.
    return false;
  }
}
