/**
 * The events of a link in their order, each handled wholly before the next. A browser's WebSocket cannot
 * be paused, and WebCrypto answers later, so messages wait here. The receiver's window bounds them: the
 * relay sends no record before an acknowledgement makes room for it.
 */
import type { FaultCode } from "../../protocol/wire/faults.ts";
import { FRAME_BYTES } from "../../protocol/wire/limits.ts";
import type { LinkUser } from "./relay-link.ts";

/** A page's window at most: a phone keeps less for a page than a computer for a program. records */
export const PAGE_WINDOW_RECORDS = 32;
/**
 * Bytes of messages that wait. After another join a window of late frames may wait before the new one;
 * an honest relay sends no more.
 */
export const QUEUE_BYTES = 2 * PAGE_WINDOW_RECORDS * FRAME_BYTES;
/** Messages that wait, however short they are. Many times what a relay says while one record is written. */
export const QUEUE_MESSAGES = 1024;

interface LinkWork {
  opened(): void;
  message(bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
  /** The link broke, and messages of it are at work or wait: `lost` follows them. For the screen alone. */
  losing?(fault: FaultCode): void;
  lost(fault: FaultCode): void;
  /** The relay sent more than it may: the link is to be cut. */
  flooded(): void;
}

type Waiting =
  | { readonly t: "opened" }
  | { readonly t: "message"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly t: "lost"; readonly fault: FaultCode };

export class LinkQueue implements LinkUser {
  readonly #work: LinkWork;
  readonly #failed: (error: unknown) => void;
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** The loop that serves the present queue. A loop from before `clear` ends with the event that it has. */
  #loop: object | undefined;
  #loops = 0;

  /** @param failed hears of errors that the work lets out */
  constructor(work: LinkWork, failed: (error: unknown) => void) {
    this.#work = work;
    this.#failed = failed;
  }

  /** Whether any event waits or is at work. */
  get isBusy(): boolean {
    return this.#loops > 0;
  }

  /** Bytes of messages that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  opened(): void {
    this.#add({ t: "opened" });
  }

  message(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#bytes + bytes.length > QUEUE_BYTES || this.#waiting.length >= QUEUE_MESSAGES) {
      this.clear();
      this.#work.flooded();
      return;
    }
    this.#bytes += bytes.length;
    this.#add({ t: "message", bytes });
  }

  lost(fault: FaultCode): void {
    if (this.#loop !== undefined) this.#work.losing?.(fault);
    this.#add({ t: "lost", fault });
  }

  /**
   * The link is cut: what it brought before is of no use any more. Events of the next link do not wait for
   * the one that is at work: a saver that takes nothing must not hold up a new connection.
   */
  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#loop = undefined;
  }

  #add(event: Waiting): void {
    this.#waiting.push(event);
    if (this.#loop === undefined) void this.#run();
  }

  async #run(): Promise<void> {
    const loop = {};
    this.#loop = loop;
    this.#loops++;
    try {
      while (this.#loop === loop) {
        const event = this.#waiting.shift();
        if (event === undefined) break;
        await this.#handle(event);
      }
    } catch (error) {
      if (this.#loop === loop) this.clear();
      this.#failed(error);
    } finally {
      if (this.#loop === loop) this.#loop = undefined;
      this.#loops--;
    }
  }

  #handle(event: Waiting): void | Promise<void> {
    switch (event.t) {
      case "opened":
        return this.#work.opened();
      case "lost":
        return this.#work.lost(event.fault);
      case "message":
        this.#bytes -= event.bytes.length;
        return this.#work.message(event.bytes);
    }
  }
}
