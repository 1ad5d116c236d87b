/** The relay's logic, of two workers, with clients that say what others once said, mutated. */
import {
  CONTROL_BYTES,
  decodeControl,
  encodeControl,
  FAULTS,
  FRAME_BYTES,
  SENDER_GRACE_MS,
  type FaultCode,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { Directory } from "../../relay/main/directory.ts";
import { Hub } from "../../relay/share/hub.ts";
import type { FromDirectory, ToDirectory } from "../../relay/share/messages.ts";
import {
  SingleSends,
  type Outlet,
  type SendResult,
  type SocketId,
} from "../../relay/share/outlet.ts";
import { createPool, type PoolBuffers } from "../../relay/log/block-pool.ts";
import { bytesOf } from "../golden/conversation.ts";
import { CheckedPool, Ledger } from "../simulation/checked-pool.ts";
import type { Random } from "../simulation/random.ts";
import { broken, CONTROLS, CONVERSATIONS, signedFor } from "./corpus.ts";
import { Broken, checkCode, type TargetKind } from "./target.ts";

const WORKERS = 2;
/** Fewer than some conversations would like. */
const BLOCKS = 6;
const BLOCK_BYTES = FRAME_BYTES;
const PAUSES = [0, 0, 0, 20, 250, 250, 1000, 6000, 20_000, 70_000];
/** Between threads, at one word of a client. */
const POSTS_AT_ONCE = 10_000;

interface Line {
  readonly worker: number;
  readonly socket: SocketId;
  /** It was told a fault: nothing more is read. */
  failed: boolean;
  full: boolean;
  nonce: Uint8Array;
}

class FuzzRelay {
  now = 0;
  readonly #random: Random;
  readonly #buffers: PoolBuffers = createPool(BLOCKS, WORKERS, BLOCK_BYTES);
  readonly #ledger = new Ledger();
  readonly #hubs: Hub[] = [];
  readonly #directory: Directory;
  readonly #lines = new Map<SocketId, Line>();
  readonly #posts: (() => void)[] = [];
  #nextSocket: SocketId = 1;

  constructor(random: Random) {
    this.#random = random;
    this.#directory = new Directory({
      toWorker: (worker, message: FromDirectory) =>
        this.#posts.push(() => this.#hubs[worker]?.directory(message, this.now)),
      workers: () => this.#hubs.keys(),
    });
    for (let worker = 0; worker < WORKERS; worker++) {
      const pool = new CheckedPool(this.#buffers, worker, this.#ledger);
      this.#hubs.push(
        new Hub({
          worker,
          pool,
          outlet: this.#outlet(pool),
          primitives: nodePrimitives,
          toDirectory: (message: ToDirectory) =>
            this.#posts.push(() => this.#directory.handle(message, this.now)),
        }),
      );
    }
  }

  open(): Line {
    const worker = this.#random.whole(0, WORKERS - 1);
    const nonce: Uint8Array = new Uint8Array();
    const line = { worker, socket: this.#nextSocket++, failed: false, full: false, nonce };
    this.#lines.set(line.socket, line);
    this.#hubs[worker]?.opened(line.socket, this.now);
    return line;
  }

  say(line: Line, bytes: Uint8Array): void {
    if (line.failed) return;
    // Now and then a hello is one that was overheard.
    const said = this.#random.chance(0.95) ? signedFor(line.nonce, bytes) : bytes;
    this.#hubs[line.worker]?.message(line.socket, said, this.now);
    if (this.#random.chance(0.9)) this.settle();
  }

  hasRoom(line: Line): void {
    if (!line.full || line.failed) return;
    line.full = false;
    this.#hubs[line.worker]?.drained(line.socket, this.now);
  }

  close(line: Line): void {
    if (!this.#lines.delete(line.socket)) return;
    this.#hubs[line.worker]?.closed(line.socket, this.now);
  }

  wait(ms: number): void {
    this.now += ms;
    this.#directory.tick(this.now);
    for (const hub of this.#hubs) hub.tick(this.now);
    this.settle();
  }

  /** It is told to end: nobody new is let in, and transfers run on. */
  drain(): void {
    this.#directory.drain();
    for (const hub of this.#hubs) hub.drain(this.now);
    this.settle();
  }

  settle(): void {
    for (let posts = 0; ; posts++) {
      const post = this.#posts.shift();
      if (post === undefined) return;
      if (posts > POSTS_AT_ONCE) throw new Broken("threads talk without end");
      post();
    }
  }

  /** All go, and what they left is waited out. */
  end(): void {
    for (const line of this.#lines.values()) this.close(line);
    this.settle();
    this.wait(SENDER_GRACE_MS);
    this.wait(SENDER_GRACE_MS);
    for (const hub of this.#hubs) {
      if (hub.sockets > 0) throw new Broken(`${hub.sockets} sockets are left`);
      for (const { record } of hub.shares) throw new Broken(`share ${record.key} is left`);
    }
    if (this.#directory.shares > 0) throw new Broken("the directory has shares left");
    if (this.#ledger.held > 0) throw new Broken(`${this.#ledger.held} blocks are left`);
    const { owners, pins, holders } = this.#buffers;
    for (const [name, left] of Object.entries({ owners, pins, holders })) {
      if (new Int32Array(left).some((value) => value !== 0)) throw new Broken(`${name} are left`);
    }
  }

  #outlet(pool: CheckedPool): Outlet {
    return {
      noPing: () => undefined,
      buffered: (socket) => (this.#lines.get(socket)?.full === true ? BLOCK_BYTES : 0),
      sendFrame: (socket, { block, offset, length }): SendResult => {
        const line = this.#lines.get(socket);
        if (line === undefined || line.failed) return "refused";
        if (line.full) throw new Broken("a second frame before the first is through");
        pool.view(block, offset, length);
        line.full = this.#random.chance(0.2);
        return line.full ? "queued" : "sent";
      },
      newTopic() {
        return new SingleSends(this);
      },
      send: (socket, message) => {
        const line = this.#lines.get(socket);
        if (message.t === "challenge" && line !== undefined) line.nonce = message.nonce;
        const bytes = encodeControl(message);
        if (bytes.length > CONTROL_BYTES) throw new Broken("a message too long");
        decodeControl(bytes, "anyone");
      },
      fail: (socket, code: FaultCode) => {
        checkCode(code);
        if (FAULTS[code].closeCode === 0) throw new Broken(`${code} does not close a line`);
        const line = this.#lines.get(socket);
        if (line !== undefined) line.failed = true;
      },
    };
  }
}

function play(random: Random): number {
  const relay = new FuzzRelay(random);
  let inputs = 0;
  const drains = random.chance(0.2);
  // One after another, so that each finds what those before left.
  for (let more = random.whole(1, 3); more > 0; more--) {
    const [, { steps }] = random.pick(CONVERSATIONS);
    const lines = new Map<string, Line>();
    const soundUpTo = random.whole(0, steps.length);
    for (const [at, step] of steps.entries()) {
      const line = lines.get(step.client);
      if (step.is === "opened") {
        if (line !== undefined && random.chance(0.5)) relay.close(line);
        lines.set(step.client, relay.open());
      } else if (step.is === "closed" && line !== undefined) {
        if (random.chance(0.8)) relay.close(line);
      } else if (step.is === "says" && line !== undefined) {
        const bytes = bytesOf(step);
        if (at < soundUpTo || random.chance(0.5)) relay.say(line, bytes);
        else inputs += sayBroken(random, relay, line, lines, bytes);
      }
      if (drains && random.chance(0.02)) relay.drain();
      if (random.chance(0.15)) relay.wait(random.pick(PAUSES));
      if (random.chance(0.3)) for (const each of lines.values()) relay.hasRoom(each);
    }
    for (const line of lines.values()) if (random.chance(0.7)) relay.close(line);
  }
  relay.end();
  return Math.max(1, inputs);
}

function sayBroken(
  random: Random,
  relay: FuzzRelay,
  line: Line,
  lines: ReadonlyMap<string, Line>,
  bytes: Uint8Array,
): number {
  switch (random.whole(0, 7)) {
    case 0: // lost
      return 1;
    case 1:
      relay.say(line, bytes);
      relay.say(line, bytes);
      return 1;
    case 2: // by another
      relay.say(random.pick([...lines.values()]), bytes);
      return 1;
    case 3:
      relay.say(line, random.pick(CONTROLS));
      return 1;
    default:
      relay.say(line, broken(random, bytes));
      return 1;
  }
}

export const HUB: TargetKind = {
  name: "hub",
  weight: 8,
  start: () => ({
    play,
    end: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
};
