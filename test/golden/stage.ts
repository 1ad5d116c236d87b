/** A relay and clients in one thread and in virtual time, whose every byte is written down. */
import { createHash } from "node:crypto";
import {
  encodeControl,
  faultMessage,
  FAULTS,
  keysOfMaster,
  PROTOCOL_VERSION,
  REASON_CHARACTERS,
  type Code,
  type Keys,
  type Message,
  type MessageOf,
  type Role,
  type SocketFault,
  type SyncPrimitives,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { Directory } from "../../relay/main/directory.ts";
import { Hub } from "../../relay/share/hub.ts";
import type { RecordPlace } from "../../relay/log/block-log.ts";
import {
  SingleSends,
  type Outlet,
  type SendResult,
  type SocketId,
} from "../../relay/share/outlet.ts";
import { BlockPool, createPool } from "../../relay/log/block-pool.ts";
import { helloTo } from "../support/relay/channel.ts";
import { GoldenReceiver, GoldenSender, type SessionClient } from "./clients.ts";
import { StageStore } from "./stage-store.ts";
import {
  hexOf,
  named,
  type Conversation,
  type Happening,
  type Part,
  type ReceiverPart,
  type SenderPart,
  type Step,
} from "./conversation.ts";

export const CODE = "amused-oyster-velvet-crisp-lunar-solid-worry" as Code;

/** ms between two ticks of clients; those of the relay fall between them. */
export const CLIENT_TICK = 50;
export const FIRST_CLIENT_TICK = 25;
const RELAY_TICK = 250;

/** Bytes that look like chance and are always the same. */
export function seeded(seed: string): SyncPrimitives {
  let count = 0;
  return {
    ...nodePrimitives,
    randomBytes(length) {
      const digest = createHash("sha512").update(`${seed} ${count++}`).digest();
      return new Uint8Array(digest.subarray(0, length));
    },
  };
}

interface Line {
  readonly name: string;
  readonly socket: SocketId;
  open: boolean;
  nonce?: Uint8Array;
}

export class GoldenStage {
  now = 0;
  readonly steps: Step[] = [];
  readonly #parts: Record<string, Part> = {};
  readonly #sessions = new Map<string, SessionClient>();
  readonly #keys: Keys;
  readonly #lines = new Map<SocketId, Line>();
  readonly #current = new Map<string, Line>();
  readonly #posts: (() => void)[] = [];
  readonly #directory: Directory;
  readonly #hub: Hub;
  readonly #store: StageStore | undefined;
  #nextSocket = 1;

  constructor(keys: Keys, { hasStore = false } = {}) {
    this.#keys = keys;
    this.#directory = new Directory({
      toWorker: (_worker, message) => this.#post(() => this.#hub.directory(message, this.now)),
      workers: () => [0],
    });
    const pool = new BlockPool(createPool(64, 1), 0);
    const post = (run: () => void): void => this.#post(run);
    this.#store = hasStore
      ? new StageStore({
          directory: this.#directory,
          now: () => this.now,
          post,
          toWorker: (message) => post(() => this.#hub.storeBook(message, this.now)),
        })
      : undefined;
    this.#hub = new Hub({
      worker: 0,
      pool,
      outlet: this.#outlet(pool),
      primitives: seeded("relay"),
      toDirectory: (message) => {
        post(() => {
          if (this.#store?.hears(message) !== true) this.#directory.handle(message, this.now);
        });
      },
      ...this.#store?.hub,
    });
  }

  conversation(about: string): Conversation {
    return { about, version: PROTOCOL_VERSION, code: CODE, parts: this.#parts, steps: this.steps };
  }

  sender(name: string, part: Omit<SenderPart, "role">): GoldenSender {
    const all = { role: "sender", ...part } as const;
    return this.#add(name, all, new GoldenSender(all, this.#setting(name)));
  }

  receiver(name: string, part: Omit<ReceiverPart, "role" | "name">): GoldenReceiver {
    const all = { role: "receiver", name, ...part } as const;
    return this.#add(name, all, new GoldenReceiver(all, this.#setting(name)));
  }

  /** A line whose messages are made by hand. */
  raw(name: string): this {
    this.#parts[name] ??= { role: "raw" };
    this.#connect(name);
    return this.#settle();
  }

  say(name: string, message: Message | Uint8Array): this {
    const line = this.#current.get(name);
    if (line?.open !== true) throw new Error(`${name} has no line`);
    const bytes = message instanceof Uint8Array ? message : encodeControl(message);
    this.#says(line, bytes);
    return this.#settle();
  }

  /** Answers the challenge of its line. */
  hello(name: string, role: Role, more: Partial<MessageOf<"hello">> = {}): this {
    const nonce = this.#current.get(name)?.nonce;
    if (nonce === undefined) throw new Error(`${name} has no challenge`);
    return this.say(name, { ...helloTo({ nonce }, role, this.#keys), ...more });
  }

  hangUp(name: string): this {
    const line = this.#current.get(name);
    if (line?.open === true) this.#close(line, { is: "closed", by: "client" });
    return this.#settle();
  }

  act(name: string, what: string): this {
    this.#note(name, { is: "does", what });
    const session = this.#sessions.get(name);
    if (what === "start") session?.start(this.now);
    else session?.act(what, this.now);
    return this.#settle();
  }

  /** The line of a client breaks. */
  cut(name: string): this {
    const line = this.#current.get(name);
    if (line?.open !== true) throw new Error(`${name} has no line`);
    this.#close(line, { is: "closed", by: "network" });
    this.#post(() => this.#sessions.get(name)?.lost(this.now));
    return this.#settle();
  }

  run(ms: number): this {
    const end = this.now + ms;
    while (this.now < end) {
      this.now += CLIENT_TICK / 2;
      if (this.now % RELAY_TICK === 0) {
        this.#directory.tick(this.now);
        this.#hub.tick(this.now);
        this.#store?.tick();
        this.#settle();
      }
      if (this.now % CLIENT_TICK !== FIRST_CLIENT_TICK) continue;
      for (const [name, session] of this.#sessions) {
        if (this.#hasStarted(name)) session.tick(this.now);
        this.#settle();
      }
    }
    return this;
  }

  #hasStarted(name: string): boolean {
    return this.steps.some(({ client, is }) => client === name && is === "does");
  }

  #add<Session extends SessionClient>(name: string, part: Part, session: Session): Session {
    this.#parts[name] = part;
    this.#sessions.set(name, session);
    return session;
  }

  #setting(name: string) {
    return {
      keys: this.#keys,
      primitives: seeded(name),
      hooks: {
        connect: () => this.#connect(name),
        say: (bytes: Uint8Array) => {
          const line = this.#current.get(name);
          if (line?.open === true) this.#says(line, bytes);
        },
        close: () => {
          const line = this.#current.get(name);
          if (line?.open === true) this.#close(line, { is: "closed", by: "client" });
        },
      },
    };
  }

  #connect(name: string): void {
    const line: Line = { name, socket: this.#nextSocket++, open: true };
    this.#current.set(name, line);
    this.#lines.set(line.socket, line);
    this.#post(() => {
      this.#note(name, { is: "opened" });
      this.#hub.opened(line.socket, this.now);
      this.#sessions.get(name)?.opened(this.now);
    });
  }

  #says(line: Line, bytes: Uint8Array): void {
    this.#note(line.name, { is: "says", what: named(bytes), hex: hexOf(bytes) });
    this.#hub.message(line.socket, bytes, this.now);
  }

  #close(line: Line, how: Happening): void {
    line.open = false;
    this.#note(line.name, how);
    this.#post(() => {
      this.#lines.delete(line.socket);
      this.#hub.closed(line.socket, this.now);
    });
  }

  #outlet(pool: BlockPool): Outlet {
    const give = (socket: SocketId, bytes: Uint8Array): void => {
      const line = this.#lines.get(socket);
      if (line?.open !== true) return;
      this.#note(line.name, { is: "hears", what: named(bytes), hex: hexOf(bytes) });
      this.#post(() => {
        if (line.open) this.#sessions.get(line.name)?.received(bytes, this.now);
      });
    };
    return {
      noPing: () => undefined,
      buffered: () => 0,
      sendFrame: (socket, { block, offset, length }: RecordPlace): SendResult => {
        give(socket, pool.view(block, offset, length).slice());
        return "sent";
      },
      newTopic() {
        return new SingleSends(this);
      },
      send: (socket, message) => {
        const line = this.#lines.get(socket);
        if (line !== undefined && message.t === "challenge") line.nonce = message.nonce;
        give(socket, encodeControl(message));
      },
      fail: (socket, code: SocketFault, detail?: string) => {
        const line = this.#lines.get(socket);
        if (line?.open !== true) return;
        const { retry, closeCode } = FAULTS[code];
        const message = (detail ?? faultMessage(code)).slice(0, REASON_CHARACTERS);
        give(socket, encodeControl({ t: "fault", code, message, retry }));
        this.#post(() => {
          if (!line.open) return;
          this.#close(line, {
            is: "closed",
            by: "relay",
            code: closeCode === 0 ? 1000 : closeCode,
          });
          this.#sessions.get(line.name)?.lost(this.now);
        });
      },
    };
  }

  #note(client: string, happening: Happening): void {
    this.steps.push({ at: this.now, client, ...happening });
  }

  /** Messages between the two sides wait until the turn is over. */
  #post(run: () => void): void {
    this.#posts.push(run);
  }

  #settle(): this {
    for (let post = this.#posts.shift(); post !== undefined; post = this.#posts.shift()) post();
    return this;
  }
}

/** Keys of CODE without its scrypt. */
export function goldenKeys(master: Uint8Array): Keys {
  return keysOfMaster(master, nodePrimitives);
}
