/** Ids of channels in announcements: receivers recognise them, and they tell others nothing. */
import { expect, test } from "bun:test";
import { networkId, toHex } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";

const channel = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);

test("T24 an id depends on every bit of the channel and of the nonce", () => {
  const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    return flipped;
  };
  const seen = new Set([toHex(networkId(channel(1), channel(2), nodePrimitives))]);
  for (let bit = 0; bit < 128; bit++) {
    seen.add(toHex(networkId(flip(channel(1), bit), channel(2), nodePrimitives)));
    seen.add(toHex(networkId(channel(1), flip(channel(2), bit), nodePrimitives)));
  }
  expect(seen.size).toBe(257);
});

test("channels and nonces of other lengths are refused", () => {
  for (const [one, other] of [
    [15, 16],
    [17, 16],
    [16, 15],
    [16, 0],
  ] as const) {
    const make = (): Uint8Array =>
      networkId(new Uint8Array(one), new Uint8Array(other), nodePrimitives);
    expect(make).toThrow(RangeError);
  }
});
