/** A stand-in for the tag of a record in tests: 16 bytes that hold the index. */
export function tagOf(index: number): Uint8Array {
  const tag = new Uint8Array(16).fill(1);
  new DataView(tag.buffer).setUint32(0, index);
  return tag;
}
