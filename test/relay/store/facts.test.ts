import { expect, test } from "bun:test";

import { factsText, parseShare, parseTombstone } from "../../../relay/store/facts.ts";
import {
  hexOf,
  sixteen,
  storedReceipt,
  storedShare,
  tombstone,
} from "../../support/relay/stored-shares.ts";

const full = storedShare(1, {
  capability: sixteen(9),
  address: "a keyed hash",
  downloadsMost: 3,
  downloads: 1,
  receipts: [storedReceipt(4, 77), { ...storedReceipt(5), unconfirmed: true }],
  begun: [hexOf(4), hexOf(6)],
  durable: [{ first: 0, count: 2 }],
  records: 7,
});

test("facts of a share come back as they were", () => {
  expect(parseShare(factsText(full))).toEqual(full);
  expect(parseShare(factsText(storedShare(2)))).toEqual(storedShare(2));
});

test("facts of a share that is over come back as they were", () => {
  const over = tombstone(3, {
    reason: "exhausted",
    downloadsMost: 1,
    receipts: [storedReceipt(8)],
  });
  expect(parseTombstone(factsText(over))).toEqual(over);
  expect(parseTombstone(factsText(tombstone(4)))).toEqual(tombstone(4));
});

test("no other text has facts", () => {
  const text = factsText(full);
  const one = '{"first":0,"count":2}';
  expect(text).toContain(one);
  for (const other of [
    "",
    "[]",
    text.slice(1),
    text.replace(hexOf(1), "../../etc/passwd"),
    text.replace(hexOf(0x81), ""),
    text.replace(one, '{"first":0,"count":-2}'),
    text.replace(one, Array.from({ length: 1025 }, () => one).join(",")),
    text.replace('"key"', '"kex"'),
    factsText(tombstone(1)),
  ]) {
    expect(parseShare(other)).toBeUndefined();
  }
  expect(parseTombstone(factsText(full))).toBeUndefined();
});
