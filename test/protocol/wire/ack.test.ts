import { expect, test } from "bun:test";
import { RECORD_INDEX, WINDOW_MOST_RECORDS } from "../../../protocol/wire/limits.ts";
import { decodeAck } from "../../../protocol/wire/ack.ts";
import { decodeControl, encodeControl, type Message } from "../../../protocol/wire/control.ts";

const share = Uint8Array.from({ length: 16 }, (_, at) => 0xf0 - at);
const NUMBERS = [0, 1, 127, 128, 255, 256, 65_535, 65_536, RECORD_INDEX];

function decodeGenerally(bytes: Uint8Array): Message | string {
  try {
    return decodeControl(bytes, "receiver");
  } catch (error) {
    return String(error);
  }
}

test("an acknowledgement is read as the general decoder reads it", () => {
  for (const next of NUMBERS) {
    for (const window of NUMBERS.filter((each) => each <= WINDOW_MOST_RECORDS)) {
      const bytes = encodeControl({ t: "ack", share, next, window });
      const ack = decodeAck(bytes);
      expect(ack).toEqual({ t: "ack", share, next, window });
      expect(decodeGenerally(bytes)).toEqual(ack!);
      bytes.fill(0xff);
      expect(ack?.share).toEqual(share);
    }
  }
});

test("one with a wrong byte, cut or too long is left to it, or means the same to both", () => {
  let read = 0;
  for (const next of NUMBERS) {
    const whole = encodeControl({ t: "ack", share, next, window: 16 });
    for (let at = 0; at < whole.length; at++) {
      expect(decodeAck(whole.subarray(0, at))).toBeUndefined();
      for (let value = 0; value < 256; value++) {
        const bytes = whole.slice();
        bytes[at] = value;
        const ack = decodeAck(bytes);
        if (ack === undefined) continue;
        read++;
        expect(Bun.deepEquals(decodeGenerally(bytes), ack)).toBe(true);
      }
    }
    expect(decodeAck(Buffer.concat([whole, Buffer.alloc(1)]))).toBeUndefined();
  }
  expect(read).toBeGreaterThan(1000);
});

test("one with a number beyond its limit is refused with the reason of the general decoder", () => {
  const bytes = encodeControl({ t: "ack", share, next: RECORD_INDEX + 1, window: 16 });
  expect(decodeAck(bytes)).toBeUndefined();
  expect(() => decodeControl(bytes, "receiver")).toThrow("ack: next is not as it must be");
});
