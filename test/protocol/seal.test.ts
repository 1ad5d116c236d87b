import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { fromHex, toHex, utf8 } from "../../protocol/bytes.ts";
import { nodePrimitives } from "../../protocol/crypto-node.ts";
import { webPrimitives } from "../../protocol/crypto-web.ts";
import type { Keys } from "../../protocol/keys.ts";
import { RECEIVER_NAME_CHARACTERS, SEALED_BYTES } from "../../protocol/limits.ts";
import { openText, sealText } from "../../protocol/seal.ts";

const keys: Keys = {
  channel: new Uint8Array(16),
  publicKey: new Uint8Array(32),
  signing: new Uint8Array(32),
  path: new Uint8Array(32),
  content: new Uint8Array(16),
  receipt: new Uint8Array(32),
  label: new Uint8Array(16).fill(3),
};
const seal = (text: string, context = "name"): Uint8Array =>
  sealText(text, context, keys, nodePrimitives);
const open = (sealed: Uint8Array, context = "name"): string | undefined =>
  openText(sealed, context, keys, nodePrimitives);

for (const primitives of [nodePrimitives, webPrimitives]) {
  test(`${primitives.name}: texts come back, cut to what a name may have`, async () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ minLength: 60, maxLength: 99 }),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const sealed = await sealText(text, "name", keys, primitives);
        expect(sealed.length).toBeLessThanOrEqual(SEALED_BYTES);
        expect((sealed.length - 28) % 32).toBe(0);
        const kept = Array.from(text.toWellFormed()).slice(0, RECEIVER_NAME_CHARACTERS).join("");
        expect(await openText(sealed, "name", keys, primitives)).toBe(kept);
      }),
    );
  });

  test(`${primitives.name}: what was not sealed so does not open`, async () => {
    const sealed = await sealText("host", "name", keys, primitives);
    const refused = async (bytes: Uint8Array, context = "name", with_ = keys): Promise<void> =>
      expect(await openText(bytes, context, with_, primitives)).toBeUndefined();
    await refused(sealed, "name of another");
    await refused(sealed, "name", { ...keys, label: new Uint8Array(16) });
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
    "5acb82b2df562e1457dde985c7c75032e19693b1a413aa359db91384cb0770412279e4d6b2e1984f1046d10f3c27e642";
  expect(open(fromHex(sealed)!)).toBe("Ada's laptop 💻");
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
    const sealed = nodePrimitives.aead(keys.label).seal(nonce, [plain], utf8("name"));
    return new Uint8Array([...nonce, ...sealed]);
  };
  const plain = (...start: number[]): Uint8Array =>
    Uint8Array.from({ length: 32 }, (_, i) => start[i] ?? 0);
  expect(open(sealRaw(plain(0, 1, 65)))).toBe("A");
  expect(open(sealRaw(plain(0, 31, 65)))).toBeUndefined(); // longer than its plaintext
  expect(open(sealRaw(plain(0, 1, 0xff)))).toBeUndefined(); // not UTF-8
});
