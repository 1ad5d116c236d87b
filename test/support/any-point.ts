/** Any character, for `fc.string`. Its own unit "binary" first builds a table of all of them, which takes longer than the tests. */
import * as fc from "fast-check";

const SURROGATES = { first: 0xd800, count: 0x800 };

export const anyPoint = fc.nat(0x10ffff - SURROGATES.count).map((at) => {
  return String.fromCodePoint(at < SURROGATES.first ? at : at + SURROGATES.count);
});
