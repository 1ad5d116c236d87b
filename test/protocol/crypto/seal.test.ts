import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { concat, fromHex, toHex, utf8 } from "../../../protocol/wire/bytes.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { noblePrimitives } from "../../../protocol/crypto/crypto-noble.ts";
import { webPrimitives } from "../../../protocol/crypto/crypto-web.ts";
import type { Keys } from "../../../protocol/crypto/keys.ts";
import { RECEIVER_NAME_CHARACTERS, SEALED_BYTES } from "../../../protocol/wire/limits.ts";
import { anyPoint } from "../../support/any-point.ts";
import { openName, sealName, type Named } from "../../../protocol/crypto/seal.ts";

const keys: Keys = {
  channel: new Uint8Array(16),
  publicKey: new Uint8Array(32),
  signing: new Uint8Array(32),
  path: new Uint8Array(32),
  content: new Uint8Array(16),
  receipt: new Uint8Array(32),
  label: new Uint8Array(16).fill(3),
};
const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const of: Named = { share: id(1), receiver: id(2) };
const seal = (text: string): Uint8Array => sealName(text, of, keys, nodePrimitives);
const open = (sealed: Uint8Array): string | undefined => openName(sealed, of, keys, nodePrimitives);

for (const primitives of [nodePrimitives, webPrimitives, noblePrimitives]) {
  test(`${primitives.name}: texts come back, cut to what a name may have`, async () => {
    const texts = fc.oneof(
      fc.string({ unit: anyPoint }),
      fc.string({ minLength: 60, maxLength: 99 }),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const sealed = await sealName(text, of, keys, primitives);
        expect(sealed.length).toBeLessThanOrEqual(SEALED_BYTES);
        expect((sealed.length - 28) % 32).toBe(0);
        const kept = Array.from(text.toWellFormed()).slice(0, RECEIVER_NAME_CHARACTERS).join("");
        expect(await openName(sealed, of, keys, primitives)).toBe(kept);
      }),
    );
  });

  test(`${primitives.name}: other bytes than the sealed ones do not open`, async () => {
    const sealed = await sealName("host", of, keys, primitives);
    const refused = async (bytes: Uint8Array, by = of, with_ = keys): Promise<void> =>
      expect(await openName(bytes, by, with_, primitives)).toBeUndefined();
    await refused(sealed, { ...of, receiver: id(3) });
    await refused(sealed, { ...of, share: id(3) });
    await refused(sealed, { share: of.receiver, receiver: of.share });
    await refused(sealed, of, { ...keys, label: new Uint8Array(16) });
    for (let length = 0; length < sealed.length; length++) {
      await refused(sealed.subarray(0, length));
    }
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      changed[at]! ^= 4;
      await refused(changed);
    }
    await refused(new Uint8Array(SEALED_BYTES + 32));
  });
}

test("the sealed form stays as it is", () => {
  const sealed =
    "000102030405060708090a0b" + // nonce
    "5acb82b2df562e1457dde985c7c75032e19693b1a413aa359db91384cb0770419810382834f6e35a07e586fe3be464bd";
  expect(open(fromHex(sealed)!)).toBe("Ada's laptop 💻");
});

test("a name is of ids of one length, so that no two receivers have one context", () => {
  for (const wrong of [
    { ...of, share: new Uint8Array(15) },
    { ...of, receiver: new Uint8Array(17) },
  ]) {
    expect(() => sealName("a", wrong, keys, nodePrimitives)).toThrow(RangeError);
    expect(() => openName(seal("a"), wrong, keys, nodePrimitives)).toThrow(RangeError);
  }
});

test("names of usual lengths look alike, and no two seals of one do", () => {
  expect(seal("a").length).toBe(seal("a-much-longer-machine-name-30b").length);
  expect(toHex(seal("a"))).not.toBe(toHex(seal("a")));
});

test("the longest name fits", () => {
  const name = "\u{1F4BB}".repeat(RECEIVER_NAME_CHARACTERS + 1);
  expect(open(seal(name))).toBe("\u{1F4BB}".repeat(RECEIVER_NAME_CHARACTERS));
});

test("a sealed plaintext that is malformed gives nothing", () => {
  const nonce = new Uint8Array(12);
  const sealRaw = (plain: Uint8Array): Uint8Array => {
    const sealed = nodePrimitives
      .aead(keys.label)
      .seal(nonce, [plain], concat(utf8("receiver-name"), of.share, of.receiver));
    return new Uint8Array([...nonce, ...sealed]);
  };
  const plain = (...start: number[]): Uint8Array =>
    Uint8Array.from({ length: 32 }, (_, i) => start[i] ?? 0);
  expect(open(sealRaw(plain(0, 1, 65)))).toBe("A");
  expect(open(sealRaw(plain(0, 31, 65)))).toBeUndefined(); // longer than its plaintext
  expect(open(sealRaw(plain(0, 1, 0xff)))).toBeUndefined(); // not UTF-8
});
