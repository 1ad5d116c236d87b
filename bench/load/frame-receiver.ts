import {
  ACK_EVERY_RECORDS,
  FRAME_MARK,
  KEEPALIVE_MS,
  WINDOW_RECORDS,
  decodeControl,
  encodeControl,
  equalBytes,
  helloMessage,
  toHex,
  type Message,
} from "../../protocol/mod.ts";

import { say } from "./child.ts";
import { clock, type Group } from "./contract.ts";
import { newTally, type Crowd, type Member, type Tally } from "./crowd.ts";
import { FrameChecker } from "./frame-checker.ts";
import { RECORD_BYTES, recordLength, type FrameShare } from "./frame-share.ts";
import { BINARY, LoadSocket, type Piece } from "./socket.ts";
import { Throttle } from "./throttle.ts";

export interface FrameReceiverOptions {
  readonly id: Uint8Array;
  /** Its place among all of the run. */
  readonly number: number;
  readonly group: Group;
  readonly groupIndex: number;
  readonly share: FrameShare;
  readonly crowd: Crowd;
  /** Frames come by themselves, there is no message but frames, and none may be missing. */
  readonly naive: boolean;
}

/** One receiver of frames: takes them in order, acknowledges, joins again when one is missing. */
export class FrameReceiver implements Member {
  readonly tally: Tally;
  readonly group: number;
  /** Times that it was back after a cut: connected, greeted, and with the share before it. */
  reconnects = 0;
  readonly #options: FrameReceiverOptions;
  readonly #checker: FrameChecker;
  readonly #throttle: Throttle;
  #socket: LoadSocket | undefined;
  /** Where it joined last. */
  #joinedAt = 0;
  /** The first record that it lacks. */
  #next = 0;
  /** The record that it joined again for; what is beyond it was on its way and is ignored. */
  #askedAgain = -1;
  #running = false;
  #hasLeft = false;
  /** When it sent something last. */
  #saidAt = 0;
  #joined = false;
  #offered = Promise.withResolvers<void>();
  #control: Uint8Array[] = [];
  /** bytes since the line was opened, and after how many it is cut: not all at the same place */
  #onThisLine = 0;
  readonly #cutAfter: number;

  constructor(options: FrameReceiverOptions) {
    this.#options = options;
    this.group = options.groupIndex;
    const tally = newTally(options.group.kind, options.number);
    this.tally = { ...tally, id: toHex(options.id), largestLag: 0 };
    this.#checker = new FrameChecker(options.share.offer);
    this.#throttle = new Throttle(options.group);
    const { kind, afterBytes = Infinity } = options.group;
    const spread = ((options.id[0] ?? 0) / 256) * RECORD_BYTES;
    this.#cutAfter = kind === "churning" ? afterBytes + spread : Infinity;
  }

  async prepare(): Promise<void> {
    const { share, naive } = this.#options;
    this.#socket = await LoadSocket.connect(share.url, {
      piece: (piece, socket) => {
        // The first comes before `connect` resolves.
        this.#socket = socket;
        this.#piece(piece);
      },
      closed: (why) => this.#closed(why),
    });
    if (naive) return;
    await this.#offered.promise;
    if (this.tally.kind === "waiting") return;
    // Attached and paused, as somebody who was not asked yet; who is late is not even that.
    if (this.tally.kind !== "late" || this.#running) this.#join();
  }

  start(): void {
    if (this.tally.kind === "waiting") return;
    this.#running = true;
    if (this.#options.naive) return;
    if (this.#joined) this.#acknowledge();
    else this.#join();
  }

  leave(): void {
    this.#hasLeft = true;
    this.#socket?.leave();
  }

  get #window(): number {
    return this.#running ? WINDOW_RECORDS : 0;
  }

  #join(): void {
    const { id, share } = this.#options;
    const name = new Uint8Array(0);
    this.#joined = true;
    this.#joinedAt = this.#next;
    this.#send({
      t: "join",
      share: share.offer.share,
      receiver: id,
      name,
      from: this.#next,
      window: this.#window,
    });
  }

  #acknowledge(): void {
    const { share } = this.#options.share.offer;
    this.#send({ t: "ack", share, next: this.#next, window: this.#window });
  }

  /** Says again where it is after a long silence, as a real one does while a frame takes its time. */
  keepAlive(): void {
    const { kind, doneAt } = this.tally;
    if (!this.#joined || this.#hasLeft || doneAt !== undefined || kind === "stopped") return;
    if (clock() - this.#saidAt >= KEEPALIVE_MS) this.#acknowledge();
  }

  #send(message: Message): void {
    this.#saidAt = clock();
    this.#socket?.send(BINARY, encodeControl(message));
  }

  #piece({ offset, bytes, last }: Piece): void {
    const isControl = this.#control.length > 0 || (offset === 0 && bytes[0] !== FRAME_MARK);
    try {
      if (isControl) this.#controlPiece(bytes, last);
      else this.#framePiece(bytes, last);
    } catch (error) {
      say({ t: "wrong", what: error instanceof Error ? error.message : String(error) });
      this.#socket?.terminate();
    }
  }

  #controlPiece(bytes: Uint8Array, last: boolean): void {
    this.#control.push(bytes.slice());
    if (!last) return;
    const whole = Buffer.concat(this.#control);
    this.#control = [];
    const message = decodeControl(whole, "relay-to-receiver");
    if (message.t === "challenge") {
      this.#send(helloMessage(message, "receiver", this.#options.share));
    } else if (message.t === "offers") {
      const { share } = this.#options.share.offer;
      const isThere = message.list.some((seen) => equalBytes(seen.share, share));
      // The list, though empty, says that the relay has it in its channel.
      if (isThere || this.tally.kind === "waiting") this.#offered.resolve();
    } else if (message.t === "fault" && this.tally.kind !== "stopped") {
      throw new Error(`the relay told a receiver ${message.code}: ${message.message}`);
    } else if (message.t === "cancel") {
      throw new Error(`the relay ended the share: ${message.reason}`);
    }
  }

  #framePiece(bytes: Uint8Array, last: boolean): void {
    this.tally.firstByteAt ??= clock();
    const index = this.#checker.push(bytes, last);
    if (index !== undefined) this.#record(index);
    this.#onThisLine += bytes.length;
    if (this.#socket !== undefined) this.#throttle.took(bytes.length, this.#socket);
    if (this.#onThisLine >= this.#cutAfter && this.tally.doneAt === undefined) this.#cut();
  }

  #record(index: number): void {
    const { crowd, naive, share } = this.#options;
    const length = recordLength(index, share.offer.bytes);
    if (index > this.#next) {
      if (this.#askedAgain === this.#next) return;
      this.#askedAgain = this.#next;
      this.tally.gaps++;
      if (naive) throw new Error(`frame ${this.#next} was lost`);
      this.#join();
      return;
    }
    if (index < this.#next) {
      this.tally.bytesTwice += length;
      return;
    }
    this.#next++;
    crowd.took(this.tally, length);
    const lag = Math.ceil(crowd.furthest / RECORD_BYTES) - this.#next;
    this.tally.largestLag = Math.max(this.tally.largestLag ?? 0, lag);
    if (naive) return;
    const isLast = this.#next === share.offer.records;
    // A real one acknowledges its first record when it asks its question, or within CLIENT_TICK_MS.
    const isFirst = this.#next === this.#joinedAt + 1;
    if (isFirst || isLast || this.#next % ACK_EVERY_RECORDS === 0) this.#acknowledge();
    if (isLast) this.#complete();
  }

  #complete(): void {
    const { share, records } = this.#options.share.offer;
    this.#send({ t: "complete", share, records, mac: new Uint8Array(16) });
  }

  /** Cuts its line and comes back at once, from the first record that it does not have whole. */
  #cut(): void {
    this.tally.bytesTwice += this.#checker.begun;
    this.#socket?.terminate();
    this.#checker.reset();
    this.#control = [];
    this.#onThisLine = 0;
    this.#offered = Promise.withResolvers();
    this.prepare().then(
      () => {
        if (this.#hasLeft) this.#socket?.leave();
        else this.reconnects++;
      },
      (error: unknown) => this.#closed(String(error)),
    );
  }

  #closed(why: string): void {
    // The relay may give up whoever has stopped.
    if (this.#hasLeft || this.tally.doneAt !== undefined || this.tally.kind === "stopped") return;
    say({ t: "wrong", what: `a receiver's line: ${why}` });
  }
}
