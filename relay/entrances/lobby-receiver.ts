import { nodePrimitives as primitives } from "../../protocol/crypto-node.ts";
import {
  CONFIRM_MS,
  FaultError,
  MANIFEST_LENGTH_BYTES,
  ReceiverSession,
  WINDOW_RECORDS,
  concat,
  dataPerRecord,
  decodeManifest,
  encodeControl,
  manifestLength,
  plainOffset,
  receiptMac,
  sealText,
  type FaultCode,
  type Manifest,
  type ManifestFile,
  type Message,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
} from "../../protocol/mod.ts";

import type { SocketId } from "../outlet.ts";
import type { GivenFrame, Inside, Insider, Insiders } from "./insiders.ts";
import { lobbyKeys } from "./lobby.ts";
import type { OpenedFrame, Opener, Openers } from "./opener.ts";

/** Bytes of a share's plaintext, from one up to before the other. */
export interface PlainPart {
  readonly from: number;
  readonly to: number;
}

/** Where the files of the lobby leave in clear. */
export interface ClearSink {
  /** It takes no more before `LobbyReceiver.drained`. */
  readonly isFull: boolean;
  /**
   * What of this share is for this client: all files, that `begin` takes, a part of the plaintext, of
   * which nothing begins but `end` tells that it is through, or nothing.
   * @param headBytes of the plaintext, before the first file's
   */
  wants(manifest: Manifest, headBytes: number): "files" | PlainPart | undefined;
  /**
   * A file begins, of an open share if nobody knows its size. False: this client does not want it, and
   * what it holds is passed over.
   */
  begin(file: ManifestFile): boolean;
  /** A part of it, which nobody changes afterwards. */
  data(bytes: Uint8Array): void;
  end(): void;
  /** The share is whole, or broke; after a fault within a file the client must not think it has it. */
  over(fault: FaultCode | undefined): void;
  /** The relay let go of this client: nothing comes any more. */
  cutOff(fault: FaultCode): void;
}

export interface LobbyReceiverOptions {
  readonly insiders: Insiders;
  readonly inside: Inside;
  readonly openers: Openers;
  readonly sink: ClearSink;
  /** What its sender sees of it. */
  readonly name: string;
  readonly clock: () => number;
}

/** A share as it comes out: first until its manifest is known, then file by file. */
interface Arriving {
  readonly offer: OfferSeen;
  readonly receiver: Uint8Array;
  readonly opener: Opener;
  records: number;
  head: Uint8Array[];
  manifest: Manifest | undefined;
  /** The file at hand, its bytes to come (of an open one: all), and whether the sink wants it. */
  file: number;
  left: number;
  wanted: boolean;
  passedOver: boolean;
}

/**
 * A receiver of the lobby that the relay is itself, on behalf of a client that knows nothing of
 * shares: takes one after another, opens their records and hands the files on in clear.
 */
export class LobbyReceiver implements Insider {
  readonly #options: LobbyReceiverOptions;
  readonly #session: ReceiverSession;
  readonly #id: SocketId;
  #arriving: Arriving | undefined;
  /** The frame that the session decides about. */
  #opened: OpenedFrame | undefined;
  #wanted: "files" | PlainPart | undefined;
  /** Everything was handed on, and not all has left yet. */
  #saving = false;

  constructor(options: LobbyReceiverOptions) {
    this.#options = options;
    const { insiders, clock } = options;
    this.#id = insiders.enter(this);
    this.#session = new ReceiverSession(
      {
        channel: lobbyKeys().channel,
        lobby: true,
        giveUpAfterMs: undefined,
        window: WINDOW_RECORDS,
        confirmMs: CONFIRM_MS,
        random: Math.random,
      },
      clock(),
    );
    this.#handle({ type: "tick" });
  }

  // Insider

  get isFull(): boolean {
    return this.#options.sink.isFull;
  }

  message(message: Message): void {
    this.#handle({ type: "message", message });
  }

  frame(given: GivenFrame): boolean {
    const { opener } = this.#arriving ?? {};
    // One of the share before may still be given.
    if (opener === undefined) return !this.isFull;
    try {
      const opened = opener.open(given);
      this.#opened = opened;
      this.#handle({ type: "frame", index: opened.index });
    } catch (error) {
      this.#refused(error);
    }
    this.#opened = undefined;
    return !this.isFull;
  }

  failed(fault: FaultCode): void {
    this.#over(fault);
    this.#options.sink.cutOff(fault);
  }

  // The client

  /** The sink has room again. */
  drained(): void {
    if (this.#saving) this.#saved();
    else this.#options.inside.drained(this.#id);
  }

  tick(): void {
    this.#handle({ type: "tick" });
  }

  /** The client is gone. */
  leave(): void {
    this.#handle({ type: "interrupted" });
    const { insiders, inside } = this.#options;
    // After what the session had to say.
    insiders.later(() => {
      insiders.leave(this.#id);
      inside.closed(this.#id);
    });
    this.#forget();
  }

  #handle(event: ReceiverEvent): void {
    for (const effect of this.#session.handle(event, this.#options.clock())) this.#do(effect);
  }

  #do(effect: ReceiverEffect): void {
    const { insiders, inside } = this.#options;
    switch (effect.type) {
      case "connect":
        insiders.later(() => {
          inside.opened(this.#id);
          this.#handle({ type: "opened" });
        });
        return;
      case "send": {
        const bytes = encodeControl(effect.message);
        insiders.later(() => inside.message(this.#id, bytes));
        return;
      }
      case "open-share":
        this.#openShare(effect.offer);
        return;
      case "take":
        this.#take();
        return;
      case "ask":
        this.#agree();
        return;
      case "save":
        // Who passed over a file has not all, and must not prove that it has.
        if (this.#arriving?.passedOver === true) {
          this.#handle({ type: "failed", fault: "declined" });
          return;
        }
        this.#saving = true;
        if (!this.isFull) this.#saved();
        return;
      case "share-over":
        this.#over(effect.fault);
        return;
      case "disconnect":
      case "link":
      case "sender":
      case "waiting":
      case "finish":
        return;
    }
  }

  #agree(): void {
    const wanted = this.#wanted;
    if (wanted === undefined) this.#handle({ type: "declined" });
    else if (wanted === "files") this.#handle({ type: "accepted" });
    else this.#handle({ type: "accepted", next: this.#recordOf(wanted.from) });
  }

  /** The record with this byte of the plaintext. */
  #recordOf(position: number): number {
    return Math.floor(position / dataPerRecord(this.#arriving?.offer.recordSize ?? Infinity));
  }

  #openShare(offer: OfferSeen): void {
    const receiver = primitives.randomBytes(16);
    this.#arriving = {
      offer,
      receiver,
      opener: this.#options.openers.take(offer.share),
      records: offer.records,
      head: [],
      manifest: undefined,
      file: -1,
      left: 0,
      wanted: false,
      passedOver: false,
    };
    const name = sealText(this.#options.name, "receiver-name", lobbyKeys(), primitives);
    this.#handle({ type: "share-opened", receiver, name, next: 0, agreed: false });
  }

  #take(): void {
    const arriving = this.#arriving;
    const record = this.#opened;
    if (arriving === undefined || record === undefined) return;
    const known = arriving.manifest !== undefined;
    try {
      this.#takeIn(arriving, record);
    } catch (error) {
      this.#refused(error);
      return;
    }
    const { manifest } = arriving;
    const last = manifest?.open === true && record.last;
    if (last) arriving.records = (this.#session.next ?? 0) + 1;
    this.#handle({ type: "stored", last });
    if (known) return;
    if (manifest !== undefined) this.#handle({ type: "manifest-known" });
    else for (const effect of this.#session.previewMore()) this.#do(effect);
  }

  #refused(error: unknown): void {
    if (!(error instanceof FaultError)) throw error;
    if (error.code === "corrupt-record") this.#handle({ type: "corrupt" });
    else this.#handle({ type: "failed", fault: error.code });
  }

  /** @throws FaultError for what no share holds */
  #takeIn(arriving: Arriving, { index, data, last }: OpenedFrame): void {
    let rest = data;
    let position = plainOffset(index, arriving.offer.recordSize);
    let whole = data;
    if (arriving.manifest === undefined) {
      arriving.head.push(data);
      const plain = concat(...arriving.head);
      const end = MANIFEST_LENGTH_BYTES + manifestLength(plain);
      if (plain.length < end) return;
      arriving.head = [];
      arriving.manifest = decodeManifest(
        plain.subarray(MANIFEST_LENGTH_BYTES, end),
        arriving.offer,
      );
      rest = plain.subarray(end);
      whole = plain;
      position = 0;
      this.#wanted = this.#options.sink.wants(arriving.manifest, end);
      arriving.passedOver = this.#wanted !== "files";
      if (this.#wanted === "files") this.#nextFile(arriving, arriving.manifest);
    }
    const { manifest } = arriving;
    if (this.#wanted === undefined) return;
    if (this.#wanted !== "files") {
      this.#handPart(this.#wanted, whole, position);
      return;
    }
    const isEnd = (this.#session.next ?? 0) === arriving.records - 1;
    if (!manifest.open && last !== isEnd) throw new FaultError("corrupt-record", "another end");
    if (manifest.open) {
      this.#hand(arriving, rest);
      if (last) this.#endFile(arriving);
      return;
    }
    while (rest.length > 0) {
      if (arriving.file >= manifest.files.length)
        throw new FaultError("corrupt-record", "too long");
      const part = rest.subarray(0, arriving.left);
      rest = rest.subarray(part.length);
      this.#hand(arriving, part);
      arriving.left -= part.length;
      if (arriving.left > 0) continue;
      this.#endFile(arriving);
      this.#nextFile(arriving, manifest);
    }
  }

  /** What these bytes, at `position` of the plaintext, have of the part. */
  #handPart({ from, to }: PlainPart, bytes: Uint8Array, position: number): void {
    const { sink } = this.#options;
    const first = Math.max(from - position, 0);
    const end = Math.min(to - position, bytes.length);
    if (first < end) sink.data(bytes.subarray(first, end));
    if (position < to && position + bytes.length >= to) sink.end();
  }

  #hand(arriving: Arriving, bytes: Uint8Array): void {
    if (arriving.wanted && bytes.length > 0) this.#options.sink.data(bytes);
  }

  /** Goes on to the next file that has bytes; folders are nothing in clear, empty files begin and end. */
  #nextFile(arriving: Arriving, manifest: Manifest): void {
    const { sink } = this.#options;
    for (;;) {
      arriving.file++;
      const file = manifest.files[arriving.file];
      if (file === undefined) return;
      if (file.type === "folder") continue;
      arriving.wanted = sink.begin(file);
      arriving.passedOver ||= !arriving.wanted;
      arriving.left = manifest.open ? Infinity : file.size;
      if (arriving.left > 0) return;
      this.#endFile(arriving);
    }
  }

  #endFile(arriving: Arriving): void {
    if (arriving.wanted) this.#options.sink.end();
    arriving.wanted = false;
  }

  #saved(): void {
    this.#saving = false;
    const arriving = this.#arriving;
    if (arriving === undefined) return;
    const { offer, receiver, records } = arriving;
    const mac = receiptMac(lobbyKeys(), primitives, offer.share, receiver, records);
    this.#handle({ type: "saved", mac });
  }

  #over(fault: FaultCode | undefined): void {
    if (this.#arriving === undefined) return;
    this.#forget();
    this.#options.sink.over(fault);
  }

  #forget(): void {
    if (this.#arriving !== undefined) this.#options.openers.release(this.#arriving.offer.share);
    this.#arriving = undefined;
    this.#saving = false;
  }
}
