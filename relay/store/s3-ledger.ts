/**
 * The facts of stored shares as objects beside their records. Names are random or hashed: they tell nothing of shares.
 *
 *   <prefix>facts/<place>[.<turn>]  a share               } a sum (xxHash64, in hex), a space, and JSON, see `facts.ts`
 *   <prefix>over/<hash>             a share that is over  }
 *   <prefix>records/<place>/        its records, see `S3Records`
 *   <prefix>lease                   the relay that uses it, see `S3Lease`
 *
 * S3 writes one object at once, but never two. So each share is right by itself, and `save` writes in an order
 * that `load` understands after a crash at any moment: ends first, then shares, and deletions last.
 *
 * In a cluster a share has one owner at a time. Each owner after the first writes the facts under a later turn, and the
 * latest turn counts. So a write of an earlier owner that arrives late has no effect.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { FaultError } from "../../protocol/mod.ts";

import { factsText, parseShare, parseTombstone } from "./facts.ts";
import type { AdoptedShare, Ledger, LedgerChange } from "./ledger.ts";
import { S3Bucket, S3_TIMES, type MayWrite, type OnAway, type S3Place } from "./s3-bucket.ts";
import { S3Lease, type LeaseEvents } from "./s3-lease.ts";
import type { StoredShare, Tombstone } from "./stored-share.ts";

/** An object of facts is shorter: 1024 runs, 1000 receivers, 100 receipts and 10,000 counted ones take 250 KiB. bytes */
const FACTS_BYTES = 1024 ** 2;
/** Objects that are read, written or deleted at once. */
const OBJECTS_AT_ONCE = 16;
/** A place is listed again after it was emptied, at most so often: a list may be older than the objects. */
const EMPTYING_ROUNDS = 3;
/** A relay that starts says so early that its bucket is away: its service manager starts it again. ms */
const START_MS = 30_000;
/**
 * In a cluster the relay deletes records without facts after a second look so much later: a store may show records of
 * another relay before their facts. ms
 */
const SECOND_LOOK_MS = 60_000;
const NAME = /^[0-9a-f]{32}$/;
const FACTS_NAME = /^([0-9a-f]{32})(?:\.([1-9]\d{0,15}))?$/;
const NAME_BYTES = 16;
const SUM_DIGITS = 16;

export interface S3Events extends LeaseEvents {
  readonly away: OnAway;
}

/** The agreement of relays of a cluster that store in one bucket. */
export interface S3Cluster {
  /** The id of the lease, see `S3Lease`. */
  readonly lease: string;
  readonly fence: Fence;
  /** The time before a second look (default: SECOND_LOOK_MS). */
  readonly secondLookMs?: number;
}

/** Whether this relay can be sure that its shares are its own; see `WriteFence`. */
export interface Fence {
  /** The time for which the relay may write; 0: it may not. ms */
  readonly left: number;
  /** The number of times at which the relay was not sure of its shares. */
  readonly lapses: number;
}

/** The objects with the facts of one share, by turn. */
type Turns = readonly [latest: number, ...before: number[]];

export class S3Ledger implements Ledger {
  #bucket: S3Bucket;
  readonly #usual: S3Bucket;
  readonly #prefix: string;
  readonly #stop = new AbortController();

  readonly #lease: S3Lease;
  readonly #cluster: S3Cluster | undefined;
  /** By place: only shares with facts in later turns than 0. */
  readonly #turns = new Map<string, Turns>();

  constructor(place: S3Place, events?: S3Events, cluster?: S3Cluster) {
    const { times = S3_TIMES } = place;
    const giveUpMs = Math.min(times.giveUpMs, START_MS);
    this.#bucket = new S3Bucket({ ...place, times: { ...times, giveUpMs } });
    this.#usual = new S3Bucket(place, events?.away);
    this.#lease = new S3Lease(place.prefix, times.leaseMs, events, cluster?.lease);
    this.#cluster = cluster;
    this.#prefix = place.prefix;
  }

  async load(): Promise<{ readonly shares: StoredShare[]; readonly tombstones: Tombstone[] }> {
    try {
      await this.#tryOut();
      await this.#lease.take(this.#bucket, this.#usual, this.#signal);
      const [tombstones, shares] = await Promise.all([this.#readOvers(), this.#readShares()]);
      const { removed, forgotten, ...loaded } = settled(shares, tombstones);
      // In a cluster a half-done change may be under way at another relay, and not left by a crash. The owner ends it.
      if (this.#cluster === undefined) {
        await this.save({ shares: [], tombstones: [], removed, forgotten });
        for (const place of await this.#orphans()) await this.removeRecords(place);
      } else void this.#cleanLater(this.#cluster, removed);
      this.#bucket = this.#usual;
      return loaded;
    } catch (cause) {
      if (!(cause instanceof FaultError)) throw cause;
      // The operator reads this one, so it may name the bucket.
      throw new FaultError("bad-store", `${this.#bucket.name}: ${cause.detail}`, { cause });
    }
  }

  async save({ shares, removed, tombstones, forgotten }: LedgerChange): Promise<void> {
    const may = this.#mayWrite();
    await this.#each(tombstones, (tombstone) =>
      this.#write(`over/${overName(tombstone.key)}`, tombstone, may),
    );
    await this.#each(shares, async (share) => {
      const [latest, ...before] = this.#turnsOf(share.place);
      await this.#write(factsName(share.place, latest), share, may);
      for (const turn of before) await this.#remove(factsName(share.place, turn), may);
      if (before.length > 0) this.#turns.set(share.place, [latest]);
    });
    await this.#each(removed, async (place) => {
      // The latest turn is deleted last, so a crash brings no earlier one back.
      for (const turn of this.#turnsOf(place).toReversed()) {
        await this.#remove(factsName(place, turn), may);
      }
      this.#turns.delete(place);
    });
    await this.#each(forgotten, (key) => this.#remove(`over/${overName(key)}`, may));
  }

  async adopt(place: string, epoch: number): Promise<AdoptedShare> {
    const turns = await this.#turnsIn(`${this.#prefix}facts/${place}`);
    const share = await this.#latestOf(place, turns);
    if (share === undefined) return { share, over: undefined };
    const over = await this.over(share.key);
    const [latest = 0] = turns;
    // Each owner has an epoch of its own, unless the directory was lost. The turn grows even then.
    this.#turns.set(place, [Math.max(latest + 1, epoch), ...turns]);
    return { share, over };
  }

  async over(key: string): Promise<Tombstone | undefined> {
    return await this.#find(`over/${overName(key)}`, parseTombstone, (each) => each.key === key);
  }

  disown(place: string): void {
    this.#turns.delete(place);
  }

  async removeRecords(place: string): Promise<void> {
    const folder = `${this.#prefix}records/${place}/`;
    for (let round = 0; round < EMPTYING_ROUNDS; round++) {
      let count = 0;
      for await (const names of this.#bucket.list(folder, "keys", this.#signal)) {
        count += names.length;
        await this.#each(names, (name) => this.#bucket.remove(`${folder}${name}`, this.#signal));
      }
      if (count === 0) return;
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#lease.release(this.#bucket);
  }

  /** A policy that allows no writing shows at the start, not at the first share. */
  async #tryOut(): Promise<void> {
    const key = `${this.#prefix}try`;
    await this.#bucket.put(key, new TextEncoder().encode("may be deleted"), this.#stop.signal);
    await this.#bucket.remove(key, this.#stop.signal);
  }

  async #readOvers(): Promise<Tombstone[]> {
    const all: Tombstone[] = [];
    for await (const names of this.#namesIn("over/")) {
      await this.#each(names, async (name) => {
        if (!NAME.test(name)) return;
        const isRight = ({ key }: Tombstone): boolean => overName(key) === name;
        const over = await this.#find(`over/${name}`, parseTombstone, isRight);
        if (over !== undefined) all.push(over);
      });
    }
    return all;
  }

  /** The latest facts of each share. */
  async #readShares(): Promise<StoredShare[]> {
    const places = new Map<string, number[]>();
    for await (const names of this.#namesIn("facts/")) {
      for (const [place, turn] of names.flatMap((name) => turnIn(name) ?? [])) {
        places.set(place, [...(places.get(place) ?? []), turn]);
      }
    }
    const all: StoredShare[] = [];
    await this.#each([...places], async ([place, found]) => {
      const turns = found.toSorted((one, other) => other - one);
      const [latest = 0, ...before] = turns;
      if (latest > 0) this.#turns.set(place, [latest, ...before]);
      const share = await this.#latestOf(place, turns);
      if (share !== undefined) all.push(share);
    });
    return all;
  }

  #namesIn(folder: "facts/" | "over/" | "records/"): AsyncGenerator<string[]> {
    const of = folder === "records/" ? "folders" : "keys";
    return this.#bucket.list(`${this.#prefix}${folder}`, of, this.#signal);
  }

  /** The turns of objects whose keys begin with `start`, latest first. */
  async #turnsIn(start: string): Promise<number[]> {
    const turns: number[] = [];
    for await (const names of this.#bucket.list(start, "keys", this.#signal)) {
      turns.push(...names.flatMap((name) => turnIn(name)?.map(([, turn]) => turn) ?? []));
    }
    return turns.toSorted((one, other) => other - one);
  }

  /** @returns undefined: the object is not there, and a list that shows it is older */
  async #find<Facts>(
    name: string,
    parse: (text: string) => Facts | undefined,
    isRight: (facts: Facts) => boolean,
  ): Promise<Facts | undefined> {
    const check = (bytes: Uint8Array): Facts | undefined => {
      const facts = factsIn(bytes, parse);
      return facts !== undefined && isRight(facts) ? facts : undefined;
    };
    const key = `${this.#prefix}${name}`;
    return await this.#bucket
      .find(key, FACTS_BYTES, check, this.#signal)
      .catch((error: unknown) => {
        const detail = error instanceof FaultError ? error.detail : undefined;
        throw new FaultError("store-failed", `${key}: ${detail}`, { cause: error });
      });
  }

  /** Places with records and without facts. Facts are written before the first record, and deleted before all of them. */
  async #orphans(): Promise<string[]> {
    const orphans: string[] = [];
    for await (const found of this.#namesIn("records/")) {
      const places = found.filter((name) => NAME.test(name));
      await this.#each(places, async (place) => {
        if (!(await this.#hasFacts(place))) orphans.push(place);
      });
    }
    return orphans;
  }

  /** Whether a place has facts. A list may be older than the objects, so the relay asks for the facts by their key. */
  async #hasFacts(place: string): Promise<boolean> {
    const turns = new Set([0, ...this.#turnsOf(place)]);
    // A list for each share would cost too much, because most shares still have their first owner.
    const names = [...turns].map((turn) => `${this.#prefix}${factsName(place, turn)}`);
    for (const name of names) {
      const isThere = await this.#bucket
        .find(name, FACTS_BYTES, () => true, this.#signal)
        // A policy may hide whether a key is there: then the records stay.
        .catch(() => true);
      if (isThere !== undefined) return true;
    }
    return (await this.#turnsIn(`${this.#prefix}facts/${place}`)).length > 0;
  }

  /** @param over places of shares that seem to be over */
  async #cleanLater(
    { secondLookMs = SECOND_LOOK_MS }: S3Cluster,
    over: readonly string[],
  ): Promise<void> {
    try {
      const orphans = await this.#orphans();
      await sleep(secondLookMs, undefined, { signal: this.#signal, ref: false });
      await this.#each(over, (place) => this.#removeOver(place));
      for (const place of orphans) {
        if (!(await this.#hasFacts(place))) await this.removeRecords(place);
      }
    } catch {
      // The next start of a relay finds them again.
    }
  }

  /** Removes facts of a share that is over: a late write brought them back, or the relay that ended the share died on the way. */
  async #removeOver(place: string): Promise<void> {
    const turns = await this.#turnsIn(`${this.#prefix}facts/${place}`);
    const share = await this.#latestOf(place, turns);
    const over = share && (await this.over(share.key));
    if (share === undefined || over === undefined || over.at < share.seenAt) return;
    for (const turn of turns.toReversed()) await this.#remove(factsName(place, turn));
    await this.removeRecords(place);
  }

  async #latestOf(place: string, turns: readonly number[]): Promise<StoredShare | undefined> {
    for (const turn of turns) {
      const isRight = (each: StoredShare): boolean => each.place === place;
      const share = await this.#find(factsName(place, turn), parseShare, isRight);
      if (share !== undefined) return share;
    }
    return undefined;
  }

  #turnsOf(place: string): Turns {
    return this.#turns.get(place) ?? [0];
  }

  /** The right to write within one save. After a lapse meanwhile the relay asks its book anew. */
  #mayWrite(): MayWrite | undefined {
    const fence = this.#cluster?.fence;
    if (fence === undefined) return undefined;
    const { lapses } = fence;
    return {
      waits: false,
      get left() {
        return fence.lapses === lapses ? fence.left : 0;
      },
    };
  }

  async #write(name: string, facts: StoredShare | Tombstone, may?: MayWrite): Promise<void> {
    const text = factsText(facts);
    const body = new TextEncoder().encode(`${sumOf(text)} ${text}`);
    await this.#bucket.put(`${this.#prefix}${name}`, body, this.#signal, may);
  }

  async #remove(name: string, may?: MayWrite): Promise<void> {
    await this.#bucket.remove(`${this.#prefix}${name}`, this.#signal, may);
  }

  /** Some at once. @throws the first fault, when none of them goes on */
  async #each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    const left = items.values();
    const hands = Array.from({ length: Math.min(OBJECTS_AT_ONCE, items.length) }, async () => {
      for (const item of left) await work(item);
    });
    for (const { status, reason } of (await Promise.allSettled(hands)) as PromiseRejectedResult[]) {
      if (status === "rejected") throw reason;
    }
  }

  get #signal(): AbortSignal {
    return this.#stop.signal;
  }
}

/** Facts that a crash between the steps of `save` left to be deleted. */
function settled(
  shares: readonly StoredShare[],
  tombstones: readonly Tombstone[],
): {
  readonly shares: StoredShare[];
  readonly tombstones: Tombstone[];
  readonly removed: string[];
  readonly forgotten: string[];
} {
  const over = new Map(tombstones.map((tombstone) => [tombstone.key, tombstone]));
  const there = new Map<string, StoredShare>();
  const gone: StoredShare[] = [];
  for (const share of shares) {
    const other = there.get(share.key);
    if ((over.get(share.key)?.at ?? -1) >= share.seenAt) gone.push(share);
    else if (other !== undefined && other.seenAt > share.seenAt) gone.push(share);
    else {
      if (other !== undefined) gone.push(other);
      there.set(share.key, share);
    }
  }
  const forgotten = [...there.keys()].filter((key) => over.delete(key));
  const removed = gone.map(({ place }) => place);
  return { shares: [...there.values()], tombstones: [...over.values()], removed, forgotten };
}

function factsName(place: string, turn: number): string {
  return turn === 0 ? `facts/${place}` : `facts/${place}.${turn}`;
}

/** @returns place and turn in a list, for `flatMap`; undefined: the name is not one of facts */
function turnIn(name: string): [[place: string, turn: number]] | undefined {
  const [, place, turn = "0"] = FACTS_NAME.exec(name) ?? [];
  return place === undefined ? undefined : [[place, Number(turn)]];
}

/** The key is random, so its hash cannot be turned back. */
function overName(key: string): string {
  return createHash("sha256")
    .update(`over ${key}`)
    .digest("hex")
    .slice(0, NAME_BYTES * 2);
}

function sumOf(text: string): string {
  return Bun.hash.xxHash64(text).toString(16).padStart(SUM_DIGITS, "0");
}

function factsIn<Facts>(
  bytes: Uint8Array,
  parse: (text: string) => Facts | undefined,
): Facts | undefined {
  const text = new TextDecoder().decode(bytes);
  const json = text.slice(SUM_DIGITS + 1);
  return text.startsWith(`${sumOf(json)} `) ? parse(json) : undefined;
}
