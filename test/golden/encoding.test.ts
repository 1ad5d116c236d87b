/** Every message that was recorded is read by the decoders of today, which write the same bytes. */
import { describe, expect, test } from "bun:test";
import {
  decodeControl,
  decodeFrame,
  encodeControl,
  encodeFrame,
  isFrame,
  SENT_BY,
  type MessageType,
} from "../../protocol/mod.ts";
import { allMessages, hexOf, named } from "./conversation.ts";
import { faultOf } from "../support/faults.ts";

const messages = allMessages();
/** Two were made to be none. */
const broken = messages.filter(({ bytes }) => named(bytes) === "another");
const sound = messages.filter(({ bytes }) => named(bytes) !== "another");

test("every kind of message was recorded", () => {
  const kinds = new Set(
    sound.filter(({ bytes }) => !isFrame(bytes)).map(({ bytes }) => named(bytes)),
  );
  expect([...kinds].toSorted()).toEqual(Object.keys(SENT_BY).toSorted());
  expect(sound.some(({ bytes }) => isFrame(bytes))).toBe(true);
});

test("each comes from a side that may send it", () => {
  for (const { from, bytes } of sound) {
    if (isFrame(bytes)) continue;
    const senders: readonly string[] = SENT_BY[named(bytes) as MessageType];
    expect(senders.some((role) => (role === "relay") === (from === "relay"))).toBe(true);
  }
});

describe("decoded and encoded again each is the same bytes", () => {
  test("control messages", () => {
    for (const { bytes } of sound) {
      if (!isFrame(bytes))
        expect(hexOf(encodeControl(decodeControl(bytes, "anyone")))).toBe(hexOf(bytes));
    }
  });

  test("frames", () => {
    for (const { bytes } of sound) {
      if (!isFrame(bytes)) continue;
      const { tag, index, last, ciphertext } = decodeFrame(bytes);
      expect(hexOf(encodeFrame(tag, index, last, ciphertext))).toBe(hexOf(bytes));
    }
  });
});

test("bytes that were no message are none", () => {
  expect(broken).toHaveLength(2);
  for (const { bytes } of broken) {
    faultOf(() => decodeControl(bytes, "anyone"), "bad-message", "version-mismatch");
  }
});
