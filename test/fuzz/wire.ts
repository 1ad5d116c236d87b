/** The WebSockets of a running relay: what clients once said, mutated, in frames that are too. */
import { connect, type Socket } from "node:net";
import { concat, decodeControl } from "../../protocol/mod.ts";
import { bytesOf } from "../golden/conversation.ts";
import type { Random } from "../simulation/random.ts";
import { broken, CONVERSATIONS, signedFor } from "./corpus.ts";
import { mutate, NUMBERS } from "./mutate.ts";
import { FuzzedRelay } from "./net.ts";
import { type Target, type TargetKind } from "./target.ts";

/** Lines at once; the oldest goes when one more comes. */
const AT_ONCE = 32;
const CHECK_EVERY = 1000;

const BINARY = 0x82;
const TEXT = 0x81;
const FIRST_BYTES = [0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0xc2, 0xa2, 0x83, 0x8b, 0x01, 0x09];

const TEXTS = ["name.txt", "START:name", "END", "__end__", "", '{"t":"hello"}', "../../x"].map(
  (text) => new TextEncoder().encode(text),
);

/** One frame of RFC 6455, masked as clients must. */
function frame(random: Random, payload: Uint8Array, first = BINARY): Uint8Array {
  const { length } = payload;
  const mask = random.chance(0.9) ? random.bytes(4) : new Uint8Array(4);
  const lengths =
    length < 126
      ? Uint8Array.of(0x80 | length)
      : Uint8Array.of(0x80 | 127, 0, 0, 0, 0, length >>> 24, length >>> 16, length >>> 8, length);
  const masked = payload.map((byte, at) => byte ^ mask[at % 4]!);
  return concat(Uint8Array.of(first), lengths, mask, masked);
}

interface Saying {
  readonly path: string;
  /** All that a client says, in one piece, once it has the nonce of its line. */
  readonly bytes: (nonce: Uint8Array) => Uint8Array;
  /** How much of it is broken. */
  readonly inputs: number;
}

function saying(random: Random): Saying {
  if (random.chance(0.1)) {
    const messages = Array.from({ length: random.whole(1, 6) }, () => {
      const text = random.pick(TEXTS);
      const payload = random.chance(0.5) ? text : mutate(random, text, TEXTS);
      return frame(random, payload, random.chance(0.5) ? TEXT : BINARY);
    });
    const path = random.pick(["/sender", "/receiver", "/ws"]);
    const bytes = concat(...messages);
    return { path, bytes: () => bytes, inputs: messages.length };
  }
  const [, { steps }] = random.pick(CONVERSATIONS);
  const { client } = random.pick(steps);
  const says = steps.flatMap((step) =>
    step.client === client && step.is === "says" ? [bytesOf(step)] : [],
  );
  const sound = random.whole(0, says.length);
  let inputs = 0;
  const payloads = says.map((message, at) => {
    const isBroken = at >= sound && random.chance(0.6);
    if (isBroken) inputs++;
    return { isBroken, message, payload: isBroken ? broken(random, message) : message };
  });
  const rest = random.chance(0.1) ? random.bytes(Math.min(random.pick(NUMBERS), 3000)) : undefined;
  const bytes = (nonce: Uint8Array): Uint8Array => {
    const frames = payloads.map(({ isBroken, message, payload: said }) => {
      const payload = signedFor(nonce, said);
      if (!isBroken || random.chance(0.8)) return frame(random, payload);
      if (random.chance(0.5)) return frame(random, payload, random.pick(FIRST_BYTES));
      return mutate(random, frame(random, payload), [message]);
    });
    return concat(...frames, ...(rest === undefined ? [] : [rest]));
  };
  return { path: "/ws", bytes, inputs: Math.max(1, inputs) };
}

const NO_NONCE = new Uint8Array();

/** Of the challenge behind the answer to an upgrade; undefined: it is not all here. */
function nonceIn(answer: Buffer): Uint8Array | undefined {
  const start = answer.indexOf("\r\n\r\n") + 4;
  const end = start + 2 + (answer[start + 1] ?? Infinity);
  if (start < 4 || answer.length < end) return undefined;
  const challenge = decodeControl(answer.subarray(start + 2, end), "anyone");
  return challenge.t === "challenge" ? challenge.nonce : NO_NONCE;
}

class WireTarget implements Target {
  readonly #fuzzed: FuzzedRelay;
  readonly #sockets: Socket[] = [];
  #played = 0;

  constructor(fuzzed: FuzzedRelay) {
    this.#fuzzed = fuzzed;
  }

  async play(random: Random): Promise<number> {
    const { path, bytes, inputs } = saying(random);
    await this.#send(path, bytes, random.chance(0.3));
    if (++this.#played % CHECK_EVERY === 0) await this.#fuzzed.checkServes();
    this.#fuzzed.check();
    return inputs;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    await this.#fuzzed.checkEmpty();
    await this.#fuzzed.checkDescriptors();
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    return this.#fuzzed[Symbol.asyncDispose]();
  }

  /** Resolves when all is with the kernel, or the relay closed. */
  #send(path: string, bytes: Saying["bytes"], hangsUp: boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect(this.#fuzzed.relay.port, "127.0.0.1", () => {
      const head =
        `GET ${path} HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
      socket.write(head);
    });
    let answer = Buffer.alloc(0);
    let hasSpoken = false;
    socket.on("data", (more: Buffer) => {
      if (hasSpoken) return;
      answer = Buffer.concat([answer, more]);
      const nonce = path === "/ws" ? nonceIn(answer) : NO_NONCE;
      if (nonce === undefined) return;
      hasSpoken = true;
      socket.write(bytes(nonce), () => {
        if (hangsUp) socket.end();
        resolve();
      });
    });
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    this.#sockets.push(socket);
    if (this.#sockets.length > AT_ONCE) this.#sockets.shift()?.destroy();
    return promise;
  }
}

export const WIRE: TargetKind = {
  name: "wire",
  weight: 5,
  start: async () => new WireTarget(await FuzzedRelay.start()),
};
