/**
 * A sender session inside the relay, for a lobby client that knows nothing of shares: an upload by HTTP, or a sender
 * of the original app. It seals the bytes that come in clear. They come once, so the share is not seekable, and the
 * slowest receiver paces it.
 *
 *   buffering --first record is here--> offered --enough receivers, or LONELY_MS--> open --all have it--> over
 */
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";
import type { LinkAction } from "../../protocol/session/link.ts";
import {
  FRAME_HEADER_BYTES,
  LOST_GRACE_MS,
  RECORD_SIZE,
  SenderSession,
  capabilityOf,
  dataPerRecord,
  encodeFrame,
  encodeManifest,
  openName,
  recordCipher,
  shareIdFromProof,
  toHex,
  verifyReceipt,
  type FaultCode,
  type Manifest,
  type Message,
  type MessageOf,
  type ReceiverView,
  type SafeName,
  type SenderEffect,
  type SenderEvent,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";

import type { MemoryPlace } from "../limits/memory-budget.ts";
import type { ClientAddress } from "../access/client-address.ts";
import { ClearBuffer } from "./clear-buffer.ts";
import type { LobbyContext } from "./context.ts";
import type { LocalClient, LocalLine } from "../net/client-router.ts";
import { lobbyKeys, lobbySigner } from "./lobby-keys.ts";

/** A sender that names no number of receivers waits so long for one. ms */
export const LONELY_MS = 10_000;

/**
 * Record size of a share of unknown length: larger than that of a pipe at a terminal, because most shares here are
 * files, and each record costs the relay a call for each receiver. bytes
 */
const LOBBY_RECORD_SIZE = 256 * 1024 - FRAME_HEADER_BYTES;
/** Fewer bytes become a padded record after that. ms */
const LOBBY_FLUSH_MS = 200;

/** Bytes that one read of a body may bring. */
const READ_BYTES = 512 * 1024;

/** The relay may take so long to close a share on all workers. ms */
const CLOSING_MS = 1000;

/** In numbers of receivers. Of the `verified` ones, the `unconfirmed` can't say that they saved it. */
export interface LobbyOutcome {
  readonly fault: FaultCode | undefined;
  readonly detail: string | undefined;
  readonly verified: number;
  readonly unconfirmed: number;
  readonly failed: number;
}

type Counts = Record<"verified" | "unconfirmed" | "attached" | "agreed" | "lost" | "left", number>;

export interface LobbySenderEvents {
  /** More may be written. */
  room(): void;
  receiver(view: ReceiverView): void;
  /** The last call. */
  over(outcome: LobbyOutcome): void;
}

export interface LobbySenderOptions extends LobbyContext {
  readonly client: ClientAddress;
  readonly name: SafeName;
  /** Undefined: unknown until it ends. bytes */
  readonly size: number | undefined;
  /** Receivers to wait for before the first record leaves; 0: one, and LONELY_MS for it. */
  readonly waitFor: number;
  readonly events: LobbySenderEvents;
}

export class LobbySender implements LocalClient {
  readonly isFull = false;
  readonly #options: LobbySenderOptions;
  readonly #share: Uint8Array;
  readonly #manifest: Manifest;
  readonly #cipher: SyncRecordCipher;
  readonly #session: SenderSession;
  readonly #driver: SessionDriver<SenderEvent, SenderEffect>;
  readonly #line: LocalLine;
  readonly #buffer: ClearBuffer;
  /** Of the buffer. */
  readonly #memory: MemoryPlace;
  /** Bytes of the head. With a record more, enough came to offer the share. */
  readonly #offeredFrom: number;
  /** When it was offered. */
  #startedAt: number | undefined;
  #isOpen = false;
  #isOver = false;
  #sent = 0;
  #isAllSent = false;
  #lastLossAt = 0;

  /** @throws FaultError `share-too-big` */
  constructor(options: LobbySenderOptions) {
    this.#options = options;
    const { clientRouter, name, size, clock, memory, client } = options;
    const proof = primitives.randomBytes(32);
    const share = shareIdFromProof(proof, primitives);
    const open = size === undefined;
    const file = { path: name, type: "file", size: size ?? 0, mode: 0, mtime: Date.now() } as const;
    // Receivers see the manifest before there are enough of them, and no content.
    const apart = options.waitFor > 1;
    // A padded manifest and a record behind it have to fit into the buffer.
    const most = open || apart ? LOBBY_RECORD_SIZE : RECORD_SIZE;
    const { manifest, head } = encodeManifest({
      share,
      recordSize: most,
      files: [file],
      open,
      apart,
    });
    const { recordSize } = manifest;
    this.#share = share;
    this.#manifest = manifest;
    this.#offeredFrom = apart ? head.length : 0;
    this.#cipher = recordCipher(lobbyKeys().content, share, primitives);
    // Records of a share whose end is known are full, all but the last.
    const flushMs = open ? LOBBY_FLUSH_MS : undefined;
    this.#buffer = new ClearBuffer(dataPerRecord(recordSize), flushMs, () => this.#pump());
    this.#memory = memory.enter(
      {
        address: client.limitKey,
        room: () => this.#tellRoom(),
        cut: () => this.#giveUp("too-many"),
      },
      "arriving",
    );
    this.#buffer.push(head);
    this.#line = clientRouter.connect(this, client.limitKey);
    const { records, bytes } = manifest;
    this.#session = new SenderSession(
      {
        signer: lobbySigner(),
        offer: { share, recordSize, records, bytes, seekable: false },
        proof,
        capability: capabilityOf(lobbyKeys(), primitives, share),
        // The end of the input ends the share, see `#endWhenThrough`.
        goal: { receivers: 1, stay: true },
        giveUpAfterMs: undefined,
        random: Math.random,
      },
      clock(),
    );
    this.#driver = new SessionDriver(this.#session, this.#line, clock, (effect) =>
      this.#do(effect),
    );
    if (size === 0) this.#buffer.end();
    this.#offer();
  }

  /** Whether enough receivers came. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @returns false: no more before `room` */
  write(bytes: Uint8Array): boolean {
    this.#buffer.push(bytes);
    this.#offer();
    this.#pump();
    this.#memory.hold(this.#buffer.capacity);
    return !this.#isOver && this.#hasRoom();
  }

  /** False: `room` tells when more may come. */
  #hasRoom(): boolean {
    if (this.#buffer.isFull) return false;
    const room = this.#memory.ask(READ_BYTES);
    if (room === "full") this.#giveUp("too-many");
    return room === "room";
  }

  #tellRoom(): void {
    if (this.#isOver || this.#hasRoom()) this.#options.events.room();
  }

  /** Everything came. */
  end(): void {
    this.#buffer.end();
    this.#offer();
    this.#pump();
    this.#endWhenThrough();
  }

  /** The client is gone before its end: no receiver may take the file for whole. */
  abort(): void {
    this.#giveUp("sender-stopped");
  }

  #giveUp(fault: FaultCode): void {
    if (this.#isOver) return;
    this.#line.control({ t: "cancel", share: this.#share, reason: "sender-stopped" });
    this.#finish(fault);
  }

  tick(): void {
    if (this.#isOver || this.#startedAt === undefined) return;
    this.#handle({ type: "tick" });
    this.#openGate();
    this.#pump();
    this.#endWhenThrough();
  }

  // LocalClient

  opened(): void {
    this.#handle({ type: "opened" });
  }

  message(message: Message): void {
    if (!this.#isOver) this.#handle({ type: "message", message });
  }

  frame(): boolean {
    return true;
  }

  failed(fault: FaultCode, detail?: string): void {
    this.#finish(fault, detail);
  }

  /** Receivers wait for the first record of an offered share. A sender without one must not keep them from others. */
  #offer(): void {
    if (this.#startedAt !== undefined || !this.#buffer.hasRecordBehind(this.#offeredFrom)) return;
    this.#startedAt = this.#options.clock();
    // From now on receivers set the pace, and the limit of shares bounds the memory.
    this.#memory.keep();
    this.#handle({ type: "tick" });
  }

  #handle(event: SenderEvent): void {
    this.#driver.handle(event);
    this.#pump();
  }

  #do(effect: Exclude<SenderEffect, LinkAction>): void {
    switch (effect.type) {
      case "open-name": {
        const { entry } = effect;
        const of = { share: this.#share, receiver: entry.id };
        const opened = openName(entry.name, of, lobbyKeys(), primitives);
        this.#handle({ type: "name-opened", entry, name: opened });
        return;
      }
      case "check-receipt":
        this.#checkReceipt(effect.receipt);
        return;
      case "receiver":
        this.#tellReceiver(effect.receiver);
        return;
      case "finish":
        this.#finish(effect.outcome.fault);
        return;
      case "link":
      case "storing":
      case "stored":
      case "refused-receipt":
      case "gate":
      case "ask":
      case "dismissed":
        return;
    }
  }

  #checkReceipt(receipt: MessageOf<"receipt">): void {
    const { receiver, records, mac } = receipt;
    const valid =
      this.#isAllSent &&
      records === this.#sent &&
      verifyReceipt(mac, lobbyKeys(), primitives, this.#share, receiver, records);
    this.#handle({ type: "receipt-checked", receipt, valid });
  }

  #tellReceiver(view: ReceiverView): void {
    if (view.state === "lost") this.#lastLossAt = this.#options.clock();
    this.#options.events.receiver(view);
    this.#openGate();
    this.#endWhenThrough();
  }

  /** No content leaves before enough receivers are here, or LONELY_MS passed. */
  #openGate(): void {
    if (this.#isOpen || this.#startedAt === undefined) return;
    const { waitFor, clock } = this.#options;
    const { attached, agreed, verified } = this.#counts();
    const isLonely = waitFor === 0 && clock() - this.#startedAt >= LONELY_MS;
    // A receiver that only looks may go away, and the file must not go with it.
    if (agreed + verified < Math.max(waitFor, 1) && !isLonely) return;
    this.#isOpen = true;
    // No receiver is here: the content is dropped.
    if (attached + verified === 0) this.#buffer.discard();
    this.#tellRoom();
  }

  /** Sends wanted records that are here. */
  #pump(): void {
    if (this.#isOver) return;
    const { clock } = this.#options;
    const wasFull = this.#buffer.isFull;
    for (;;) {
      const index = this.#session.wanted();
      if (index === undefined || this.#isAllSent || this.#buffer.isDiscarding) break;
      if (index < this.#sent) {
        this.#session.handle({ type: "sent", index }, clock());
        continue;
      }
      // A receiver agrees once it has seen the manifest, which the first record holds.
      if (!this.#isOpen && this.#sent > 0) break;
      const data = this.#buffer.take();
      if (data === undefined) break;
      const { pieces, last, missing } = data;
      const padding = this.#manifest.open ? missing : 0;
      const ciphertext = this.#cipher.seal(index, pieces, last, padding);
      this.#sent++;
      this.#isAllSent = last;
      this.#session.handle({ type: "sent", index }, clock());
      this.#line.frame(encodeFrame(this.#share, index, last, ciphertext));
    }
    if (wasFull) this.#tellRoom();
  }

  #endWhenThrough(): void {
    // Receivers ask for the first record, which may be all, before they count.
    if (this.#isOver || !this.#isOpen || !this.#buffer.isEnded) return;
    if (!this.#buffer.isDiscarding) {
      const { attached, lost } = this.#counts();
      if (!this.#isAllSent || attached > 0) return;
      if (lost > 0 && this.#options.clock() - this.#lastLossAt < LOST_GRACE_MS) return;
    }
    this.#line.control({ t: "end", share: this.#share });
    this.#finish(undefined);
  }

  /** Of those `attached`, the `agreed` ones do not only look. */
  #counts(): Counts {
    const counts = { verified: 0, unconfirmed: 0, attached: 0, agreed: 0, lost: 0, left: 0 };
    for (const { verified, unconfirmed, state } of this.#session.receivers) {
      if (unconfirmed === true) counts.unconfirmed++;
      if (verified) counts.verified++;
      else if (state === "lost" || state === "left") counts[state]++;
      else counts.attached++;
      if (!verified && (state === "live" || state === "behind")) counts.agreed++;
    }
    return counts;
  }

  #finish(fault: FaultCode | undefined, detail?: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#buffer.dispose();
    this.#memory.leave();
    const { verified, unconfirmed, attached, lost, left } = this.#counts();
    this.#line.close();
    const outcome = { fault, detail, verified, unconfirmed, failed: attached + lost + left };
    void this.#closed().then(() => this.#options.events.over(outcome));
  }

  /** A receiver that comes for the next file must not get this one again. */
  async #closed(): Promise<void> {
    const { clock, clientRouter } = this.#options;
    const key = toHex(this.#share);
    const until = clock() + CLOSING_MS;
    do await Bun.sleep(1);
    while (clientRouter.hub.has(key) && clock() < until);
  }
}
