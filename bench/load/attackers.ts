/**
 * Clients that only get in the way: they connect, send half of a request, then a byte now and then, and
 * come again when the server sends them away. Each comes from an address of its own, as far as
 * 127.0.0.0/16 goes round, so that a limit per address does not keep them all out.
 * Argument: how many.
 */
import { connect, type Socket } from "node:net";

import {
  SIGNING_SEED_BYTES,
  decodeControl,
  encodeControl,
  helloMessage,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";

import { runLoad, say, type Load } from "./child.ts";

/** ms between two bytes of one of them */
const DRIP_MS = 1000;
/** ms after which one that was sent away comes again */
const AGAIN_MS = 1000;
/** Addresses that they come from. */
const ADDRESSES = 250 * 250;

interface Attack {
  readonly name: string;
  /** The bytes that it sends at once. */
  readonly first: (host: string) => string | Uint8Array;
  /** The bytes that it sends when the upgrade was answered; undefined: more of the answer has to come. */
  readonly upgraded?: (answer: Buffer) => Uint8Array | undefined;
  /** The bytes that it sends again and again. */
  readonly drip?: Uint8Array;
}

const A_BYTE = new Uint8Array([0x61]);

const upgrade = (path: string) => (host: string) =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const ATTACKS: readonly Attack[] = [
  { name: "silent", first: () => "" },
  { name: "slowHeads", first: (host) => `GET / HTTP/1.1\r\nHost: ${host}\r\nX: `, drip: A_BYTE },
  {
    name: "slowBodies",
    first: (host) =>
      `PUT /lobby/attack HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000000\r\n\r\n`,
    drip: A_BYTE,
  },
  { name: "withoutHello", first: upgrade("/ws") },
  {
    name: "halfFrames",
    first: upgrade("/ws"),
    upgraded: (answer) => {
      const hello = helloTo(answer);
      return hello && Buffer.concat([message(hello), head(2 ** 20 - 1)]);
    },
    drip: A_BYTE,
  },
  {
    name: "halfTexts",
    first: upgrade("/sender"),
    upgraded: () => head(2 ** 20 - 1),
    drip: A_BYTE,
  },
];

/** A hello as a sender of a channel of its own, once the challenge is there. */
function helloTo(answer: Buffer): Uint8Array | undefined {
  const start = answer.indexOf("\r\n\r\n") + 4;
  const end = start + 2 + (answer[start + 1] ?? 0);
  if (start < 4 || answer.length < start + 2 || answer.length < end) return undefined;
  const challenge = decodeControl(answer.subarray(start + 2, end), "relay-to-sender");
  if (challenge.t !== "challenge") return undefined;
  const signer = nodePrimitives.signer(nodePrimitives.randomBytes(SIGNING_SEED_BYTES));
  return encodeControl(helloMessage(challenge, "sender", { signer }));
}

/** The head of a binary message of a client, masked with zeros. RFC 6455, 5.2 */
function head(length: number): Uint8Array {
  const bytes = new Uint8Array(14);
  bytes.set([0x82, 0x80 | 127]);
  new DataView(bytes.buffer).setBigUint64(2, BigInt(length));
  return bytes;
}

function message(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([head(bytes.length), bytes]);
}

class Attacker {
  readonly #attack: Attack;
  readonly #url: URL;
  readonly #localAddress: string;
  readonly #counts: Record<string, number>;
  #socket: Socket | undefined;
  #isUpgraded = false;

  constructor(number: number, url: URL, counts: Record<string, number>) {
    this.#attack = ATTACKS[number % ATTACKS.length]!;
    this.#url = url;
    const place = number % ADDRESSES;
    this.#localAddress = `127.0.${1 + Math.floor(place / 250)}.${1 + (place % 250)}`;
    this.#counts = counts;
  }

  /** Resolves when it is there, or was sent away. */
  come(): Promise<void> {
    const { hostname, port, host } = this.#url;
    const there = Promise.withResolvers<void>();
    const socket = connect({
      host: hostname,
      port: Number(port),
      localAddress: this.#localAddress,
    });
    this.#socket = socket;
    this.#isUpgraded = false;
    socket.on("connect", () => {
      this.#count("attacks");
      socket.write(this.#attack.first(host));
      there.resolve();
    });
    let answer = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      const { upgraded } = this.#attack;
      if (upgraded === undefined || this.#isUpgraded) return;
      answer = Buffer.concat([answer, bytes]);
      const next = upgraded(answer);
      if (next === undefined) return;
      this.#isUpgraded = true;
      socket.write(next);
    });
    // `close` follows.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      there.resolve();
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#count("attacksSentAway");
      setTimeout(() => void this.come(), AGAIN_MS);
    });
    return there.promise;
  }

  drip(): void {
    const { drip, upgraded } = this.#attack;
    if (drip !== undefined && (upgraded === undefined || this.#isUpgraded))
      this.#socket?.write(drip);
  }

  get isThere(): boolean {
    return this.#socket?.readyState === "open";
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}

await runLoad(async ({ url }): Promise<Load> => {
  const counts: Record<string, number> = { attacks: 0, attacksSentAway: 0 };
  const relay = new URL(url.replace(/^ws/, "http"));
  const count = Number(process.argv[2]);
  const all = Array.from({ length: count }, (_, number) => new Attacker(number, relay, counts));
  await Promise.all(all.map((each) => each.come()));
  setInterval(() => {
    for (const each of all) each.drip();
  }, DRIP_MS);
  say({ t: "ready" });
  return {
    go: () => undefined,
    stop() {
      const attackersThere = all.filter(({ isThere }) => isThere).length;
      say({ t: "done", receivers: [], extra: { ...counts, attackersThere } });
    },
  };
});
