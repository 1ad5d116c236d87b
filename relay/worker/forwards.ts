/**
 * The lines of one worker that each carry a sender to the relay of the cluster that stores its share. Bytes that this relay
 * does not take at once wait here, in the memory budget of the worker. Beyond UNREAD_BYTES the worker stops reading the
 * sender, so a slow relay holds up its own senders alone. The worker owns it.
 */
import {
  FRAME_BYTES,
  FaultError,
  fromHex,
  type Message,
  type SyncPrimitives,
} from "../../protocol/mod.ts";

import { ForwardLine as Conversation, awayFor } from "../cluster/forward-line.ts";
import type { Greeter } from "../cluster/greeting.ts";
import { ClusterSecret } from "../cluster/proof.ts";
import { CLOSE_MS } from "../limits/limits.ts";
import type { MemoryBudget, MemoryPlace } from "../limits/memory-budget.ts";
import type { Carrier, ForwardEvents, ForwardLine, ForwardTarget } from "../share/forwarded.ts";
import { RelayLine } from "./relay-line.ts";
import type { Reporter } from "./reports.ts";
import type { ClusterPlace } from "./thread-messages.ts";

/**
 * Senders of one worker whose shares are elsewhere: as many file descriptors as their own connections take. With the
 * usual limit of 1024 open files half of them are left to other clients.
 */
export const FORWARDS_MOST = 256;
/** The worker reads no more of a sender while so much waits for the other relay: one frame, so the next one is there in time. */
const UNREAD_BYTES = FRAME_BYTES;
/**
 * The line ends if more waits. A sender that pauses can't fill it: each of its 8 connections adds at most one frame after
 * the pause. bytes
 */
export const UNSENT_MOST_BYTES = 16 * FRAME_BYTES;
/** The pause between two looks at the kernel's buffer while bytes wait: with a frame at each look that is 100 MB/s. ms */
const LOOK_MS = 10;

export interface ForwardsOptions {
  readonly primitives: SyncPrimitives;
  readonly memory: MemoryBudget;
  /** Undefined: the relay is in no cluster. */
  readonly cluster: Pick<ClusterPlace, "secret" | "relay"> | undefined;
  readonly report: Reporter;
  readonly clock: () => number;
}

export class Forwards implements Carrier {
  readonly #options: ForwardsOptions;
  readonly #lines = new Set<CarryingLine>();
  /** Lines that send their last bytes, with their deadlines. ms */
  readonly #closing = new Map<RelayLine, number>();
  #looking: Timer | undefined;
  #isDraining = false;

  constructor(options: ForwardsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#lines.size;
  }

  forward(target: ForwardTarget, events: ForwardEvents): ForwardLine {
    const { cluster, primitives, memory, report, clock } = this.#options;
    const refusal =
      cluster === undefined || this.#isDraining
        ? "this relay takes no senders of shares of others now"
        : this.#lines.size >= FORWARDS_MOST &&
          `this worker has ${FORWARDS_MOST} senders of shares of other relays, and takes no more`;
    if (cluster === undefined || refusal !== false) {
      queueMicrotask(() => events.failed(new FaultError("going-away", String(refusal))));
      return { say: () => true, close: () => undefined };
    }
    const greeter = {
      relay: fromHex(cluster.relay) ?? new Uint8Array(0),
      secret: new ClusterSecret(cluster.secret, primitives),
      randomBytes: (length: number) => primitives.randomBytes(length),
    };
    const line = new CarryingLine({
      target,
      greeter,
      events,
      memory,
      clock,
      report,
      waits: () => this.#lookSoon(),
      gone: (rest) => {
        this.#lines.delete(line);
        if (rest !== undefined) this.#closing.set(rest, clock() + CLOSE_MS);
      },
    });
    this.#lines.add(line);
    return line;
  }

  tick(): void {
    const now = this.#options.clock();
    for (const line of this.#lines) line.tick(now);
    for (const [line, until] of this.#closing) {
      if (!line.isClosed && now < until) continue;
      line.terminate();
      this.#closing.delete(line);
    }
  }

  /** Opens no more lines. The hub sends the senders of open lines away. */
  drain(): void {
    this.#isDraining = true;
  }

  end(): void {
    for (const line of this.#lines) line.close();
    clearTimeout(this.#looking);
  }

  /** Looks at the lines soon, because a WebSocket of Bun does not tell when the kernel took bytes. */
  #lookSoon(): void {
    this.#looking ??= setTimeout(() => {
      this.#looking = undefined;
      let isAnyWaiting = false;
      for (const line of this.#lines) if (line.look()) isAnyWaiting = true;
      if (isAnyWaiting) this.#lookSoon();
    }, LOOK_MS);
  }
}

interface CarryingOptions {
  readonly target: ForwardTarget;
  readonly greeter: Greeter;
  readonly events: ForwardEvents;
  readonly memory: MemoryBudget;
  readonly clock: () => number;
  readonly report: Reporter;
  /** Bytes of the line wait for the kernel. */
  readonly waits: () => void;
  /** @param rest a line that still has bytes to send */
  readonly gone: (rest: RelayLine | undefined) => void;
}

class CarryingLine implements ForwardLine {
  readonly #options: CarryingOptions;
  readonly #socket: RelayLine;
  readonly #talk: Conversation;
  readonly #memory: MemoryPlace;
  #isHeld = false;
  #isOver = false;

  constructor(options: CarryingOptions) {
    this.#options = options;
    const { target, greeter, events, memory, clock } = options;
    const named = { channel: target.channel, forward: target.client };
    const host = {
      send: (bytes: Uint8Array) => this.#socket.send(bytes),
      message: (message: Message) => events.message(message),
      failed: (fault: FaultError) => this.#fail(fault),
    };
    this.#talk = new Conversation(greeter, named, host, clock());
    this.#socket = new RelayLine(
      target.address,
      {
        message: (bytes) => this.#talk.message(bytes),
        lost: (why) => this.#fail(awayFor(why)),
      },
      clock,
    );
    const holder = {
      address: target.client.address,
      room: () => undefined,
      cut: () => this.#fail(awayFor("that relay takes nothing, and others need the memory")),
    };
    this.#memory = memory.enter(holder, "arriving");
  }

  say(bytes: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#talk.say(bytes);
    const { unsent } = this.#socket;
    if (unsent === 0) return true;
    this.#memory.hold(unsent);
    this.#isHeld ||= unsent > UNREAD_BYTES;
    this.#options.waits();
    return !this.#isHeld;
  }

  /** @returns whether bytes still wait */
  look(): boolean {
    const { unsent } = this.#socket;
    this.#memory.hold(unsent);
    if (this.#isHeld && unsent <= UNREAD_BYTES) {
      this.#isHeld = false;
      this.#options.events.room();
    }
    return unsent > 0;
  }

  tick(now: number): void {
    this.#talk.tick(now);
    if (!this.#isOver) this.#socket.tick(UNSENT_MOST_BYTES);
  }

  close(): void {
    if (this.#isOver) return;
    this.#socket.close();
    this.#end(this.#socket);
  }

  #fail(fault: FaultError): void {
    if (this.#isOver) return;
    this.#socket.terminate();
    this.#end(undefined);
    const { relay, address } = this.#options.target;
    const fields = { relay, address, why: fault.detail ?? fault.code };
    this.#options.report({ level: "warn", event: "forward-lost", fields });
    this.#options.events.failed(fault);
  }

  #end(rest: RelayLine | undefined): void {
    this.#isOver = true;
    this.#memory.leave();
    this.#options.gone(rest);
  }
}
