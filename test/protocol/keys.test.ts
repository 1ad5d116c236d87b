import { expect, test } from "bun:test";
import { fromHex, toHex, utf8 } from "../../protocol/bytes.ts";
import { LOBBY_CODE, parseCode } from "../../protocol/code.ts";
import { nodePrimitives } from "../../protocol/crypto-node.ts";
import { webPrimitives } from "../../protocol/crypto-web.ts";
import {
  deriveKeys,
  LOBBY_MASTER,
  MASTER_BYTES,
  receiptMac,
  shareIdFromProof,
  verifyReceipt,
} from "../../protocol/keys.ts";
import { knownCode, masterOf } from "../e2e/known-codes.ts";
import { faultOf } from "./faults.ts";

// Made with Python's hashlib and hmac, by the definitions at the head of keys.ts. They may never
// change: a program that derives others meets nobody.
const vectors = [
  {
    code: parseCode("abandon-velvet-crisp-lunar-solid-zoo"),
    channel: "fef8c574482a783f55f0a3b5cac7a03c",
    content: "4d03a49cdc87f1aebdc61c1cb525f954",
    receipt: "03f1f2a62363c4888047c016315cd640a1de8d8c2941e884c8b510cc7b600bda",
    label: "bb582a362d196dfb0fb192232d532960",
    mac: "adbede253b73c0080e314b88afddec96",
  },
  {
    code: LOBBY_CODE,
    channel: "edd4a73082885e0b21551a348f7d39d6",
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

for (const primitives of [nodePrimitives, webPrimitives]) {
  test.each(vectors)(`${primitives.name}: keys and receipts of $code`, async (vector) => {
    const keys = await deriveKeys(vector.code, primitives);
    expect(toHex(keys.channel)).toBe(vector.channel);
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

const keys = {
  channel: fromHex(vectors[0]!.channel)!,
  content: fromHex(vectors[0]!.content)!,
  receipt: fromHex(vectors[0]!.receipt)!,
  label: fromHex(vectors[0]!.label)!,
};

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

test("what is known of the lobby and of the codes of tests is what scrypt makes of them", () => {
  const code = knownCode();
  const known = [
    [LOBBY_CODE, LOBBY_MASTER],
    [code, masterOf(code)],
  ] as const;
  for (const [of, master] of known) {
    const made = nodePrimitives.scrypt(utf8(of), utf8("fileshare/1"), MASTER_BYTES);
    expect(toHex(made)).toBe(master);
  }
});
