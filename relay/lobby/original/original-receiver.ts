/**
 * The original app's receiver gets `START:name`, the bytes and `END`, file after file. `OriginalClients` makes one
 * per socket; a `LobbyReceiver` takes the files from their shares and calls this sink. The bytes leave in pieces, each
 * a message, so that a client that reads nothing costs the memory of one piece.
 */
import {
  CLIENT_CONTROL_BYTES,
  baseName,
  type FaultCode,
  type ManifestFile,
} from "../../../protocol/mod.ts";

import type { MemoryPlace } from "../../limits/memory-budget.ts";
import type { Limits } from "../../limits/operator-limits.ts";
import { LobbyReceiver } from "../lobby-receiver.ts";
import { StallTimer } from "../../limits/stall-timer.ts";
import { pieceFor, progressOf, type Outgoing, type Part } from "../body.ts";
import type { LobbyContext } from "../context.ts";
import {
  POLICY,
  SPARE_BYTES,
  TOO_LONG,
  TRY_AGAIN,
  type OriginalSession,
  type OriginalSocket,
} from "./original-socket.ts";
import type { ClearSink } from "../file-splitter.ts";

/** The name that senders see. */
const RECEIVER_NAME = "original app";
const CUT_OFF = "you took nothing, and others wait";

export class OriginalReceiver implements OriginalSession, ClearSink, Outgoing {
  readonly #socket: OriginalSocket;
  readonly #receiver: LobbyReceiver;
  readonly #memory: MemoryPlace;
  readonly #stall = new StallTimer();
  /** Parts and texts that Bun does not have yet. */
  readonly #waiting: (Part | string)[] = [];
  /** Bytes of the first part that Bun has. */
  #at = 0;
  /** Bun has bytes that the kernel did not take. */
  #isBusy = false;
  #waitsForMemory = false;
  #taken = 0;
  #isInFile = false;

  constructor(socket: OriginalSocket, context: LobbyContext) {
    this.#socket = socket;
    const { client } = socket.data;
    const cut = (): void => this.#cut();
    this.#memory = context.memory.enter({
      address: client.limitKey,
      room: () => this.#goOn(),
      cut,
    });
    this.#receiver = new LobbyReceiver({
      ...context,
      client,
      sink: this,
      name: RECEIVER_NAME,
      lost: cut,
    });
  }

  get isFull(): boolean {
    return this.#isBusy || this.#waiting.length > 0;
  }

  get isHeldBack(): boolean {
    return this.#waitsForMemory;
  }

  get taken(): number {
    return this.#taken;
  }

  overdue(limits: Limits, now: number): "unread-timeout" | undefined {
    const stalledMs = this.#stall.stalledFor(progressOf(this), now);
    return stalledMs >= limits["unread-timeout"] ? "unread-timeout" : undefined;
  }

  wants(): "files" {
    return "files";
  }

  begin({ path }: ManifestFile): boolean {
    this.#isInFile = true;
    this.#send(`START:${baseName(path)}`);
    return true;
  }

  data(part: Part): void {
    this.#send(part);
  }

  end(): void {
    this.#isInFile = false;
    this.#send("END");
  }

  over(fault: FaultCode | undefined): void {
    // The app knows no other sign that a file will not become whole.
    if (fault !== undefined && this.#isInFile) this.#socket.close(TRY_AGAIN, fault);
  }

  cutOff(fault: FaultCode): void {
    this.#socket.close(TRY_AGAIN, fault);
  }

  message(): void {
    // The app sends something now and then to keep its connection.
  }

  arrived(bytes: number): void {
    if (bytes <= CLIENT_CONTROL_BYTES + SPARE_BYTES) return;
    this.#forget();
    this.#socket.close(POLICY, TOO_LONG);
  }

  tick(): void {
    this.#receiver.tick();
  }

  drained(): void {
    this.#isBusy = false;
    this.#memory.hold(0);
    this.#taken++;
    this.#goOn();
    if (!this.isFull) this.#receiver.drained();
  }

  closed(): void {
    this.#forget();
    this.#receiver.leave();
  }

  #send(what: Part | string): void {
    const isFirst = this.#waiting.length === 0;
    this.#waiting.push(what);
    if (isFirst) this.#goOn();
  }

  /** Gives Bun what waits, until Bun has no room or the relay has no memory. */
  #goOn(): void {
    const wasFull = this.#waitsForMemory;
    this.#waitsForMemory = false;
    while (!this.#isBusy) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const sent = typeof first === "string" ? this.#sendText(first) : this.#sendPiece(first);
      if (!sent) return;
    }
    if (wasFull && !this.isFull) this.#receiver.drained();
  }

  #sendText(text: string): boolean {
    this.#waiting.shift();
    return this.#gave(this.#socket.sendText(text), text.length);
  }

  #sendPiece(part: Part): boolean {
    const length = Math.min(part.length - this.#at, pieceFor(this.#memory));
    const room = this.#memory.ask(length);
    if (room === "full") this.#cut();
    this.#waitsForMemory = room === "wait";
    if (room !== "room") return false;
    // Bun copies the bytes that the kernel does not take.
    const piece = part.view(this.#at, this.#at + length);
    this.#at += length;
    if (this.#at === part.length) {
      this.#at = 0;
      this.#waiting.shift();
      part.done();
    }
    return this.#gave(this.#socket.sendBinary(piece), length);
  }

  #gave(sent: number, length: number): boolean {
    if (sent === 0) {
      this.#socket.terminate();
      return false;
    }
    if (sent > 0) {
      this.#memory.took(length);
      return true;
    }
    this.#isBusy = true;
    this.#memory.hold(length);
    return false;
  }

  #cut(): void {
    this.#forget();
    this.#socket.close(TRY_AGAIN, CUT_OFF);
    // A client that reads nothing never sees the close frame.
    this.#socket.terminate();
  }

  #forget(): void {
    for (const each of this.#waiting.splice(0)) if (typeof each !== "string") each.done();
    this.#at = 0;
    this.#memory.leave();
  }
}
