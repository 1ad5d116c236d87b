/**
 * The page of one receive, without its screen: it answers offers, and takes pieces as a saver does. What
 * is posted is cloned and transferred as between threads, so the worker's buffers are gone afterwards.
 */
import type { Primitives } from "../../../protocol/crypto/crypto.ts";
import { noblePrimitives } from "../../../protocol/crypto/crypto-noble.ts";
import { webPrimitives } from "../../../protocol/crypto/crypto-web.ts";
import { concat, fromHex } from "../../../protocol/wire/bytes.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { Receiving } from "../../../web/client/receiving.ts";
import type {
  Offer,
  ReceiveCommand,
  ReceiveEvent,
  ReceiveJob,
} from "../../../web/job/receive-messages.ts";
import { masterOf } from "../../support/clients/known-codes.ts";

export type EventOf<Name extends ReceiveEvent["t"]> = Extract<ReceiveEvent, { t: Name }>;

/** With WebCrypto, and as a page over plain http has to do without. */
export const BOTH_PRIMITIVES: readonly Primitives[] = [webPrimitives, noblePrimitives];

interface PageHabits {
  readonly primitives?: Primitives;
  /** Answers no offer by itself. */
  readonly asks?: boolean;
  /** Bytes of content that the saver has. */
  readonly position?: number;
  readonly unconfirmed?: boolean;
  /** The saver takes nothing by itself. */
  readonly slow?: boolean;
  /** The saver does not finish by itself. */
  readonly unfinished?: boolean;
}

/** One share as a receive got it, from its offer on. */
export interface Received {
  readonly offer: Offer;
  readonly parts: Map<number, Uint8Array<ArrayBuffer>[]>;
}

export class PageReceiver implements AsyncDisposable {
  readonly seen: ReceiveEvent[] = [];
  readonly shares: Received[] = [];
  /** Bytes of pieces that the saver has not taken. */
  waiting = 0;
  mostWaiting = 0;
  readonly #habits: PageHabits;
  #isSlow: boolean;
  readonly #receiving: Receiving;
  readonly #wakers = new Set<() => void>();

  constructor(
    job: Pick<ReceiveJob, "relay" | "code"> & Partial<ReceiveJob>,
    habits: PageHabits = {},
  ) {
    this.#habits = habits;
    this.#isSlow = habits.slow ?? false;
    const master = fromHex(masterOf(parseCode(job.code)))!;
    const primitives = { ...(habits.primitives ?? webPrimitives), scrypt: () => master };
    this.#receiving = new Receiving(
      { t: "receive", name: "a page", lobby: false, ...job },
      (event, transfer = []) => this.#came(structuredClone(event, { transfer })),
      primitives,
    );
  }

  get share(): Received {
    const last = this.shares.at(-1);
    if (last === undefined) throw new Error("nothing was offered");
    return last;
  }

  command(command: ReceiveCommand): void {
    this.#receiving.command(command);
  }

  accept(position = 0): void {
    const { share } = this.share.offer;
    const { unconfirmed = false } = this.#habits;
    this.command({ t: "accept", share, position, unconfirmed });
  }

  /** The saver takes all that waits. */
  take(): void {
    const bytes = this.waiting;
    this.waiting = 0;
    if (bytes > 0) this.command({ t: "written", bytes });
  }

  /** From now on the saver takes what comes. */
  hurry(): void {
    this.#isSlow = false;
    this.take();
  }

  /** Waits until the saver has so many bytes to take. */
  async holds(bytes: number): Promise<void> {
    while (this.waiting < bytes) await this.#news();
  }

  /** The first event of that name that passes, past or to come. */
  async when<Name extends ReceiveEvent["t"]>(
    name: Name,
    passes: (event: EventOf<Name>) => boolean = () => true,
  ): Promise<EventOf<Name>> {
    for (let at = 0; ; at++) {
      while (at >= this.seen.length) {
        if (this.seen.at(-1)?.t === "end") {
          throw new Error(`ended without ${name}: ${JSON.stringify(this.told)}`);
        }
        await this.#news();
      }
      const event = this.seen[at]!;
      if (isNamed(event, name) && passes(event)) return event;
    }
  }

  all<Name extends ReceiveEvent["t"]>(name: Name): EventOf<Name>[] {
    return this.seen.filter((event) => isNamed(event, name));
  }

  /** All but content. */
  get told(): ReceiveEvent[] {
    return this.seen.filter(({ t }) => t !== "piece");
  }

  /** The bytes of each file of the last share that came, by its path. */
  get files(): Record<string, Uint8Array> {
    const { offer, parts } = this.share;
    const entries = offer.files.map(
      ({ path, type }, file) =>
        [type === "folder" ? `${path}/` : path, concat(...(parts.get(file) ?? []))] as const,
    );
    return Object.fromEntries(entries);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.command({ t: "stop" });
    await this.when("end");
  }

  #news(): Promise<void> {
    return new Promise<void>((resolve) => this.#wakers.add(resolve));
  }

  #came(event: ReceiveEvent): void {
    this.seen.push(event);
    // As the page's answers: after the worker's own turn.
    setTimeout(() => this.#answer(event));
    if (event.t === "offer") this.shares.push({ offer: event.offer, parts: new Map() });
    if (event.t === "piece") {
      const { parts } = this.share;
      parts.set(event.file, [...(parts.get(event.file) ?? []), event.data]);
      this.waiting += event.data.length;
      this.mostWaiting = Math.max(this.mostWaiting, this.waiting);
    }
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }

  #answer(event: ReceiveEvent): void {
    const { asks = false, unfinished = false, position } = this.#habits;
    if (event.t === "offer" && !asks) this.accept(position);
    if (event.t === "piece" && !this.#isSlow) this.take();
    if (event.t === "save" && !unfinished) this.command({ t: "saved" });
  }
}

function isNamed<Name extends ReceiveEvent["t"]>(
  event: ReceiveEvent,
  name: Name,
): event is EventOf<Name> {
  return event.t === name;
}
