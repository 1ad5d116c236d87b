/** The sentence and the state of a page that is older than its relay. */
import { signal } from "@preact/signals";

import { isPageOld } from "../browser/page-age.ts";

/** The relay has another version of this page, so this one cannot go on. */
export const isOld = signal(false);

export const OLD_PAGE =
  "This page is older than the relay, which has a newer one. Reload the page, then try again.";

/**
 * Call it when a script of this page did not load, or a worker broke.
 * @returns the sentence that says why; undefined: not for its age
 */
export async function whyBroken(): Promise<string | undefined> {
  if (!(await isPageOld())) return undefined;
  isOld.value = true;
  return OLD_PAGE;
}
