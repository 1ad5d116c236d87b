import { describe, expect, test } from "bun:test";

import type { Taken } from "../../../relay/system/native.ts";
import { RawBody, type RawKernel } from "../../../relay/lobby/http/raw-body.ts";
import { partOf } from "../../../relay/lobby/body.ts";

const SOCKET = 7;
const HEAD = "HEAD\r\n\r\n";

/** A kernel with one connection. */
class Kernel implements RawKernel {
  /** The result of `find` from the second time on, and whether it may come later. */
  isResting = false;
  isThere = true;
  /** Bytes that it takes before it is full, and then no more. */
  room = Infinity;
  taken = "";
  ended: string | undefined;

  keyOf(): Uint8Array {
    return new Uint8Array(18);
  }

  find(): number | undefined {
    return this.isThere && !this.isResting ? SOCKET : undefined;
  }

  isPeer(): boolean {
    return this.isThere;
  }

  isWritable(): boolean {
    return this.room > 0;
  }

  send(_socket: number, bytes: Uint8Array): Taken {
    const sent = Math.min(this.room, bytes.length);
    if (sent === 0) return "full";
    this.room -= sent;
    this.taken += Buffer.from(bytes.subarray(0, sent)).toString("latin1");
    return sent;
  }

  shutdown(_socket: number, how: string): void {
    this.ended = how;
  }
}

function begun(kernel: Kernel, length: number) {
  const told: string[] = [];
  const drained = Promise.withResolvers<void>();
  const body = new RawBody({
    native: kernel,
    peer: new Uint8Array(18),
    head: HEAD,
    length,
    events: {
      drained: () => {
        told.push("drained");
        drained.resolve();
      },
      gone: () => void told.push("gone"),
      passes: () => void told.push("passes"),
    },
  });
  body.start();
  return { body, told, drained: drained.promise };
}

const bytes = (text: string) => partOf(new TextEncoder().encode(text));

describe("an answer past Bun", () => {
  test("is whole, ends the connection's writing side, and says when all has left", async () => {
    const kernel = new Kernel();
    const { body, drained } = begun(kernel, 5);
    body.write(bytes("hello"));
    body.end();
    await drained;
    expect([kernel.taken, kernel.ended]).toEqual([`${HEAD}hello`, "writing"]);
  });

  test("waits for a connection that is full, and for one that is not found yet", async () => {
    const kernel = new Kernel();
    kernel.isResting = true;
    const { body, told, drained } = begun(kernel, 5);
    body.write(bytes("hello"));
    body.end();
    expect([body.isFull, body.taken, kernel.taken]).toEqual([true, 0, ""]);
    kernel.isResting = false;
    kernel.room = HEAD.length + 2;
    while (kernel.room > 0) await Bun.sleep(1);
    expect([body.isFull, kernel.taken, kernel.ended]).toEqual([true, `${HEAD}he`, undefined]);
    kernel.room = 3;
    await drained;
    expect([kernel.taken, kernel.ended]).toEqual([`${HEAD}hello`, "writing"]);
    // Bytes that leave after its end keep the connection from being idle.
    expect(told).toContain("passes");
  });

  test("of a connection that is another's by now goes nowhere, and its client is gone", () => {
    const kernel = new Kernel();
    kernel.isThere = false;
    const { body, told } = begun(kernel, 5);
    expect([told, kernel.taken, body.taken]).toEqual([["gone"], "", 0]);
  });

  test.each([
    ["shorter than it said", "hell"],
    ["longer than it said", "hello!"],
  ])("that is %s breaks the connection", (_, text) => {
    const kernel = new Kernel();
    const { body } = begun(kernel, 5);
    body.write(bytes(text));
    body.end();
    expect(kernel.ended).toBe("both");
    expect(kernel.taken.length).toBeLessThan(HEAD.length + 5);
  });
});
