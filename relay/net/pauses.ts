/**
 * Senders that the relay does not read for now, so that TCP slows them down. A sender waits for memory, for its lone
 * receiver, which has a frame on its way (the next one would have to go into the log), or for another relay, which takes
 * its frames. The relay reads it again when no reason is left. `Sockets` owns one.
 */
import type { SocketId } from "../share/outlet.ts";

/**
 * A receiver holds its sender back no longer than this, and up to the next tick. Then frames go into the log, and the
 * sender's other messages (end, cancel, pongs) are heard. A receiver that takes PASS_BYTES_PER_SECOND needs 16 ms for
 * a frame; the rest is for machines that are busy elsewhere. ms
 */
export const HOLD_BACK_MS = 100;

/** The part of Bun's WebSocket that reads. */
export type Readable = Pick<Bun.ServerWebSocket, "pause" | "resume">;

export type PauseReason = "memory" | "receiver" | "relay";

/** Senders of one share, one for each of its connections. */
interface HeldBack {
  readonly senders: Set<Readable>;
  readonly since: number;
  /** HOLD_BACK_MS passed: nothing is held back any more until the receiver takes more. */
  isOver: boolean;
}

export class Pauses {
  readonly #clock: () => number;
  readonly #reasons = new Map<Readable, Set<PauseReason>>();
  /** By the receiver that they wait for. */
  readonly #heldBack = new Map<SocketId, HeldBack>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  pause(sender: Readable, reason: PauseReason): void {
    const reasons = this.#reasons.get(sender);
    if (reasons !== undefined) {
      reasons.add(reason);
      return;
    }
    this.#reasons.set(sender, new Set([reason]));
    sender.pause();
  }

  resume(sender: Readable, reason: PauseReason): void {
    const reasons = this.#reasons.get(sender);
    if (reasons?.delete(reason) !== true || reasons.size > 0) return;
    this.#reasons.delete(sender);
    sender.resume();
  }

  /** Until `takesMore`, or for HOLD_BACK_MS. */
  holdBack(sender: Readable, receiver: SocketId): void {
    let heldBack = this.#heldBack.get(receiver);
    if (heldBack === undefined) {
      heldBack = { senders: new Set(), since: this.#clock(), isOver: false };
      this.#heldBack.set(receiver, heldBack);
    }
    if (heldBack.isOver) return;
    heldBack.senders.add(sender);
    this.pause(sender, "receiver");
  }

  /** The receiver has nothing on its way, or is gone. */
  takesMore(receiver: SocketId): void {
    const heldBack = this.#heldBack.get(receiver);
    if (heldBack === undefined) return;
    this.#heldBack.delete(receiver);
    this.#readOn(heldBack);
  }

  tick(): void {
    const now = this.#clock();
    for (const heldBack of this.#heldBack.values()) {
      if (heldBack.isOver || now - heldBack.since < HOLD_BACK_MS) continue;
      heldBack.isOver = true;
      this.#readOn(heldBack);
    }
  }

  closed(sender: Readable): void {
    this.#reasons.delete(sender);
  }

  #readOn({ senders }: HeldBack): void {
    for (const sender of senders) this.resume(sender, "receiver");
    senders.clear();
  }
}
