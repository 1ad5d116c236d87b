import { type FaultError, type Offer, toHex } from "../../../protocol/mod.ts";
import { LiveLimits } from "../../../relay/limits/limits.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../relay/limits/operator-limits.ts";
import type { Batch, BookEffect, ShareClaim } from "../../../relay/store/book-effects.ts";
import { factsText, parseShare, parseTombstone } from "../../../relay/store/facts.ts";
import { PROGRESS_MS, StoreBook } from "../../../relay/store/store-book.ts";
import { hexOf, sixteen } from "./stored-shares.ts";

/** The content of a ledger, as text. */
export class PaperLedger {
  readonly shares = new Map<string, string>();
  readonly tombstones = new Map<string, string>();

  save({ change }: Batch): void {
    for (const share of change.shares) this.shares.set(share.place, factsText(share));
    for (const place of change.removed) this.shares.delete(place);
    for (const each of change.tombstones) this.tombstones.set(each.key, factsText(each));
    for (const key of change.forgotten) this.tombstones.delete(key);
  }

  load() {
    return {
      shares: [...this.shares.values()].map((text) => parseShare(text)!),
      tombstones: [...this.tombstones.values()].map((text) => parseTombstone(text)!),
    };
  }
}

export const CHANNEL = hexOf(0xc0);

export function claimOf(number: number, more: Partial<ShareClaim> = {}): ShareClaim {
  const offer: Offer = {
    share: sixteen(number),
    recordSize: 84,
    records: 5,
    bytes: 300,
    seekable: true,
  };
  return {
    t: "claim",
    worker: 0,
    socket: number,
    channel: CHANNEL,
    key: hexOf(number),
    offer,
    store: { life: 1000 },
    ...more,
  };
}

/** A book whose changes go to a ledger of paper, and what it says. */
export class BookPlay {
  now = 1_000_000;
  book: StoreBook;
  readonly ledger: PaperLedger;
  readonly limits: LiveLimits;
  /** Of the last `save`. */
  effects: readonly BookEffect[] = [];
  /** The words to the cluster. */
  readonly cluster: string[] = [];
  #places = 0;
  #numbers = 0;

  constructor(limits: Partial<Limits> = {}, ledger = new PaperLedger()) {
    this.limits = new LiveLimits({ ...DEFAULT_LIMITS, ...limits });
    this.ledger = ledger;
    this.book = this.#begin();
  }

  /** Unsaved changes are lost. */
  crash(): void {
    this.book = this.#begin();
  }

  /** The changes to be saved now. @returns what is said then, in short */
  save(): string[] {
    const effects: BookEffect[] = [];
    this.now += PROGRESS_MS;
    for (
      let batch = this.book.take(this.now);
      batch !== undefined;
      batch = this.book.take(this.now)
    ) {
      this.ledger.save(batch);
      this.book.saved();
      effects.push(...batch.effects);
    }
    this.effects = effects;
    return effects.map(describeEffect);
  }

  /** Stored, and whole. */
  whole(number: number, more: Partial<ShareClaim> = {}): void {
    this.book.claim(claimOf(number, more), this.now);
    this.durable(number, 0, 5);
    this.save();
  }

  durable(number: number, first: number, count: number, records?: number): void {
    this.book.durable(hexOf(number), [{ first, count }], records, this.now);
  }

  download(number: number, receiver: number, wasServed = true): void {
    const receipt = { receiver: sixteen(receiver), records: 5, mac: sixteen(receiver) };
    this.book.downloads.download(hexOf(number), receipt, wasServed, this.now);
  }

  begun(number: number, receiver: number, address?: string): void {
    this.book.downloads.begun(hexOf(number), hexOf(receiver), address, this.now);
  }

  later(ms: number): string[] {
    this.now += ms;
    this.book.tick(this.now);
    return this.save();
  }

  /** The words to its sender. */
  inspect(number: number) {
    this.book.inspect(0, 9, hexOf(number));
    this.save();
    for (const effect of this.effects) {
      if (effect.t === "answer" && effect.message.t === "inspected") return effect.message;
    }
    throw new Error("no answer");
  }

  #begin(): StoreBook {
    return new StoreBook(
      {
        limits: this.limits,
        newPlace: () => (++this.#places).toString(16).padStart(32, "0"),
        newNumber: () => ++this.#numbers,
        hashOf: (address) => `hash of ${address}`,
        saved: this.ledger.load(),
        cluster: {
          kept: ({ key }, place, isPart) => {
            const what = place === undefined ? "over" : isPart ? "kept in part" : "kept";
            this.cluster.push(`${nameOf(key)} ${what}`);
          },
          released: ({ key }) => this.cluster.push(`${nameOf(key)} released`),
        },
      },
      this.now,
    );
  }
}

const nameOf = (key: string): string => `${Number.parseInt(key.slice(0, 2), 16)}`;

function withFault({ code, detail }: FaultError): string {
  return detail === undefined ? code : `${code} (${detail})`;
}

export function describeEffect(effect: BookEffect): string {
  switch (effect.t) {
    case "counted":
      return `${nameOf(effect.key)} counted ${nameOf(toHex(effect.receiver))}`;
    case "state": {
      const { isWhole, downloadsLeft, begun } = effect.state;
      const left = downloadsLeft === undefined ? "" : `, ${downloadsLeft} left`;
      const may = begun.length === 0 ? "" : `, ${begun.map(nameOf).join(" ")} may finish`;
      return `${nameOf(effect.key)} has ${isWhole ? "all" : effect.durable}${left}${may}`;
    }
    case "claim":
      return `${nameOf(effect.claim.key)} for socket ${effect.claim.socket}`;
    case "refuse":
      return `${nameOf(effect.claim.key)} refused: ${effect.fault.code}`;
    case "open":
      return `${nameOf(effect.opened.facts.key)} opened at ${effect.worker}`;
    case "looked-up":
      return `answer ${effect.question} to ${effect.worker}`;
    case "unload":
      return `${nameOf(effect.key)} unloaded`;
    case "answer":
      return `${effect.message.t} to ${effect.worker}/${effect.socket}`;
    case "over": {
      const list = effect.list.map(({ share, reason }) => `${nameOf(toHex(share))} ${reason}`);
      return `over at ${effect.worker}: ${list.join(", ")}`;
    }
    case "end":
      return `${nameOf(effect.key)} ends: ${withFault(effect.fault)}`;
    case "sender-failed":
      return `sender of ${nameOf(effect.key)} fails: ${effect.fault.code}`;
    case "socket-failed":
      return `socket ${effect.worker}/${effect.socket} fails: ${effect.fault.code}`;
    case "report":
      return `report ${effect.event}`;
  }
}
