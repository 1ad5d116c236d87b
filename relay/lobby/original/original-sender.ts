import type { FaultCode } from "../../../protocol/mod.ts";

import { closeReason } from "../../net/refusal.ts";
import type { MemoryPlace } from "../../limits/memory-budget.ts";
import type { Limits } from "../../limits/operator-limits.ts";
import { clearName } from "../clear-name.ts";
import type { LobbyContext } from "../context.ts";
import { LobbySender, type LobbyOutcome } from "../lobby-sender.ts";
import {
  GOING_AWAY,
  POLICY,
  TRY_AGAIN,
  type OriginalSession,
  type OriginalSocket,
} from "./original-socket.ts";

/** The message that ends a file of the original app. */
const END_OF_FILE = new TextEncoder().encode("__end__");
const NO_MEMORY = "too many wait for the relay's memory";
const SUCCESS = "File transfer successful";

/** The original app's sender sends a name, the bytes, and `__end__`. */
export class OriginalSender implements OriginalSession {
  readonly #context: LobbyContext;
  readonly #socket: OriginalSocket;
  #sender: LobbySender | undefined;
  #isThrough = false;
  readonly #memory: MemoryPlace;
  /** The share takes no more for now; the relay has no memory for its messages. */
  #isFull = false;
  #isHeldBack = false;
  /** Since when it has no share: none yet, or none any more. */
  #idleSince: number | undefined;

  constructor(socket: OriginalSocket, context: LobbyContext) {
    this.#socket = socket;
    this.#context = context;
    this.#idleSince = context.clock();
    this.#memory = context.memory.enter(
      {
        address: socket.data.client.limitKey,
        room: () => this.#read({ isHeldBack: false }),
        cut: () => socket.close(TRY_AGAIN, NO_MEMORY),
      },
      "arriving",
    );
  }

  /** The name of its file is its hello. After its file it has as long to leave. */
  overdue(limits: Limits, now: number): "hello-timeout" | "done" | undefined {
    const since = this.#idleSince;
    if (since === undefined || now - since < limits["hello-timeout"]) return undefined;
    return this.#sender === undefined ? "hello-timeout" : "done";
  }

  /** A message of the original app may have up to 16 MiB. */
  arrived(bytes: number): void {
    const room = this.#memory.ask(Math.max(0, bytes - this.#memory.bytes));
    this.#memory.hold(bytes);
    if (room === "wait") this.#read({ isHeldBack: true });
    else if (room === "full") this.#socket.close(TRY_AGAIN, NO_MEMORY);
  }

  message(message: string | Uint8Array): void {
    this.#memory.hold(0);
    if (this.#sender === undefined) {
      if (typeof message === "string") this.#begin(message);
      else this.#socket.close(POLICY, "the name of the file comes first, as text");
      return;
    }
    // Text amid the bytes is no part of the file, and neither is anything after the end.
    if (typeof message === "string" || this.#isThrough) return;
    if (Buffer.compare(message, END_OF_FILE) === 0) {
      this.#isThrough = true;
      this.#sender.end();
    } else if (!this.#sender.write(message)) {
      this.#read({ isFull: true });
    }
  }

  /** The socket is read while neither holds. */
  #read({ isFull = this.#isFull, isHeldBack = this.#isHeldBack }): void {
    this.#isFull = isFull;
    this.#isHeldBack = isHeldBack;
    if (isFull || isHeldBack) this.#socket.pause();
    else this.#socket.resume();
  }

  tick(): void {
    this.#sender?.tick();
  }

  drained(): void {
    // It gets a single message.
  }

  closed(): void {
    this.#memory.leave();
    this.#sender?.abort();
  }

  #begin(name: string): void {
    this.#idleSince = undefined;
    this.#sender = new LobbySender({
      ...this.#context,
      client: this.#socket.data.client,
      name: clearName(name),
      size: undefined,
      waitFor: 0,
      events: {
        room: () => this.#read({ isFull: false }),
        receiver: () => undefined,
        over: (outcome) => this.#over(outcome),
      },
    });
  }

  #over({ fault, detail }: LobbyOutcome): void {
    this.#idleSince = this.#context.clock();
    if (fault === undefined) this.#socket.sendText(SUCCESS);
    else this.#socket.close(closeCode(fault), closeReason(fault, detail));
  }
}

function closeCode(fault: FaultCode): number {
  return fault === "going-away" ? GOING_AWAY : TRY_AGAIN;
}
