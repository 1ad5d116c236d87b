import { expect, test } from "bun:test";
import { fromHex, toHex, utf8 } from "../../../protocol/wire/bytes.ts";
import type { Primitives } from "../../../protocol/crypto/crypto.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { noblePrimitives } from "../../../protocol/crypto/crypto-noble.ts";
import { webPrimitives } from "../../../protocol/crypto/crypto-web.ts";
import { faultOfAsync } from "../../support/faults.ts";

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, ""))!;
const contract = (name: string, check: (primitives: Primitives) => void | Promise<void>): void => {
  for (const primitives of [nodePrimitives, webPrimitives, noblePrimitives]) {
    test(`${primitives.name}: ${name}`, () => check(primitives));
  }
};
const key = hex("feffe9928665731c6d6a8f9467308308");
const nonce = hex("cafebabefacedbaddecaf888");

contract("SHA-256 and HMAC match FIPS 180 and RFC 4231", async (p) => {
  expect(toHex(await p.sha256(utf8("abc")))).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  expect(toHex(await p.hmac(utf8("Jefe"), utf8("what do ya want for nothing?")))).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

contract("HKDF matches RFC 5869, case 1", async (p) => {
  const ikm = new Uint8Array(22).fill(0x0b);
  const salt = hex("000102030405060708090a0b0c");
  const info = hex("f0f1f2f3f4f5f6f7f8f9");
  expect(toHex(await p.hkdf(ikm, salt, info, 42))).toBe(
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
});

contract("HKDF takes an empty salt, case 3", async (p) => {
  const ikm = new Uint8Array(22).fill(0x0b);
  expect(toHex(await p.hkdf(ikm, new Uint8Array(), new Uint8Array(), 42))).toBe(
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  );
});

contract("W5 scrypt runs with N = 2^16, r = 8, p = 1", async (p) => {
  // Made with Python's hashlib.scrypt(b"secret", salt=b"salt", n=65536, r=8, p=1, dklen=16).
  expect(toHex(await p.scrypt(utf8("secret"), utf8("salt"), 16))).toBe(
    "f3f25c2732fd52cd52b777743dd1682b",
  );
});

contract("AES-128-GCM matches the GCM specification, case 4", async (p) => {
  const plaintext = hex(
    `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
     1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`,
  );
  const aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const sealed = hex(
    `42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
     21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091
     5bc94fbc3221a5db94fae95ae7121a47`,
  );
  const cipher = await p.aead(key);
  expect(await cipher.seal(nonce, [plaintext], aad)).toStrictEqual(sealed);
  const parts = [plaintext.subarray(0, 7), new Uint8Array(), plaintext.subarray(7)];
  expect(await cipher.seal(nonce, parts, aad)).toStrictEqual(sealed);
  expect(await cipher.open(nonce, sealed, aad)).toStrictEqual(plaintext);
  expect(await cipher.open(nonce, Buffer.from(sealed), aad)).toStrictEqual(plaintext);
});

contract("E11 no changed bit passes, nor a shorter tag, nor other data", async (p) => {
  const cipher = await p.aead(key);
  const sealed = await cipher.seal(nonce, [utf8("ab")], utf8("aad"));
  const refused = async (bytes: Uint8Array, aad: string, at = nonce): Promise<void> => {
    await faultOfAsync(() => cipher.open(at, bytes, utf8(aad)), "corrupt-record");
  };
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = sealed.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    await refused(changed, "aad");
  }
  for (let length = 0; length < sealed.length; length++) {
    await refused(sealed.subarray(0, length), "aad");
  }
  await refused(sealed, "");
  await refused(sealed, "aae");
  await refused(sealed, "aad", new Uint8Array(12));
});

contract("an empty plaintext seals to its tag", async (p) => {
  const cipher = await p.aead(key);
  const sealed = await cipher.seal(nonce, []);
  expect(sealed.length).toBe(16);
  expect(await cipher.open(nonce, sealed)).toEqual(new Uint8Array());
});

contract("keys and nonces of another length are a mistake of the caller", async (p) => {
  const rejects = async (work: () => unknown): Promise<void> => {
    let thrown: unknown;
    try {
      await work();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RangeError);
  };
  await rejects(() => p.aead(new Uint8Array(32)));
  const cipher = await p.aead(key);
  await rejects(() => cipher.seal(new Uint8Array(16), []));
  await rejects(() => cipher.open(new Uint8Array(8), new Uint8Array(20)));
});

contract("views of shared memory work", async (p) => {
  const shared = new Uint8Array(new SharedArrayBuffer(32));
  const cipher = await p.aead(key);
  const sealed = await cipher.seal(nonce, [shared]);
  const back = new Uint8Array(new SharedArrayBuffer(sealed.length));
  back.set(sealed);
  expect(await cipher.open(nonce, back)).toEqual(new Uint8Array(32));
  expect(await p.sha256(shared)).toEqual(await p.sha256(new Uint8Array(32)));
});

contract("a key that is wiped later still works", async (p) => {
  const mine = key.slice();
  const cipher = await p.aead(mine);
  mine.fill(0);
  expect(await cipher.seal(nonce, [])).toEqual(await (await p.aead(key)).seal(nonce, []));
});

contract("random bytes come in any number, and differ", (p) => {
  expect(p.randomBytes(0).length).toBe(0);
  expect(p.randomBytes(100_000).length).toBe(100_000);
  expect(p.randomBytes(100_000).subarray(-16)).not.toEqual(new Uint8Array(16));
  expect(p.randomBytes(16)).not.toEqual(p.randomBytes(16));
});

test("node:crypto answers at once", () => {
  expect(nodePrimitives.aead(key).seal(nonce, [])).toBeInstanceOf(Uint8Array);
});

contract("records that are sealed at once are what each of them is alone", async (p) => {
  const aead = await p.aead(key);
  const nonces = Array.from({ length: 8 }, (_, at) => new Uint8Array(12).fill(at));
  const partsOf = (at: number): Uint8Array[] => [
    new Uint8Array(100_000 - at).fill(at),
    Uint8Array.of(at),
  ];
  const together = nonces.map((each, at) => aead.seal(each, partsOf(at)));
  for (const [at, sealing] of together.entries()) {
    const sealed = await sealing;
    const alone = nodePrimitives.aead(key).seal(nonces[at]!, partsOf(at));
    expect(Buffer.compare(sealed, alone)).toBe(0);
  }
});
