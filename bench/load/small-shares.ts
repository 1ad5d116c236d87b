/**
 * One small share after the other through a relay, in the real protocol: each has a sender of its own,
 * which connects, offers, gets its receipt and goes; the receiver stays, as in the lobby. Nothing is
 * encrypted. Arguments: how many shares, and after how many seconds no further one is begun.
 */
import {
  WINDOW_RECORDS,
  decodeControl,
  decodeFrame,
  encodeControl,
  encodeFrame,
  equalBytes,
  helloMessage,
  isFrame,
  isOfShare,
  shareIdFromProof,
  type Message,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { percentile } from "../stats.ts";

import { runLoad, say, type Load } from "./child.ts";
import type { Plan } from "./contract.ts";
import { channelSigner } from "./frame-share.ts";
import { PATTERN_BYTES, at, matches } from "./pattern.ts";
import { BINARY, LoadSocket, type Piece } from "./socket.ts";

/** Shares before the clock starts. */
const WARM_SHARES = 50;
const NO_NAME = new Uint8Array(0);
const MAC = new Uint8Array(16);

class Peer {
  readonly #socket: LoadSocket;

  private constructor(socket: LoadSocket) {
    this.#socket = socket;
  }

  /** @param take gets whole messages, which it must not keep */
  static async connect(
    url: string,
    take: (message: Uint8Array, peer: Peer) => void,
  ): Promise<Peer> {
    let peer: Peer | undefined;
    let held: Uint8Array[] = [];
    const socket = await LoadSocket.connect(url, {
      piece({ bytes, last }: Piece, self) {
        held.push(last && held.length === 0 ? bytes : bytes.slice());
        if (!last) return;
        const whole = held.length === 1 ? held[0]! : Buffer.concat(held);
        held = [];
        try {
          peer ??= new Peer(self);
          take(whole, peer);
        } catch (error) {
          say({ t: "wrong", what: error instanceof Error ? error.message : String(error) });
        }
      },
      closed: (why) => say({ t: "wrong", what: `a line ended: ${why}` }),
    });
    return peer ?? new Peer(socket);
  }

  say(message: Message): void {
    this.#socket.send(BINARY, encodeControl(message));
  }

  frame(bytes: Uint8Array): void {
    this.#socket.send(BINARY, bytes);
  }

  leave(): void {
    this.#socket.terminate();
  }
}

/** The shares under way. */
interface Share {
  readonly id: Uint8Array;
  /** Where in the pattern its bytes begin. */
  readonly offset: number;
  readonly saved: PromiseWithResolvers<void>;
  readonly ended: PromiseWithResolvers<void>;
}

async function start(plan: Plan): Promise<Load> {
  const { size } = plan;
  const [count = 0, seconds = 0] = process.argv.slice(2).map(Number);
  const url = `${plan.url}/ws`;
  const signer = channelSigner(plan.id);
  const receiverId = nodePrimitives.randomBytes(16);
  const welcomed = Promise.withResolvers<void>();
  let current: Share | undefined;
  let isStopped = false;

  await Peer.connect(url, (message, receiver) => {
    if (isFrame(message)) takeFrame(message, receiver);
    else takeMessage(decodeControl(message, "relay-to-receiver"), receiver);
  });
  await welcomed.promise;

  function takeFrame(bytes: Uint8Array, receiver: Peer): void {
    const { tag, index, last, ciphertext } = decodeFrame(bytes);
    const share = current;
    const isRight =
      share !== undefined &&
      isOfShare(tag, share.id) &&
      index === 0 &&
      last &&
      ciphertext.length === size &&
      matches(ciphertext, share.offset);
    if (!isRight) throw new Error("a frame is not as it was sent");
    receiver.say({ t: "complete", share: share.id, records: 1, mac: MAC });
  }

  function takeMessage(message: Message, receiver: Peer): void {
    switch (message.t) {
      case "challenge":
        receiver.say(helloMessage(message, "receiver", { signer }));
        return;
      case "offers": {
        welcomed.resolve();
        for (const { share } of message.list) {
          if (current === undefined || !equalBytes(share, current.id)) continue;
          const window = WINDOW_RECORDS;
          receiver.say({ t: "join", share, receiver: receiverId, name: NO_NAME, from: 0, window });
        }
        return;
      }
      case "completed":
        current?.saved.resolve();
        return;
      case "end":
        current?.ended.resolve();
        return;
      case "cancel":
      case "fault":
        throw new Error(`the relay told the receiver ${JSON.stringify(message)}`);
      default:
    }
  }

  /** ms from the sender's first packet until the receiver knows that its receipt arrived */
  async function send(number: number): Promise<number> {
    const proof = nodePrimitives.randomBytes(32);
    const id = shareIdFromProof(proof, nodePrimitives);
    const offset = (number * 4099) % PATTERN_BYTES;
    const share = {
      id,
      offset,
      saved: Promise.withResolvers<void>(),
      ended: Promise.withResolvers<void>(),
    };
    current = share;
    const startedAt = performance.now();
    const sender = await Peer.connect(url, (bytes, sender) => {
      const message = decodeControl(bytes, "relay-to-sender");
      switch (message.t) {
        case "challenge":
          sender.say(helloMessage(message, "sender", { signer }));
          return;
        case "welcome":
          sender.say({
            t: "offer",
            share: id,
            recordSize: size,
            records: 1,
            bytes: size,
            seekable: true,
            proof,
          });
          return;
        case "want":
          if (message.first === 0) sender.frame(encodeFrame(id, 0, true, at(offset, size)));
          return;
        case "receipt":
          sender.say({ t: "receipted", share: id, receiver: receiverId });
          return;
        case "fault":
          throw new Error(`the relay told a sender ${message.code}: ${message.message}`);
        default:
      }
    });
    await share.saved.promise;
    const took = performance.now() - startedAt;
    sender.say({ t: "end", share: id });
    await share.ended.promise;
    sender.leave();
    return took;
  }

  async function run(): Promise<void> {
    const startedAt = performance.now();
    const times: number[] = [];
    while (times.length < count) {
      times.push(await send(WARM_SHARES + times.length));
      if (isStopped || performance.now() - startedAt >= seconds * 1000) break;
    }
    const took = (performance.now() - startedAt) / 1000;
    const extra = {
      shares: times.length,
      seconds: took,
      p50: percentile(times, 0.5) / 1000,
      p99: percentile(times, 0.99) / 1000,
      most: Math.max(...times) / 1000,
    };
    say({ t: "done", receivers: [], extra });
  }

  for (let number = 0; number < WARM_SHARES; number++) await send(number);
  say({ t: "ready" });
  return {
    go: () => void run(),
    stop() {
      isStopped = true;
    },
  };
}

await runLoad(start);
