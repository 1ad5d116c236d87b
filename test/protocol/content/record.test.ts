import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { concat, equalBytes, toHex, u32, utf8 } from "../../../protocol/wire/bytes.ts";
import type { Aead, Primitives } from "../../../protocol/crypto/crypto.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { noblePrimitives } from "../../../protocol/crypto/crypto-noble.ts";
import { webPrimitives } from "../../../protocol/crypto/crypto-web.ts";
import { RECORD_INDEX } from "../../../protocol/wire/limits.ts";
import { recordCipher, recordNonce } from "../../../protocol/content/record.ts";
import { faultOf, faultOfAsync } from "../../support/faults.ts";

const key = new Uint8Array(16).fill(7);
const salt = new Uint8Array(16).fill(9);
const cipher = recordCipher(key, salt, nodePrimitives);

/** Seals a raw plaintext, delimiter and all, as a hostile sender could. */
function sealRaw(index: number, plaintext: Uint8Array): Uint8Array {
  const cek = nodePrimitives.hkdf(key, salt, utf8("Content-Encoding: aes128gcm\0"), 16);
  const base = nodePrimitives.hkdf(key, salt, utf8("Content-Encoding: nonce\0"), 12);
  return nodePrimitives.aead(cek).seal(recordNonce(base, index), [plaintext]);
}
const opens = (raw: number[], last: boolean): Uint8Array =>
  cipher.open(3, sealRaw(3, new Uint8Array(raw)), last);
const refused = (work: () => unknown): void => void faultOf(work, "corrupt-record");

test("records open in any order, each at its own index only", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(RECORD_INDEX - 1),
      fc.nat(RECORD_INDEX - 1),
      fc.boolean(),
      (data, index, other, last) => {
        const sealed = cipher.seal(index, [data.subarray(0, 9), data.subarray(9)], last);
        expect(sealed.length).toBe(data.length + 17);
        expect(cipher.open(index, sealed, last)).toEqual(data);
        refused(() => cipher.open(index, sealed, !last));
        if (other !== index) refused(() => cipher.open(other, sealed, last));
      },
    ),
  );
});

test("E3 the delimiter is 2 exactly in the last record", () => {
  expect(opens([65, 1], false)).toEqual(utf8("A"));
  expect(opens([65, 2], true)).toEqual(utf8("A"));
  for (const [raw, last] of [
    [[65, 2], false], // an end in the middle
    [[65, 1], true], // a middle at the end
    [[65, 0], true],
    [[65, 3], true],
    [[65, 3], false],
    [[65, 255], true],
  ] as const) {
    refused(() => opens([...raw], last));
  }
});

test("E3 the record of an open share says itself whether it is the last", () => {
  const openAny = (raw: number[]): unknown => cipher.openAny(3, sealRaw(3, new Uint8Array(raw)));
  expect(openAny([65, 1, 0, 0])).toEqual({ data: utf8("A"), last: false });
  expect(openAny([65, 2])).toEqual({ data: utf8("A"), last: true });
  expect(openAny([1])).toEqual({ data: new Uint8Array(), last: false });
  expect(openAny([2, 0])).toEqual({ data: new Uint8Array(), last: true });
  for (const raw of [[65, 3], [65, 0, 3, 0], [0, 0], []]) refused(() => openAny(raw));
});

test("E3 padding is dropped, and data that looks like padding survives", () => {
  expect(opens([65, 2, 0, 0, 0], true)).toEqual(utf8("A"));
  expect(opens([65, 1, 0, 0, 1], false)).toEqual(new Uint8Array([65, 1, 0, 0]));
  const tricky = new Uint8Array([1, 0, 0]);
  expect(cipher.open(0, cipher.seal(0, [tricky], true), true)).toEqual(tricky);
  expect(cipher.open(0, cipher.seal(0, [tricky], true, 50), true)).toEqual(tricky);
  expect(opens([2], true)).toEqual(new Uint8Array());
});

test("E3 all-zero and empty plaintexts are refused", () => {
  refused(() => opens([0, 0, 0], true));
  refused(() => cipher.open(3, sealRaw(3, new Uint8Array(1 << 20)), false));
  refused(() => opens([], true)); // a record that is only its tag
  for (const length of [0, 15, 16]) refused(() => cipher.open(0, new Uint8Array(length), true));
});

test("E4 E11 no cut-off or changed record gives anything", () => {
  const sealed = cipher.seal(5, [utf8("hello")], true);
  for (let length = 0; length < sealed.length; length++) {
    refused(() => cipher.open(5, sealed.subarray(0, length), true));
  }
  refused(() => cipher.open(5, concat(sealed, new Uint8Array(1)), true));
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice();
    changed[at]! ^= 0x80;
    refused(() => cipher.open(5, changed, true));
  }
});

test("E6 the nonce is the base XOR the 96-bit index", () => {
  const bases = [new Uint8Array(12), new Uint8Array(12).fill(255), nodePrimitives.randomBytes(12)];
  const known = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
  const reference = (base: Uint8Array, index: number): string =>
    (BigInt(`0x${toHex(base)}`) ^ BigInt(index)).toString(16).padStart(24, "0");
  for (const base of bases) {
    for (const index of known) {
      expect(toHex(recordNonce(base, index))).toBe(reference(base, index));
    }
    fc.assert(
      fc.property(fc.maxSafeNat(), (index) => {
        expect(toHex(recordNonce(base, index))).toBe(reference(base, index));
      }),
    );
  }
  expect(bases[0]).toEqual(new Uint8Array(12)); // the base stays as it is
});

test("E7 an index outside the limit neither seals nor opens", () => {
  const sealed = cipher.seal(RECORD_INDEX - 1, [], true);
  cipher.open(RECORD_INDEX - 1, sealed, true);
  for (const index of [-1, 0.5, Number.NaN, RECORD_INDEX, 2 ** 32, Infinity]) {
    expect(() => cipher.seal(index, [], true)).toThrow(RangeError);
    refused(() => cipher.open(index, sealed, true));
  }
});

test("E8 E9 two shares of one code have nothing in common, and no nonce comes twice", () => {
  const other = recordCipher(key, new Uint8Array(16).fill(8), nodePrimitives);
  const sealed = cipher.seal(0, [utf8("same")], true);
  expect(other.seal(0, [utf8("same")], true)).not.toEqual(sealed);
  refused(() => other.open(0, sealed, true)); // P6 a record replayed from another share

  const used: string[] = [];
  const spy: Aead = { seal: (nonce) => (used.push(toHex(nonce)), nonce), open: (nonce) => nonce };
  const spied: Primitives = { ...nodePrimitives, aead: () => spy };
  const spiedCipher = recordCipher(key, salt, spied) as typeof cipher;
  const indexes = [...Array(1000).keys(), 2 ** 16, 2 ** 24, RECORD_INDEX - 1];
  for (const index of indexes) spiedCipher.seal(index, [], true);
  expect(new Set(used).size).toBe(indexes.length);
});

describe("room for a record", () => {
  /** More than the cipher takes in one step, and no multiple of it. */
  const data = nodePrimitives.randomBytes(150_001);
  const parts = [data.subarray(0, 70_000), data.subarray(70_000)];
  const sealed = cipher.seal(4, parts, true, 9);

  test("a long record is the same by every implementation", () => {
    const other = recordCipher(key, salt, noblePrimitives);
    expect(equalBytes(other.seal(4, parts, true, 9), sealed)).toBe(true);
    expect(equalBytes(cipher.open(4, sealed, true), data)).toBe(true);
  });

  test("a record is sealed and opened in room that is long enough", () => {
    const room = new Uint8Array(sealed.length + 5).fill(0xff);
    const inRoom = cipher.seal(4, parts, true, 9, room);
    expect(inRoom.buffer).toBe(room.buffer);
    expect(equalBytes(inRoom, sealed)).toBe(true);
    expect(room.subarray(-5)).toEqual(new Uint8Array(5).fill(0xff));
    const plain = new Uint8Array(data.length + 10);
    for (const opened of [
      cipher.open(4, sealed, true, plain),
      cipher.openAny(4, sealed, plain).data,
    ]) {
      expect(opened.buffer).toBe(plain.buffer);
      expect(equalBytes(opened, data)).toBe(true);
    }
  });

  test("shorter room stays as it is", () => {
    const short = new Uint8Array(100);
    expect(equalBytes(cipher.seal(4, parts, true, 9, short), sealed)).toBe(true);
    expect(equalBytes(cipher.open(4, sealed, true, short), data)).toBe(true);
    expect(short).toEqual(new Uint8Array(100));
  });

  test("E4 a forged record leaves nothing in the room", () => {
    for (const at of [0, 100_000, sealed.length - 1]) {
      const forged = sealed.slice();
      forged[at]! ^= 1;
      const room = new Uint8Array(sealed.length).fill(0xff);
      refused(() => cipher.open(4, forged, true, room));
      const plain = room.subarray(0, data.length + 10);
      expect(plain.every((byte) => byte === 0)).toBe(true);
    }
  });

  test("neither the data nor the ciphertext is changed or taken away", () => {
    const [from, to] = [data.slice(), sealed.slice()];
    const room = new Uint8Array(sealed.length);
    cipher.seal(4, [from], true, 9, room);
    cipher.open(4, to, true, room);
    expect(equalBytes(from, data) && equalBytes(to, sealed)).toBe(true);
  });
});

test("a salt of another length is a mistake of the caller", () => {
  expect(() => recordCipher(key, new Uint8Array(15), nodePrimitives)).toThrow(RangeError);
});

test.each([webPrimitives, noblePrimitives])(
  "$name and node:crypto read each other's records",
  async (primitives) => {
    const other = await recordCipher(key, salt, primitives);
    const data = [utf8("a"), utf8("b")];
    const sealed = await other.seal(2 ** 20, data, false);
    expect(sealed).toEqual(cipher.seal(2 ** 20, data, false));
    expect(await other.open(2 ** 20, sealed, false)).toEqual(utf8("ab"));
    await faultOfAsync(() => other.open(0, sealed, false), "corrupt-record");
    await faultOfAsync(() => other.open(2 ** 20, sealed, true), "corrupt-record");
    await faultOfAsync(() => other.open(2 ** 20, u32(0), true), "corrupt-record");
  },
);
