/**
 * The facts of stored shares as objects beside their records. Names are random or hashed: they tell nothing of shares.
 *
 *   <prefix>facts/<place>      a share                   } a sum (xxHash64, in hex), a space, and JSON, see `facts.ts`
 *   <prefix>over/<hash>        a share that is over      }
 *   <prefix>records/<place>/   its records, see `S3Records`
 *   <prefix>lease              the relay that uses it, see `S3Lease`
 *
 * S3 writes one object at once, but never two. So each share is right by itself, and `save` writes in an order
 * that `load` understands after a crash at any moment: what is over, then what is there, and then it deletes.
 */
import { createHash } from "node:crypto";

import { FaultError } from "../../protocol/mod.ts";

import { factsText, parseShare, parseTombstone } from "./facts.ts";
import type { Ledger, LedgerChange } from "./ledger.ts";
import { S3Bucket, S3_TIMES, type OnAway, type S3Place } from "./s3-bucket.ts";
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
const NAME = /^[0-9a-f]{32}$/;
const NAME_BYTES = 16;
const SUM_DIGITS = 16;

export interface S3Events extends LeaseEvents {
  readonly away: OnAway;
}

export class S3Ledger implements Ledger {
  #bucket: S3Bucket;
  readonly #usual: S3Bucket;
  readonly #prefix: string;
  readonly #stop = new AbortController();

  readonly #lease: S3Lease;

  constructor(place: S3Place, events?: S3Events) {
    const { times = S3_TIMES } = place;
    const giveUpMs = Math.min(times.giveUpMs, START_MS);
    this.#bucket = new S3Bucket({ ...place, times: { ...times, giveUpMs } });
    this.#usual = new S3Bucket(place, events?.away);
    this.#lease = new S3Lease(place.prefix, times.leaseMs, events);
    this.#prefix = place.prefix;
  }

  async load(): Promise<{ readonly shares: StoredShare[]; readonly tombstones: Tombstone[] }> {
    try {
      await this.#tryOut();
      await this.#lease.take(this.#bucket, this.#usual, this.#signal);
      const [tombstones, shares] = await Promise.all([
        this.#readAll("over/", parseTombstone, (tombstone) => overName(tombstone.key)),
        this.#readAll("facts/", parseShare, (share) => share.place),
      ]);
      const loaded = await this.#settle(shares, tombstones);
      await this.#removeOrphans(new Set(loaded.shares.map(({ place }) => place)));
      this.#bucket = this.#usual;
      return loaded;
    } catch (cause) {
      if (!(cause instanceof FaultError)) throw cause;
      // The operator reads this one, so it may name the bucket.
      throw new FaultError("bad-store", `${this.#bucket.name}: ${cause.detail}`, { cause });
    }
  }

  async save({ shares, removed, tombstones, forgotten }: LedgerChange): Promise<void> {
    await this.#each(tombstones, (tombstone) =>
      this.#write(`over/${overName(tombstone.key)}`, tombstone),
    );
    await this.#each(shares, (share) => this.#write(`facts/${share.place}`, share));
    await this.#each(removed, (place) => this.#remove(`facts/${place}`));
    await this.#each(forgotten, (key) => this.#remove(`over/${overName(key)}`));
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

  async #readAll<Facts>(
    folder: "facts/" | "over/",
    parse: (text: string) => Facts | undefined,
    nameOf: (facts: Facts) => string,
  ): Promise<Facts[]> {
    const all: Facts[] = [];
    for await (const names of this.#bucket.list(`${this.#prefix}${folder}`, "keys", this.#signal)) {
      await this.#each(names, async (name) => {
        if (!NAME.test(name)) return;
        const check = (bytes: Uint8Array) => {
          const facts = factsIn(bytes, parse);
          return facts !== undefined && nameOf(facts) === name ? facts : undefined;
        };
        const key = `${this.#prefix}${folder}${name}`;
        // The list may be older than the objects: one that is gone is no fault.
        const facts = await this.#bucket
          .find(key, FACTS_BYTES, check, this.#signal)
          .catch((error: unknown) => {
            const detail = error instanceof FaultError ? error.detail : undefined;
            throw new FaultError("bad-store", `${key}: ${detail}`, { cause: error });
          });
        if (facts !== undefined) all.push(facts);
      });
    }
    return all;
  }

  /** Ends what a crash between the steps of `save` left. */
  async #settle(
    shares: readonly StoredShare[],
    tombstones: readonly Tombstone[],
  ): Promise<{ shares: StoredShare[]; tombstones: Tombstone[] }> {
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
    await this.save({ shares: [], tombstones: [], removed, forgotten });
    return { shares: [...there.values()], tombstones: [...over.values()] };
  }

  async #removeOrphans(places: ReadonlySet<string>): Promise<void> {
    for await (const found of this.#bucket.list(
      `${this.#prefix}records/`,
      "folders",
      this.#signal,
    )) {
      for (const place of found) {
        if (!NAME.test(place) || places.has(place)) continue;
        // A list may be older than the objects: facts are asked for before any record is deleted.
        const key = `${this.#prefix}facts/${place}`;
        const isThere = await this.#bucket
          .find(key, FACTS_BYTES, () => true, this.#signal)
          // A policy may hide whether a key is there: then the records stay.
          .catch(() => true);
        if (isThere === undefined) await this.removeRecords(place);
      }
    }
  }

  async #write(name: string, facts: StoredShare | Tombstone): Promise<void> {
    const text = factsText(facts);
    const body = new TextEncoder().encode(`${sumOf(text)} ${text}`);
    await this.#bucket.put(`${this.#prefix}${name}`, body, this.#signal);
  }

  async #remove(name: string): Promise<void> {
    await this.#bucket.remove(`${this.#prefix}${name}`, this.#signal);
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
