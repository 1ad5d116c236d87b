import {
  WINDOW_RECORDS,
  encodeFrame,
  type Offer,
  type ReceiverEntry,
} from "../../../protocol/mod.ts";
import { Fanout } from "../../../relay/share/fanout.ts";
import { BlockLog } from "../../../relay/log/block-log.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import type { PartyNeed } from "../../../relay/share/messages.ts";
import { Recorder } from "./recorder.ts";

export const share = new Uint8Array(16).fill(1);
export const FRAME = 16 + 100;
/** A receiver of a share that can't be read again may take so long for a record. */
export const STALL_MS = 20_000;

export function id(number: number): Uint8Array {
  return new Uint8Array(16).fill(number);
}

/** A fan-out over real memory, with sockets and an upstream that write everything down. */
export class Play {
  now = 0;
  readonly outlet: Recorder;
  readonly log: BlockLog;
  readonly fanout: Fanout;
  readonly needs: PartyNeed[] = [];
  readonly asked: string[] = [];
  readonly reports: string[] = [];
  readonly receipts: number[] = [];
  readonly watermarks: (number | undefined)[] = [];
  readonly arrivals: [receiver: number, next: number][] = [];
  readonly #records: number;

  constructor({ records = 100, blocks = 100, seekable = true } = {}) {
    this.#records = records;
    const pool = new BlockPool(createPool(blocks, 1, FRAME), 0);
    this.outlet = new Recorder(pool);
    this.log = new BlockLog(pool, FRAME, !seekable);
    const bytes = records * 100;
    const offer: Offer = { share, recordSize: 100, records, bytes, seekable };
    const upstream = {
      need: (needs: readonly PartyNeed[]) => {
        this.needs.push(...needs);
        const runs = needs.flatMap((need) => need.runs);
        if (runs.length === 0) return;
        this.asked.push(runs.map(({ first, count }) => `${first}+${count}`).join(" "));
      },
      report: (entries: ReceiverEntry[]) => this.reports.push(...entries.map(describeEntry)),
      receipt: ({ receiver }: { receiver: Uint8Array }) => this.receipts.push(receiver[0] ?? 0),
      watermark: (next: number | undefined) => this.watermarks.push(next),
      came: (receiver: Uint8Array, next: number) => this.arrivals.push([receiver[0] ?? 0, next]),
    };
    this.fanout = new Fanout(offer, this.log, this.outlet, upstream, STALL_MS);
  }

  /** The receivers of the live lane, the record that it waits for, the receivers that wait for others. */
  get lanes(): Fanout["lanes"] {
    return this.fanout.lanes;
  }

  /** Receiver and socket have the same number, unless told. */
  join(number: number, from = 0, window = WINDOW_RECORDS, socket = number): string[] {
    const message = { t: "join" as const, share, receiver: id(number), name: id(0), from, window };
    this.fanout.join(socket, message, this.now);
    return this.outlet.take();
  }

  ack(number: number, next: number, window = WINDOW_RECORDS): string[] {
    this.fanout.ack(number, { t: "ack", share, next, window }, this.now);
    return this.outlet.take();
  }

  /** Records come into the log; what that leads to. */
  come(first: number, count = 1): string[] {
    for (let index = first; index < first + count; index++) {
      const last = index === this.#records - 1;
      this.log.reserve(index);
      this.log.put(index, encodeFrame(share, index, last, new Uint8Array(100)));
      this.fanout.available(index, this.now);
    }
    return this.outlet.take();
  }

  tick(after = 0): string[] {
    this.now += after;
    this.fanout.tick(this.now);
    return this.outlet.take();
  }

  drain(socket: number): string[] {
    this.outlet.drain(socket);
    this.fanout.drained(socket, this.now);
    return this.outlet.take();
  }

  takeReports(): string[] {
    return this.reports.splice(0);
  }
}

function describeEntry({ id, state, next }: ReceiverEntry): string {
  return `${id[0] ?? "?"} ${state} ${next}`;
}

export function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, index) => index);
}
