/**
 * The fan-outs of a share, as its home speaks to them: the one of this worker by calls, those of other workers by
 * messages. A worker is known from its first message for this share until its last receiver is gone, or the worker is
 * lost. It hears each new record meanwhile, and each decision of the sender: a receiver may be at any of them.
 * `HomeShare` owns it, and empties it when the share gets another home.
 */
import { CREDIT_RECORDS } from "../../protocol/mod.ts";

import type { BlockLog } from "../log/block-log.ts";
import { Admissions, type Admission } from "./admissions.ts";
import type { Fanout } from "./fanout.ts";
import type { PeerMessage } from "./messages.ts";

export interface HomeFanoutsOptions {
  /** This one. */
  readonly worker: number;
  /** Of this worker. */
  readonly fanout: Fanout;
  readonly toPeer: (to: number, message: PeerMessage) => void;
  /** Of a share that can't be read again, once another relay listens at this worker: see `PeerMessage`. */
  readonly kept: (first: number) => void;
  /** Records that the sender may be asked for ahead; undefined: another worker is home. */
  readonly credit: () => number | undefined;
}

export class HomeFanouts {
  readonly #options: HomeFanoutsOptions;
  /** Other workers with receivers of this share. */
  readonly #remote = new Set<number>();
  /** Workers at which other relays listen, this one too, and the first record that they were told. */
  readonly #listening = new Set<number>();
  #firstTold: number | undefined;
  readonly #admissions = new Admissions();

  constructor(options: HomeFanoutsOptions) {
    this.#options = options;
  }

  /** Whether no other worker has receivers of this share. */
  get areHere(): boolean {
    return this.#remote.size === 0;
  }

  /** Whether any worker has receivers of this share. */
  get areAttached(): boolean {
    return this.#options.fanout.attached > 0 || this.#remote.size > 0;
  }

  /** Another worker hears of new records from now on. */
  serve(to: number): void {
    const { worker, toPeer, credit } = this.#options;
    if (to === worker || this.#remote.has(to)) return;
    this.#remote.add(to);
    const records = credit() ?? CREDIT_RECORDS;
    if (records > CREDIT_RECORDS) toPeer(to, { t: "ahead", records });
    if (this.#admissions.size === 0) return;
    toPeer(to, { t: "admissions", list: this.#admissions.list });
  }

  /** Other relays listen at a worker. @param first the first record still to be had */
  listens(at: number, first: number | undefined): void {
    this.serve(at);
    this.#listening.add(at);
    if (first !== undefined) this.#sendKept(at, first);
  }

  /** A worker has no receivers any more, or is lost. */
  detached(worker: number): void {
    this.#remote.delete(worker);
    this.#listening.delete(worker);
  }

  /** Another worker is home from now on, or none. */
  clear(): void {
    this.#remote.clear();
    this.#listening.clear();
    this.#firstTold = undefined;
    this.#admissions.clear();
  }

  decide(admission: Admission): void {
    this.#admissions.add(admission);
    const list = [admission];
    this.#options.fanout.decide(list);
    this.#toRemote({ t: "admissions", list });
  }

  confirmed(receiver: Uint8Array): void {
    this.#options.fanout.confirmed(receiver);
    this.#toRemote({ t: "confirmed", receiver });
  }

  heldUp(before: number): void {
    this.#options.fanout.heldUp(before);
    this.#toRemote({ t: "held-up", before });
  }

  ahead(records: number): void {
    this.#options.fanout.readAhead(records);
    this.#toRemote({ t: "ahead", records });
  }

  /** The log has this record. @param memory as `Fanout.available` */
  available(log: BlockLog, index: number, now: number, memory: Uint8Array | undefined): void {
    this.#options.fanout.available(index, now, memory);
    if (this.areHere) return;
    const place = log.open(index);
    if (place === undefined) return;
    this.#toRemote({ t: "available", index, place });
    log.close(place);
  }

  gone(to: number, before: number): void {
    const { worker, fanout, toPeer } = this.#options;
    if (to === worker) fanout.gone(before);
    else toPeer(to, { t: "gone", before });
  }

  full(to: number, receiver: Uint8Array): void {
    const { worker, fanout, toPeer } = this.#options;
    if (to === worker) fanout.refuse(receiver);
    else toPeer(to, { t: "full", receiver });
  }

  /** The first record still to be had of a share that can't be read again. */
  tellFirst(first: number | undefined): void {
    if (first === undefined || first === this.#firstTold) return;
    this.#firstTold = first;
    for (const worker of this.#listening) this.#sendKept(worker, first);
  }

  /**
   * The receiver's line to any other worker is broken, whether that is seen there or not.
   * @param where it came
   * @param workers for which the log keeps records
   */
  came(where: number, receiver: Uint8Array, next: number, workers: Iterable<number>): void {
    const { worker, fanout, toPeer } = this.#options;
    for (const other of workers) {
      if (other === where) continue;
      if (other === worker) fanout.cameElsewhere(receiver, next);
      else toPeer(other, { t: "came", receiver, next });
    }
  }

  #sendKept(to: number, first: number): void {
    const { worker, kept, toPeer } = this.#options;
    if (to === worker) kept(first);
    else toPeer(to, { t: "kept", first });
  }

  #toRemote(message: PeerMessage): void {
    for (const worker of this.#remote) this.#options.toPeer(worker, message);
  }
}
