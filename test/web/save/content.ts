/** Content that both the page and the test make, so that neither holds it. */

/** A prime: no two megabytes are alike. */
const PERIOD = 1_048_573;

const pattern = new Uint8Array(PERIOD);
for (let at = 0, state = 1; at < PERIOD; at++) {
  // As of Numerical Recipes: any bytes that repeat late do.
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  pattern[at] = state >>> 24;
}

/** Bytes of a file from one position to another. */
export function contentOf(file: number, from: number, to: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(to - from);
  for (let at = 0; at < bytes.length;) {
    const start = (from + at + file * 7919) % PERIOD;
    const part = pattern.subarray(start, Math.min(PERIOD, start + bytes.length - at));
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Where two contents differ first; -1: nowhere. */
export function differenceAt(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return at;
  return -1;
}
