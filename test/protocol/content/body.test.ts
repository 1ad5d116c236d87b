import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import * as ece from "http_ece";
import { concat, u32, utf8 } from "../../../protocol/wire/bytes.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { type BodyOptions, decodeBody, encodeBody } from "../../../protocol/content/record.ts";
import { RECORD_SIZE } from "../../../protocol/wire/sizes.ts";
import { faultOf } from "../../support/faults.ts";

const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64url"));
const key = new Uint8Array(16).fill(7);
const salt = new Uint8Array(16).fill(9);
const encode = (plaintext: Uint8Array, options: Partial<BodyOptions> = {}): Uint8Array =>
  encodeBody(plaintext, key, nodePrimitives, { salt, recordSize: 25, ...options });
const decode = (body: Uint8Array, recordSize?: number): Uint8Array =>
  decodeBody(body, key, nodePrimitives, recordSize).plaintext;
const refused = (body: Uint8Array, recordSize?: number): void =>
  void faultOf(() => decode(body, recordSize), "corrupt-record");

const walrus = utf8("I am the walrus");
const vectors = [
  {
    name: "RFC 8188, 3.1",
    key: base64("yqdlZ-tYemfogSmv7Ws5PQ"),
    body: base64("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"),
    recordSize: 4096,
    keyId: "",
    padding: [],
  },
  {
    name: "RFC 8188, 3.2: two records, the first with a byte of padding",
    key: base64("BO3ZVPxUlnLORbVGMpbT1Q"),
    body: base64(
      "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA",
    ),
    recordSize: 25,
    keyId: "a1",
    padding: [1],
  },
];

describe.each(vectors)("E1 $name", (vector) => {
  test("decodes", () => {
    const decoded = decodeBody(vector.body, vector.key, nodePrimitives);
    expect(decoded).toEqual({
      salt: vector.body.slice(0, 16),
      recordSize: vector.recordSize,
      keyId: utf8(vector.keyId),
      plaintext: walrus,
    });
  });

  test("is what we encode", () => {
    const encoded = encodeBody(walrus, vector.key, nodePrimitives, {
      salt: vector.body.slice(0, 16),
      recordSize: vector.recordSize,
      keyId: utf8(vector.keyId),
      padding: vector.padding,
    });
    expect(encoded).toEqual(vector.body);
  });

  test("E4 no cut of it decodes, nor any changed byte of a record", () => {
    const open = (body: Uint8Array): unknown =>
      faultOf(() => decodeBody(body, vector.key, nodePrimitives), "corrupt-record");
    for (let length = 0; length < vector.body.length; length++) {
      open(vector.body.subarray(0, length));
    }
    for (let at = 21 + vector.keyId.length; at < vector.body.length; at++) {
      const changed = vector.body.slice();
      changed[at]! ^= 1;
      open(changed);
    }
  });
});

test("bodies of any size come back, padded or not", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 20, max: 100 }),
      fc.array(fc.nat(2), { maxLength: 5 }),
      fc.uint8Array({ maxLength: 255 }),
      (plaintext, recordSize, padding, keyId) => {
        const body = encode(plaintext, { recordSize, padding, keyId });
        expect(decodeBody(body, key, nodePrimitives).plaintext).toEqual(plaintext);
      },
    ),
  );
});

test("http_ece reads what we write, and we read what it writes", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 18, max: 120 }),
      (plaintext, recordSize) => {
        const ours = encode(plaintext, { recordSize });
        const read = ece.decrypt(Buffer.from(ours), { version: "aes128gcm", key });
        expect(new Uint8Array(read)).toEqual(plaintext);

        const params = { version: "aes128gcm", key, salt, rs: recordSize } as const;
        const theirs = new Uint8Array(ece.encrypt(Buffer.from(plaintext), params));
        expect(decode(theirs, recordSize)).toEqual(plaintext);
        expect(ours).toEqual(theirs);
      },
    ),
  );
});

test("E2 http_ece agrees at the record size of a share, over several records", () => {
  const plaintext = new Uint8Array(2 * RECORD_SIZE + 12_345).map((_, i) => (i * 31) >> 3);
  const body = encode(plaintext, { recordSize: RECORD_SIZE });
  const read = ece.decrypt(Buffer.from(body), { version: "aes128gcm", key });
  expect(Buffer.compare(read, plaintext)).toBe(0);
  const params = { version: "aes128gcm", key, salt, rs: RECORD_SIZE } as const;
  const theirs = ece.encrypt(Buffer.from(plaintext), params);
  expect(Buffer.compare(decode(theirs, RECORD_SIZE), plaintext)).toBe(0);
});

test("we refuse whatever http_ece refuses", () => {
  const body = encode(utf8("several records of a few bytes each"));
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(255), fc.nat(body.length), (at, value, length) => {
      const changed = body.slice(0, length);
      if (at < length) changed[at] = value;
      let theirs: Uint8Array | undefined;
      try {
        theirs = new Uint8Array(ece.decrypt(Buffer.from(changed), { version: "aes128gcm", key }));
      } catch {
        refused(changed);
        return;
      }
      // We are stricter: a header alone, with or without a key id, is no body.
      if (length <= 21 + changed[20]!) refused(changed);
      else expect(decode(changed)).toEqual(theirs);
    }),
    { numRuns: 500 },
  );
});

test("E2 a record size below 18 is refused", () => {
  for (const recordSize of [0, 17]) {
    refused(concat(salt, u32(recordSize), new Uint8Array(40)));
    expect(() => encode(walrus, { recordSize })).toThrow(RangeError);
  }
  expect(decode(encode(walrus, { recordSize: 18 }))).toEqual(walrus);
});

test("E3 a full last record and an empty body have exactly one end", () => {
  expect(encode(new Uint8Array(16)).length).toBe(21 + 2 * 25); // 2 x 8 bytes of data
  expect(encode(new Uint8Array()).length).toBe(21 + 17);
  expect(decode(encode(new Uint8Array()))).toEqual(new Uint8Array());
});

test("E4 a cut at a record boundary is refused, a header alone too", () => {
  const body = encode(walrus);
  for (const end of [21, 21 + 25]) refused(body.subarray(0, end));
  refused(concat(body.subarray(0, 20), new Uint8Array([1, 97]))); // a key id, and no records
  refused(concat(body, new Uint8Array(16)));
  refused(concat(body, body.subarray(21)));
});

test("E5 the header is not authenticated, so what was agreed is compared", () => {
  const body = encode(walrus, { recordSize: 4096 });
  const otherSize = body.slice();
  otherSize.set(u32(2 ** 32 - 1), 16);
  const named = concat(body.subarray(0, 20), new Uint8Array([2, 97, 49]), body.subarray(21));
  expect(decode(body, 4096)).toEqual(walrus);
  for (const altered of [otherSize, named]) {
    expect(decode(altered)).toEqual(walrus); // RFC 8188 as such lets both pass
    refused(altered, 4096);
  }
});
