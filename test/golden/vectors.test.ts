/** Codes, keys, names, lists and records are the bytes that they were, and are read from them. */
import { describe, expect, test } from "bun:test";
import {
  checkHello,
  decodeFrame,
  decodeHead,
  deriveKeys,
  encodeManifest,
  fromHex,
  openName,
  parseCode,
  recordCipher,
  toHex,
  verifyReceipt,
  type Role,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { noblePrimitives } from "../../protocol/crypto/crypto-noble.ts";
import { webPrimitives } from "../../protocol/crypto/crypto-web.ts";
import { faultOf } from "../support/faults.ts";
import { KEPT } from "./known-vectors.ts";
import { keysIn, makeVectors } from "./vectors.ts";

const bytes = (hex: string): Uint8Array => fromHex(hex)!;
const [first] = KEPT.codes;
const keys = keysIn(first!);

test.each([nodePrimitives, webPrimitives, noblePrimitives])(
  "made with $name they are the same",
  async (primitives) => {
    const masters = KEPT.codes.map(({ master }) => master);
    expect<object>(await makeVectors(primitives, masters)).toEqual(KEPT);
  },
);

test("scrypt makes these keys of a code, however it is typed", () => {
  const [code, ...others] = first!.typed.map(parseCode);
  expect(deriveKeys(code!, nodePrimitives)).toEqual(keys);
  for (const other of others) expect(other).toBe(code!);
});

describe("they are read", () => {
  test("names", () => {
    for (const { text, sealed, share, receiver } of KEPT.names) {
      const of = { share: bytes(share), receiver: bytes(receiver) };
      const opened = openName(bytes(sealed), of, keys, nodePrimitives);
      expect(opened).toBe(text.slice(0, 64));
    }
  });

  test("hellos, and none for another nonce", () => {
    for (const { nonce, name, key, signature, ...claim } of KEPT.hellos) {
      const hello = {
        t: "hello" as const,
        ...(claim as { v: number; role: Role; least?: number }),
        key: bytes(key),
        signature: bytes(signature),
      };
      for (const primitives of [nodePrimitives, webPrimitives, noblePrimitives]) {
        checkHello(hello, { nonce: bytes(nonce), name }, primitives);
        faultOf(() => checkHello(hello, { nonce: bytes(key), name }, primitives), "not-proved");
      }
    }
  });

  test("receipts", () => {
    for (const { mac, share, receiver, records } of KEPT.receipts) {
      const [from, by] = [bytes(share), bytes(receiver)];
      expect(verifyReceipt(bytes(mac), keys, nodePrimitives, from, by, records)).toBe(true);
      expect(verifyReceipt(bytes(mac), keys, nodePrimitives, from, by, records - 1)).toBe(false);
    }
  });

  test("lists of files, which are written the same", () => {
    for (const { head, records, bytes: sum } of KEPT.manifests) {
      const manifest = decodeHead(bytes(head));
      expect(manifest).toMatchObject({ records, bytes: sum });
      expect(toHex(encodeManifest(manifest).head)).toBe(head);
    }
  });

  test("frames and records", () => {
    for (const { frame, share, data, index, last } of KEPT.records) {
      const read = decodeFrame(bytes(frame));
      expect(read).toMatchObject({ index, last });
      const cipher = recordCipher(keys.content, bytes(share), nodePrimitives);
      expect(toHex(cipher.open(index, read.ciphertext, last))).toBe(data);
      expect(cipher.openAny(index, read.ciphertext).last).toBe(last);
    }
  });
});
