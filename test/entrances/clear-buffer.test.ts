import { expect, test } from "bun:test";
import { ClearBuffer } from "../../relay/entrances/clear-buffer.ts";

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
        out.push(...data.bytes);
      }
    }
    clear.end();
    for (let data = clear.take(); data?.last !== undefined; data = clear.take()) {
      out.push(...data.bytes);
      if (data.last) break;
    }
    expect(out).toEqual([...content]);
  }
});

// Found by fuzzing: garbage of uploads that were broken off grew to hundreds of MiB before it was collected.
test("the memory of an upload that is over is free at once", () => {
  const clear = buffer();
  clear.push(new Uint8Array(50_000));
  const data = clear.take();
  expect(data?.bytes.length).toBe(RECORD);
  clear.dispose();
  expect(data?.bytes.buffer).toHaveProperty("detached", true);
  clear.push(new Uint8Array(10));
  expect(clear.take()).toBeUndefined();
});
