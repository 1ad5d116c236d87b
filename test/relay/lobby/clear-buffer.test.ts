import { expect, test } from "bun:test";
import { ClearBuffer } from "../../../relay/lobby/clear-buffer.ts";

const RECORD = 1000;

function buffer(): ClearBuffer {
  return new ClearBuffer(RECORD, undefined, () => undefined);
}

test("bytes in pieces of any size come out as records, the last one when it is known", () => {
  const content = Uint8Array.from({ length: 9500 }, (_, i) => i % 251);
  for (const piece of [1, 7, 999, 1000, 1001, 4096, 9500]) {
    const clear = buffer();
    const out: number[] = [];
    for (let at = 0; at < content.length; at += piece) {
      clear.push(content.subarray(at, at + piece));
      for (let data = clear.take(); data !== undefined; data = clear.take()) {
        expect(data).toMatchObject({ last: false, missing: 0 });
        for (const each of data.pieces) out.push(...each);
      }
    }
    clear.end();
    for (let data = clear.take(); data?.last !== undefined; data = clear.take()) {
      for (const each of data.pieces) out.push(...each);
      if (data.last) break;
    }
    expect(out).toEqual([...content]);
  }
});

test("records that wait go round in a ring no larger than what may wait", () => {
  const clear = buffer();
  const piece = Uint8Array.from({ length: 700 }, (_, i) => i % 251);
  let taken = 0;
  let wrapped = 0;
  let wrong = 0;
  for (let round = 0; round < 10_000; round++) {
    clear.push(piece);
    if (round % 3 === 0 && !clear.isFull) continue;
    for (let data = clear.take(); data !== undefined; data = clear.take()) {
      if (data.pieces.length > 1) wrapped++;
      for (const each of data.pieces)
        wrong += each.filter((byte) => byte !== (taken++ % 700) % 251).length;
    }
  }
  expect(wrong).toBe(0);
  expect(wrapped).toBeGreaterThan(0);
  expect(clear.capacity).toBeLessThanOrEqual(2 ** 14);
});

test("one large message leaves no large ring behind", () => {
  const clear = buffer();
  clear.push(new Uint8Array(16 * 2 ** 20));
  while (clear.take() !== undefined);
  clear.push(new Uint8Array(10));
  expect(clear.capacity).toBeLessThan(2 * 2 ** 20);
});

// Found by fuzzing: garbage of uploads that were broken off grew to hundreds of MiB before it was collected.
test("the memory of an upload that is over is free at once", () => {
  const clear = buffer();
  clear.push(new Uint8Array(50_000));
  const data = clear.take();
  expect(data?.pieces.map(({ length }) => length)).toEqual([RECORD]);
  clear.dispose();
  expect(data?.pieces[0]?.buffer).toHaveProperty("detached", true);
  clear.push(new Uint8Array(10));
  expect(clear.take()).toBeUndefined();
});
