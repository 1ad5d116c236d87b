/**
 * The events of a link in their order, each handled wholly before the next. A browser's WebSocket cannot
 * be paused, and WebCrypto answers later, so messages wait here. The receiver's window bounds them: the
 * relay sends no record before an acknowledgement makes room for it.
 */
import type { FaultCode } from "../../protocol/wire/faults.ts";
import { FRAME_BYTES, WINDOW_RECORDS } from "../../protocol/wire/limits.ts";
import type { LinkUser } from "./relay-link.ts";

/**
 * Bytes of messages that wait. After another join a window of late frames may wait before the new one;
 * an honest relay sends no more.
 */
export const QUEUE_BYTES = 2 * WINDOW_RECORDS * FRAME_BYTES;
/** Messages that wait, however short they are. Many times what a relay says while one record is written. */
export const QUEUE_MESSAGES = 1024;

export interface LinkWork {
  opened(): void;
  message(bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
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
  #running = false;

  /** @param failed hears of errors that the work lets out */
  constructor(work: LinkWork, failed: (error: unknown) => void) {
    this.#work = work;
    this.#failed = failed;
  }

  /** Whether any event waits or is at work. */
  get isBusy(): boolean {
    return this.#running;
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
    this.#add({ t: "lost", fault });
  }

  /** The link is cut: what it brought before is of no use any more. */
  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }

  #add(event: Waiting): void {
    this.#waiting.push(event);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
        await this.#handle(event);
      }
    } catch (error) {
      this.clear();
      this.#failed(error);
    } finally {
      this.#running = false;
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
