import { expect, test } from "bun:test";
import { fromHex, toHex, utf8 } from "../../../protocol/wire/bytes.ts";
import { LOBBY_CODE, parseCode, secretOf } from "../../../protocol/code/code.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { noblePrimitives } from "../../../protocol/crypto/crypto-noble.ts";
import { webPrimitives } from "../../../protocol/crypto/crypto-web.ts";
import {
  capabilityOf,
  deriveKeys,
  LOBBY_MASTER,
  MASTER_BYTES,
  receiptMac,
  shareIdFromProof,
  verifyReceipt,
} from "../../../protocol/crypto/keys.ts";
import { proveHello, signerOf } from "../../../protocol/crypto/proof.ts";
import { knownCode, masterOf } from "../../support/clients/known-codes.ts";
import { WRITTEN_OUT } from "../../support/clients/known-masters.ts";
import { faultOf } from "../../support/faults.ts";

// Made with Python's hashlib, hmac and cryptography, by the definitions at the head of keys.ts. They may never
// change: a program that derives others meets nobody.
const vectors = [
  {
    code: parseCode("abandon-velvet-crisp-lunar-solid-zoo-often"),
    channel: "f294ed845dce7c16679fa7d82f9d874e",
    publicKey: "0c88f670f2650ac074dcf1cac1a98de5f2155e4e500dc8f80a7889e7ff305253",
    signing: "d34f17851f52c4306251264e896e86f8d358946412c2f4452c6d4cac886e44e9",
    path: "41d6a86dfc0d1b93f92c51befb8d0b9dd15a9efcf72ffebcdf252c0b07f1d0f4",
    capability: "d8f41a5823dd330032a11f25c5027f2f",
    hello:
      "88f41a7ade2bcbc7583e165060ada477984ae13397f078a135c16cd140e3861adc02729673c22fa1b59482754eeb8e903f6494751f3ce3acf007a4220aed0b04",
    content: "4d03a49cdc87f1aebdc61c1cb525f954",
    receipt: "03f1f2a62363c4888047c016315cd640a1de8d8c2941e884c8b510cc7b600bda",
    label: "bb582a362d196dfb0fb192232d532960",
    mac: "adbede253b73c0080e314b88afddec96",
  },
  {
    code: LOBBY_CODE,
    channel: "9b359d10f58f6fc290bf9c63caa02abc",
    publicKey: "d4067dfa91bcd266891a62afa903ba881eaaaba2ec6282903765d1c7a7c9f820",
    signing: "3d81607618a5355be6fd08c9ee00f4eedb78179817d5945fba7793f4bf7ff3b1",
    path: "ce34ea5c27743d57c7546da38ae47222d2ed74e7013186417070eeff0b8fb81c",
    capability: "31cb216f0e4b0c2e5151034911b2135f",
    hello:
      "ea440137334ecf37bfd1290a4e7aa186d032dd61d1f4d1173068f6778e91d64653ec7e70d14bf850a8de6f382c0cee5d0782a4846788584292d18f739132de0d",
    content: "4e7975fd078379007a4dd9194b070799",
    receipt: "215fa9301b06c1a41af5c1de7cb93ed6175bb12bce2d3894a3680c4ca4deaaac",
    label: "aaf48a52cbde1dd0d85a3c9afaedb0fd",
    mac: "fa4405eed867aeeaaa7dcf40805751dd",
  },
];
const count = (from: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => from + i);
const share = count(0, 16);
const receiver = count(16, 16);
const records = 5121;

for (const primitives of [nodePrimitives, webPrimitives, noblePrimitives]) {
  test.each(vectors)(`${primitives.name}: keys and receipts of $code`, async (vector) => {
    // crypto.test.ts compares scrypt of all three, and that of noble takes 0.6 s.
    const quick = { ...primitives, scrypt: nodePrimitives.scrypt.bind(nodePrimitives) };
    const keys = await deriveKeys(vector.code, quick);
    expect(toHex(keys.channel)).toBe(vector.channel);
    expect(toHex(keys.publicKey)).toBe(vector.publicKey);
    expect(toHex(keys.signing)).toBe(vector.signing);
    expect(toHex(keys.path)).toBe(vector.path);
    expect(toHex(await capabilityOf(keys, primitives, share))).toBe(vector.capability);
    const claim = { v: 2, role: "receiver" } as const;
    const challenge = { nonce: new Uint8Array(32).fill(9), name: "relay.example" };
    const { signature } = proveHello(claim, challenge, signerOf(keys, primitives));
    expect(toHex(signature)).toBe(vector.hello);
    expect(toHex(keys.content)).toBe(vector.content);
    expect(toHex(keys.receipt)).toBe(vector.receipt);
    expect(toHex(keys.label)).toBe(vector.label);
    const mac = await receiptMac(keys, primitives, share, receiver, records);
    expect(toHex(mac)).toBe(vector.mac);
    expect(await verifyReceipt(mac, keys, primitives, share, receiver, records)).toBe(true);
  });

  test(`${primitives.name}: the share id is bound to the proof`, async () => {
    const id = await shareIdFromProof(count(0, 32), primitives);
    expect(toHex(id)).toBe("b9d7c193bab22a5789ad1bd82d98c2bf");
  });
}

const keys = { receipt: fromHex(vectors[0]!.receipt)! };

test("a receipt is good for its share, receiver and number of records alone", () => {
  const mac = receiptMac(keys, nodePrimitives, share, receiver, records);
  const verify = (candidate: Uint8Array, of = share, by = receiver, all = records): boolean =>
    verifyReceipt(candidate, keys, nodePrimitives, of, by, all);
  expect(verify(mac)).toBe(true);
  expect(verify(mac, receiver)).toBe(false);
  expect(verify(mac, share, share)).toBe(false);
  expect(verify(mac, share, receiver, records - 1)).toBe(false);
  expect(verify(mac.subarray(1))).toBe(false);
  expect(verify(new Uint8Array())).toBe(false);
  for (let bit = 0; bit < 128; bit++) {
    const forged = mac.slice();
    forged[bit >> 3]! ^= 1 << (bit & 7);
    expect(verify(forged)).toBe(false);
  }
  const otherKeys = { ...keys, receipt: keys.receipt.map((byte) => byte ^ 1) };
  expect(verifyReceipt(mac, otherKeys, nodePrimitives, share, receiver, records)).toBe(false);
});

test("ids and counts of another length are a mistake of the caller", () => {
  const short = new Uint8Array(15);
  expect(() => receiptMac(keys, nodePrimitives, short, receiver, 1)).toThrow(RangeError);
  expect(() => receiptMac(keys, nodePrimitives, share, short, 1)).toThrow(RangeError);
  expect(() => receiptMac(keys, nodePrimitives, share, receiver, 2 ** 32)).toThrow(RangeError);
});

test("P2 a proof of another length is refused", () => {
  for (const length of [0, 31, 33]) {
    faultOf(() => shareIdFromProof(new Uint8Array(length), nodePrimitives), "bad-message");
  }
});

test("the known keys of the lobby and of codes of tests are those that scrypt makes", () => {
  const code = knownCode();
  const known = [
    [secretOf(LOBBY_CODE), LOBBY_MASTER],
    [secretOf(code), masterOf(code)],
    WRITTEN_OUT[Math.floor(Math.random() * WRITTEN_OUT.length)]!,
  ];
  for (const [secret, master] of known) {
    const made = nodePrimitives.scrypt(utf8(secret), utf8("fileshare/1"), MASTER_BYTES);
    expect(toHex(made)).toBe(master);
  }
});
