/** A line to a real relay on which a recorded client says again what it said. */
import { expect } from "bun:test";
import {
  checkHello,
  decodeControl,
  encodeControl,
  isFrame,
  proveHello,
  toHex,
  type MessageOf,
  type Signer,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";

/**
 * The messages to a client, as far as they have to be the same each time:
 *
 * - frames, byte by byte, and messages in their order, key by key; a later relay may add keys. Of a
 *   welcome the session may be another, of a challenge the nonce, of a fault the text, which is for
 *   people. The dates of a stored share are others;
 * - of all `want` together, which records and in which order, however they are put together;
 * - of all `receivers` together, what was said last of each receiver;
 * - of all `storing` together, the last one;
 * - what was on its way when the client closed the line may have come or not.
 */
export class Told {
  readonly #inOrder: (object | string)[] = [];
  readonly #wanted: number[] = [];
  readonly #receivers: Record<string, string> = {};
  /** All that was ever said of receivers: a slow machine is told of steps on the way too. */
  readonly #everReceivers = new Set<string>();
  /** Records that were said to be durable, each time. */
  readonly #storing: number[] = [];
  challenge: MessageOf<"challenge"> | undefined;

  add(bytes: Uint8Array): void {
    if (isFrame(bytes)) {
      this.#inOrder.push(toHex(bytes));
      return;
    }
    const message = decodeControl(bytes, "anyone");
    switch (message.t) {
      case "want":
        for (let at = 0; at < message.count; at++) this.#wanted.push(message.first + at);
        return;
      case "receivers":
        for (const { id, name, state, next } of message.list) {
          const said = `${toHex(name)} ${state} ${next}`;
          this.#receivers[toHex(id)] = said;
          this.#everReceivers.add(`${toHex(id)} ${said}`);
        }
        return;
      case "storing":
        this.#storing.push(message.records);
        return;
      case "stored":
        this.#inOrder.push(undated(message));
        return;
      case "offers": {
        const list = message.list.map(({ stored, ...offer }) => ({
          ...offer,
          ...(stored && { stored: undated(stored) }),
        }));
        this.#inOrder.push({ ...message, list });
        return;
      }
      case "inspected": {
        const receipts = message.receipts.map((receipt) => ({ ...receipt, at: undefined }));
        this.#inOrder.push({ ...undated(message), receipts });
        return;
      }
      case "welcome": {
        const { session: _, ...rest } = message;
        this.#inOrder.push(rest);
        return;
      }
      case "challenge": {
        const { nonce: _, ...rest } = message;
        this.challenge = message;
        this.#inOrder.push(rest);
        return;
      }
      case "fault": {
        const { message: _, ...rest } = message;
        this.#inOrder.push(rest);
        return;
      }
      default:
        this.#inOrder.push(message);
    }
  }

  /** Whether all is here that the other was told, or more. */
  covers(due: Told): boolean {
    return (
      this.#inOrder.length >= due.#inOrder.length &&
      this.#wanted.length >= due.#wanted.length &&
      due.#storing.slice(-1).every((last) => this.#storing.includes(last)) &&
      Object.entries(due.#receivers).every(([id, last]) => this.#everReceivers.has(`${id} ${last}`))
    );
  }

  /** @param mayBeMore the client closed the line */
  expectLike(due: Told, mayBeMore: boolean): void {
    const counts = [due.#inOrder.length, due.#wanted.length];
    if (!mayBeMore) expect([this.#inOrder.length, this.#wanted.length]).toEqual(counts);
    expect(this.#inOrder.slice(0, counts[0])).toMatchObject(due.#inOrder);
    expect(this.#wanted.slice(0, counts[1])).toEqual(due.#wanted);
    for (const last of due.#storing.slice(-1)) expect(this.#storing).toContain(last);
    if (!mayBeMore) expect(this.#receivers).toEqual(due.#receivers);
  }
}

/** The decoder has seen that `until` is a date, where there is one. */
function undated<Dated extends { readonly until?: number | undefined }>(
  message: Dated,
): Omit<Dated, "until"> & { readonly isDated: boolean } {
  const { until, ...rest } = message;
  return { ...rest, isDated: until !== undefined };
}

export class ReplayedLine {
  readonly told = new Told();
  readonly due = new Told();
  readonly opened: Promise<void>;
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #signer: Signer;
  /** By the client. */
  isClosed = false;
  isOver = false;

  /** @param news called whenever something came */
  constructor(url: string, signer: Signer, news: () => void) {
    this.#signer = signer;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.addEventListener("message", ({ data }: MessageEvent<Uint8Array>) => {
      this.told.add(data);
      news();
    });
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("close", () => reject(new Error("not opened")));
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => {
        this.isOver = true;
        resolve(code);
        news();
      });
    });
  }

  /** A hello that held then is signed again for the challenge of this line. */
  say(bytes: Uint8Array): void {
    this.#socket.send(this.#signedAgain(bytes) ?? bytes);
  }

  #signedAgain(bytes: Uint8Array): Uint8Array | undefined {
    const [then, now] = [this.due.challenge, this.told.challenge];
    if (then === undefined || now === undefined || isFrame(bytes)) return undefined;
    try {
      const hello = decodeControl(bytes, "anyone");
      if (hello.t !== "hello") return undefined;
      checkHello(hello, then, nodePrimitives);
      return encodeControl({ ...hello, ...proveHello(hello, now, this.#signer) });
    } catch {
      return undefined;
    }
  }

  /** Throws when what came is not what was due. */
  check(): void {
    this.told.expectLike(this.due, this.isClosed);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#socket.close(1000);
    await this.closed;
  }

  async cut(): Promise<void> {
    this.isClosed = true;
    this.#socket.terminate();
    await this.closed;
  }
}
