/** Bytes of a body, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const PATTERN = /^bytes=(?:(\d{1,16})-(\d{0,16})|-(\d{1,16}))$/;

/**
 * RFC 9110, 14.1.2: one range of a body of `total` bytes. Undefined for what a server may ignore: several
 * ranges, other units, and what is no range.
 */
export function parseRange(header: string, total: number): ByteRange | "unsatisfiable" | undefined {
  const match = PATTERN.exec(header.trim());
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), total);
    return length === 0 ? "unsatisfiable" : { first: total - length, last: total - 1 };
  }
  const from = Number(first);
  const to = last === "" || last === undefined ? total - 1 : Math.min(Number(last), total - 1);
  if (last !== "" && last !== undefined && Number(last) < from) return undefined;
  return from >= total ? "unsatisfiable" : { first: from, last: to };
}
