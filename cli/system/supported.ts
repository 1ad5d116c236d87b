/** Where the library runs. Imported before anything that an older Node would fail at with words of its own. */

/** The oldest Node that the library runs in. */
export const OLDEST_NODE = 22;

/**
 * Why the library cannot run here, as a sentence; undefined: it can.
 * @param versions those of `process`, which a browser has not got
 */
export function whyUnsupported(
  versions: Readonly<Record<string, string | undefined>> | undefined,
): string | undefined {
  const { bun, node } = versions ?? {};
  if (bun !== undefined) return undefined;
  const use = `Use Node ${OLDEST_NODE} or later, or Bun`;
  if (node === undefined) {
    return `The library of fileshare needs files and threads, which a browser has not got. ${use}. In a browser, open the page of a relay.`;
  }
  if (Number.parseInt(node, 10) >= OLDEST_NODE) return undefined;
  return `The library of fileshare does not run in Node ${node}. ${use}.`;
}
