/**
 * One share on one worker: where its receivers are, how far each may go, and the reports about them to the sender. The
 * lanes decide which receiver gets which record when. `LocalShare` owns it; receivers' messages come from `Receivers`,
 * records from the log or its replica.
 */
import {
  FaultError,
  WINDOW_MOST_RECORDS,
  WINDOW_RECORDS,
  concat,
  socketFault,
  toHex,
  type LeaveReason,
  type Message,
  type MessageOf,
  type Offer,
  type ReceiverEntry,
  type ShareFault,
} from "../../protocol/mod.ts";
import { STALL_TIMEOUT_MS } from "../limits/operator-limits.ts";

import { LiveLimits } from "../limits/limits.ts";
import { entryOf, hasBegun, isReader, newReceiver, type Receiver } from "./fanout-receiver.ts";
import { FanoutReceipts, isOpen, type ReceiptOutput } from "./fanout-receipts.ts";
import { FanoutReceivers, type FanoutStanding } from "./fanout-receivers.ts";
import { Retention } from "./retention.ts";
import { Lanes, type Traffic } from "./lanes.ts";
import type { RecordPlace, RecordReader } from "../log/block-log.ts";
import type { PartyNeed } from "./messages.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import { Admissions, type Admission } from "./admissions.ts";

/**
 * Streams of other relays to one share at one worker: STREAMS_MOST of each of 64, which are more relays than one
 * network has.
 */
export const EDGE_STREAMS_MOST = 256;

/** The home's word on receivers, for the relays that have them. */
export type WordToEdges =
  | { readonly t: "confirmed" | "full"; readonly receiver: Uint8Array }
  | { readonly t: "decided"; readonly admission: Admission };

/** The home of the share, as a fan-out calls it. */
export interface Upstream extends ReceiptOutput {
  need(needs: readonly PartyNeed[]): void;
  /** The only receiver that ever came here has all records before this one. */
  acknowledged?(before: number): void;
  /**
   * A receiver acknowledged its first record.
   * @param receiver in hex
   * @param isOver it is a reader by HTTP and gone
   */
  begun?(receiver: string, address: string | undefined, isOver: boolean): void;
  /** The receiver may be at another relay. */
  toEdges?(word: WordToEdges): void;
  // Of a share that can't be read again:
  /** The least record that receivers here need; undefined: they need none. */
  watermark(next: number | undefined): void;
  /** A receiver came here; it may have been at another worker before. */
  came(receiver: Uint8Array, next: number): void;
}

const TOO_MANY = "streams of other relays";

export class Fanout {
  readonly offer: Offer;
  readonly #outlet: Outlet;
  readonly #upstream: Upstream;
  readonly #limits: LiveLimits;
  readonly #readAhead: ReadAhead;
  readonly #lanes: Lanes;
  readonly #receivers: FanoutReceivers;
  readonly #receipts: FanoutReceipts;
  readonly #changed = new Set<Receiver>();
  readonly #admissions = new Admissions();
  /** Whether the sender must admit a receiver before it is served. */
  #admits: boolean;
  #log: RecordReader;
  /** Undefined: the share can be read again. */
  readonly #retention: Retention | undefined;
  readonly #isReadAgain: boolean;
  #now = 0;

  constructor(
    offer: Offer,
    log: RecordReader,
    outlet: Outlet,
    upstream: Upstream,
    stallMs = STALL_TIMEOUT_MS,
    limits = new LiveLimits(),
    isReadAgain = offer.seekable,
  ) {
    this.#isReadAgain = isReadAgain;
    this.#limits = limits;
    this.offer = offer;
    this.#admits = offer.admit === true;
    this.#log = log;
    this.#outlet = outlet;
    this.#receivers = new FanoutReceivers(outlet.newTopic());
    this.#upstream = upstream;
    const { records } = offer;
    if (!isReadAgain) {
      this.#retention = new Retention(records, stallMs, (least) => upstream.watermark(least));
    }
    this.#readAhead = new ReadAhead(records, (needs) => upstream.need(needs));
    this.#lanes = new Lanes({ records, log, outlet, readAhead: this.#readAhead });
    const entry = (receiver: Receiver): ReceiverEntry => this.#entry(receiver);
    this.#receipts = new FanoutReceipts(offer.share, outlet, upstream, entry);
  }

  get attached(): number {
    return this.#receivers.sockets.size;
  }

  get sockets(): Iterable<SocketId> {
    return this.#receivers.sockets.keys();
  }

  get lanes(): Lanes["standing"] {
    return this.#lanes.standing;
  }

  /** Frames given to receivers here since the share came. */
  get sent(): Readonly<Traffic> {
    return this.#lanes.sent;
  }

  /** Streams of other relays. */
  get edges(): number {
    return this.#receivers.edges;
  }

  /** The decisions of the sender that are known here. */
  get decisions(): readonly Admission[] {
    return this.#admissions.list;
  }

  get standing(): FanoutStanding {
    return this.#receivers.standing;
  }

  /** Adds each receiver's changes of lane since the last call, by its id in hex. */
  takeSwitches(into: Record<string, number>): void {
    this.#receivers.takeSwitches(into);
  }

  /**
   * A receiver begins, comes back or asks again from where it is.
   * @param address what limits for each address count it as
   * @param edge the id of the relay, if that reads a stream
   */
  join(
    socket: SocketId,
    join: MessageOf<"join">,
    now: number,
    address?: string,
    edge?: Uint8Array,
  ): void {
    const id = this.#idOf(join, edge);
    const key = toHex(id);
    const dismissed = this.#admissions.of(key)?.dismissed;
    if (dismissed !== undefined) {
      this.closed(socket);
      this.#cancel(socket, dismissed);
      return;
    }
    let receiver = this.#receivers.of(key);
    if (receiver === undefined) {
      if (edge !== undefined) {
        if (this.#receivers.edges >= EDGE_STREAMS_MOST) throw new FaultError("too-many", TOO_MANY);
      } else if (this.#receivers.places >= this.#limits.now["receivers-per-share"]) {
        this.#refuseFull(socket);
        return;
      }
      receiver = newReceiver(id, key, this.#readAhead.newParty(), edge !== undefined);
      this.#receivers.add(receiver);
    }
    this.#now = now;
    const before = this.#receivers.at(socket);
    if (before !== undefined && before !== receiver) this.#detach(before);
    const attaches = receiver.socket === undefined;
    this.#lanes.withdraw(receiver);
    if (receiver.socket !== undefined && receiver.socket !== socket) {
      this.#receivers.detach(receiver.socket);
      this.#outlet.fail(receiver.socket, "replaced");
    }
    receiver.socket = socket;
    receiver.party.group = address;
    receiver.name = join.name;
    const from = Math.min(join.from, this.offer.records);
    // A receiver that lost something on the way goes on where it is, and has nothing to prove anew.
    const goesOn = !attaches && from >= receiver.acked && from <= receiver.next;
    if (!goesOn) {
      receiver.wasServed ||= receiver.next > receiver.since;
      receiver.since = from;
      this.#readAhead.drop(receiver.party);
    }
    if (from < receiver.next) this.#receivers.askedAgain();
    receiver.next = from;
    receiver.acked = from;
    this.#noteAcked(receiver);
    this.#open(receiver, join.window);
    receiver.left = undefined;
    this.#receivers.attach(socket, receiver);
    if (this.#retention !== undefined) {
      this.#retention.joined(receiver, attaches, now);
      if (attaches) this.#upstream.came(receiver.id, receiver.next);
    }
    // At once: a sender that knows of no other receiver would end with the first receipt.
    if (attaches && !receiver.isEdge) this.#upstream.report([this.#entry(receiver)]);
    else this.#noteChanged(receiver);
    this.#lanes.pump(receiver, now);
  }

  /**
   * Ids of streams differ from those of receivers in length. Of a share that can't be read again another relay has
   * one stream, and goes on by the next line where the last one broke.
   */
  #idOf({ receiver }: MessageOf<"join">, edge: Uint8Array | undefined): Uint8Array {
    if (edge === undefined) return receiver;
    return this.#isReadAgain ? concat(edge, receiver) : edge;
  }

  /** The relay of a stream reports its receivers. */
  #noteChanged(receiver: Receiver): void {
    if (!receiver.isEdge) this.#changed.add(receiver);
  }

  ack(socket: SocketId, ack: MessageOf<"ack">, now: number): void {
    const receiver = this.#receivers.at(socket);
    if (receiver === undefined) return;
    this.#now = now;
    const before = receiver.acked;
    // A receiver cannot acknowledge a record that was not sent.
    receiver.acked = Math.max(before, Math.min(ack.next, receiver.next));
    if (receiver.acked > before) this.#noteAcked(receiver);
    this.#open(receiver, ack.window);
    this.#noteBegun(receiver);
    this.#noteChanged(receiver);
    this.#retention?.acked(receiver, before, now);
    this.#lanes.pump(receiver, now);
  }

  drained(socket: SocketId, now: number): void {
    const receiver = this.#receivers.at(socket);
    if (receiver === undefined) return;
    this.#lanes.pump(receiver, now);
  }

  complete(socket: SocketId, complete: MessageOf<"complete">): void {
    const receiver = this.#receivers.at(socket);
    if (receiver === undefined) return;
    const { records, mac } = complete;
    const unconfirmed = complete.unconfirmed === true && ({ unconfirmed: true } as const);
    receiver.acked = Math.max(receiver.acked, Math.min(records, receiver.next));
    this.#noteAcked(receiver);
    this.#noteBegun(receiver);
    const receipt = { receiver: receiver.id, records, mac, ...unconfirmed };
    receiver.receipt = receipt;
    this.#changed.add(receiver);
    this.#retention?.changed(receiver, this.#now);
    this.#receipts.came(receiver, receipt);
  }

  /** Tells of all that had begun: they are counted from now on. */
  tellBegun(): void {
    for (const receiver of this.#receivers.attached) {
      receiver.hasBegun = false;
      this.#noteBegun(receiver);
    }
  }

  /** Whether one of these receivers is here. @param keys their ids in hex */
  isAnyHere(keys: readonly string[]): boolean {
    return keys.some((key) => this.#receivers.of(key)?.socket !== undefined);
  }

  /**
   * The last download of a stored share counted: receivers that had not begun get nothing.
   * @param begun in hex, receivers that may finish
   */
  exhaust(begun: readonly string[]): void {
    const mayFinish = new Set(begun);
    for (const receiver of this.#receivers.attached) {
      const { socket, receipt, key, isEdge } = receiver;
      if (socket === undefined || receipt !== undefined || mayFinish.has(key)) continue;
      if (isEdge) continue;
      this.#dismiss(receiver, socket, "exhausted");
    }
  }

  /** The sender took the receipt of this receiver. */
  confirmed(id: Uint8Array): void {
    const receiver = this.#receivers.of(toHex(id));
    if (receiver?.receipt !== undefined) {
      this.#receivers.confirmed(receiver);
      this.#receipts.confirmed(receiver);
    }
    this.#upstream.toEdges?.({ t: "confirmed", receiver: id });
  }

  /** With all workers together the share has as many receivers as it may have, without this one. */
  refuse(id: Uint8Array): void {
    const key = toHex(id);
    const receiver = this.#receivers.of(key);
    this.#upstream.toEdges?.({ t: "full", receiver: id });
    if (receiver?.socket === undefined) return;
    this.#refuseFull(receiver.socket);
    // Its sender never heard of it.
    receiver.left = "failed";
    this.#detach(receiver);
    this.#changed.delete(receiver);
    this.#receivers.forget(receiver);
  }

  leave(socket: SocketId, reason: LeaveReason): void {
    const receiver = this.#receivers.at(socket);
    if (receiver === undefined) return;
    receiver.left = reason;
    this.#detach(receiver);
  }

  closed(socket: SocketId): void {
    const receiver = this.#receivers.at(socket);
    if (receiver !== undefined) this.#detach(receiver);
  }

  /** The process that has the share now may want it otherwise than the one before. */
  admits(admits: boolean): void {
    if (admits === this.#admits) return;
    this.#admits = admits;
    for (const receiver of this.#receivers.attached) this.#reopen(receiver);
  }

  /** Decisions of the sender about receivers, here or elsewhere. */
  decide(list: readonly Admission[]): void {
    for (const admission of list) {
      this.#admissions.add(admission);
      this.#upstream.toEdges?.({ t: "decided", admission });
      const receiver = this.#receivers.of(toHex(admission.receiver));
      if (receiver?.socket === undefined) continue;
      if (admission.dismissed === undefined) this.#reopen(receiver);
      else this.#dismiss(receiver, receiver.socket, admission.dismissed);
    }
  }

  /** The window that a receiver asks for is its own once it is admitted. */
  #open(receiver: Receiver, window: number): void {
    // The slowest receiver of a share that can't be read again holds records of the log for all others.
    const most = this.#isReadAgain ? WINDOW_MOST_RECORDS : WINDOW_RECORDS;
    receiver.asked = Math.min(window, most);
    // Another relay admits its own.
    const { isEdge, key } = receiver;
    const served = isEdge || !this.#admits || this.#admissions.of(key) !== undefined;
    receiver.window = served ? receiver.asked : 0;
  }

  #reopen(receiver: Receiver): void {
    const { window, acked } = receiver;
    this.#open(receiver, receiver.asked);
    if (receiver.window === window) return;
    this.#noteChanged(receiver);
    this.#retention?.acked(receiver, acked, this.#now);
    this.#lanes.pump(receiver, this.#now);
  }

  #dismiss(receiver: Receiver, socket: SocketId, reason: ShareFault): void {
    this.#cancel(socket, reason);
    receiver.left = "failed";
    this.#detach(receiver);
  }

  /** The share is over for one receiver alone. */
  #cancel(socket: SocketId, reason: ShareFault): void {
    this.#outlet.send(socket, { t: "cancel", share: this.offer.share, reason });
  }

  /**
   * Records before this one can't be had any more: a receiver that needs one of them can't have the share. One that
   * has not agreed and waits finds out when it agrees.
   */
  gone(before: number): void {
    for (const receiver of this.#receivers.attached) {
      const { socket, window, next } = receiver;
      const lacks = next < Math.min(before, this.offer.records) && !this.#log.has(next);
      if (socket === undefined || window === 0 || !lacks) continue;
      this.#dismiss(receiver, socket, "too-late");
    }
  }

  /**
   * Other receivers wait for records that find no room in the log while these stand still: the relay disconnects
   * clients of the lobby that came no further. They cannot resume, and come again for the next file.
   */
  heldUp(before: number): void {
    for (const receiver of this.#receivers.attached) {
      const { socket, acked } = receiver;
      if (socket === undefined || socket >= 0 || acked >= before) continue;
      this.#retention?.giveUp(receiver);
      // It is another one when it comes again, and its sender need not wait for this one.
      receiver.left = "failed";
      this.#outlet.fail(socket, "stalled");
      this.#detach(receiver);
    }
  }

  /** A receiver came to another worker: whatever line it had here is broken, seen or not. */
  cameElsewhere(id: Uint8Array, next: number): void {
    const key = toHex(id);
    const receiver = this.#receivers.of(key);
    const over = this.#retention?.cameElsewhere(key, next) === true;
    if (over && receiver !== undefined) receiver.unpaced = next;
  }

  /** The sender may be asked for so many records at once. */
  readAhead(records: number): void {
    this.#readAhead.most = records;
  }

  /**
   * Gives a record that has just come to the only receiver that ever came, and came once, past the log.
   * @param keep puts it in the log all the same
   * @returns whether the receiver took it
   */
  pass(
    index: number,
    frame: Uint8Array,
    keep: () => RecordPlace | undefined,
    now: number,
  ): boolean {
    return this.#receivers.isAlone && this.#lanes.pass(index, frame, keep, now);
  }

  /** The only receiver that ever came, and came once. */
  get lone(): SocketId | undefined {
    return this.#receivers.lone;
  }

  /** To all receivers of the share here. */
  publish(message: Message): void {
    this.#receivers.publish(message);
  }

  available(index: number, now: number, memory?: Uint8Array): void {
    this.#lanes.available(index, now, memory);
  }

  /** Reports what changed, and lets the lanes look again at everyone. */
  tick(now: number): void {
    this.#now = now;
    this.#lanes.tick(this.#receivers.attached, now);
    this.#disconnectStalled();
    this.#receipts.tick();
    if (this.#changed.size === 0) return;
    const entries = [...this.#changed].map((receiver) => this.#entry(receiver));
    for (const receiver of this.#changed) this.#forgetIfOver(receiver);
    this.#changed.clear();
    this.#upstream.report(entries);
  }

  /** The records come from elsewhere now, and the worker with the sender may not know this fan-out. */
  sourceChanged(log: RecordReader): void {
    this.#log = log;
    this.#lanes.sourceChanged(log);
    this.#retention?.resend();
    this.resend();
  }

  /** Tells of all receivers and receipts anew. */
  resend(): void {
    for (const receiver of this.#receivers.remembered) {
      this.#noteChanged(receiver);
      this.#receipts.resend(receiver);
    }
  }

  /** The share is over: no receiver is served any more. */
  destroy(): void {
    this.#lanes.destroy();
    this.#receivers.clear();
    this.#changed.clear();
    this.#receipts.clear();
    this.#admissions.clear();
    this.#retention?.clear();
  }

  /** The log keeps for others what one receiver of several acknowledged: they may come late. */
  #noteAcked({ acked }: Receiver): void {
    if (this.#receivers.isAlone) this.#upstream.acknowledged?.(acked);
  }

  #noteBegun(receiver: Receiver): void {
    if (receiver.isEdge || receiver.hasBegun || !hasBegun(receiver)) return;
    receiver.hasBegun = true;
    this.#upstream.begun?.(receiver.key, receiver.party.group, false);
  }

  #detach(receiver: Receiver): void {
    if (receiver.hasBegun && receiver.receipt === undefined && isReader(receiver)) {
      this.#upstream.begun?.(receiver.key, receiver.party.group, true);
      receiver.hasBegun = false;
    }
    this.#lanes.leave(receiver);
    if (receiver.socket !== undefined) this.#receivers.detach(receiver.socket);
    receiver.socket = undefined;
    this.#receipts.detached(receiver);
    this.#noteChanged(receiver);
    this.#retention?.changed(receiver, this.#now);
    if (receiver.isEdge) this.#receivers.forget(receiver);
  }

  #refuseFull(socket: SocketId): void {
    const { code, detail, after } = this.#limits.over("receivers-per-share");
    this.#outlet.fail(socket, socketFault(code), detail, after);
  }

  #disconnectStalled(): void {
    if (this.#retention === undefined) return;
    this.#retention.tick(this.#now);
    for (const receiver of this.#receivers.attached) {
      const { socket } = receiver;
      // A frame that we hold back ourselves is not its fault.
      if (socket !== undefined && this.#outlet.holdsBack?.(socket) === true) {
        receiver.progressAt = this.#now;
      }
      if (socket === undefined || !this.#retention.stalls(receiver, this.#log, this.#now)) continue;
      this.#outlet.fail(socket, "stalled");
      this.#detach(receiver);
    }
  }

  #entry(receiver: Receiver): ReceiverEntry {
    return entryOf(receiver, this.#lanes.liveIndex);
  }

  /** The sender remembers receivers that were reported as gone, unless a receipt is still on its way. */
  #forgetIfOver(receiver: Receiver): void {
    if (receiver.socket === undefined && !isOpen(receiver)) this.#receivers.forget(receiver);
  }
}
