/** The keeper of stored shares at a relay whose cluster stores in one bucket. */
import { expect, test } from "bun:test";

import { LiveLimits } from "../../../relay/limits/limits.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits/operator-limits.ts";
import { Directory } from "../../../relay/main/directory.ts";
import { StoreKeeper } from "../../../relay/main/store-keeper.ts";
import type { AdoptedShare, LedgerChange } from "../../../relay/store/ledger.ts";
import type { StoredShare } from "../../../relay/store/stored-share.ts";
import { claimOf, CHANNEL } from "../../support/relay/book-play.ts";
import { hexOf, storedShare } from "../../support/relay/stored-shares.ts";

/** Longer than clients wait for a save. ms */
const LONG_MS = 60_000;
const EPOCH = 7;
const NOW = 1000;

/** Promises that are settled by now have their effects. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A relay, and all that it says and does. */
class KeeperPlay {
  readonly did: string[] = [];
  readonly fence = { left: Infinity, lapses: 0 };
  readonly keeper: StoreKeeper;
  readonly directory: Directory;
  now = NOW;
  /** Whether a save begins in a later turn, as it does outside of tests. */
  isLate = false;
  /** Names of shares that the relay takes over. */
  readonly adopts = new Set<string>();
  readonly #saves: { readonly change: LedgerChange; readonly done: () => void }[] = [];
  #reads: ((found: AdoptedShare) => void)[] = [];
  #places = 0;

  constructor(saved: readonly StoredShare[] = []) {
    const limits = new LiveLimits(DEFAULT_LIMITS);
    const toWorker = (worker: number, { t }: { readonly t: string }) =>
      void this.did.push(`${t} at ${worker}`);
    const host = { toWorker, workers: () => [0], report: () => undefined };
    this.directory = new Directory(host, limits);
    const name = ({ key }: Pick<StoredShare, "key">) => `${Number.parseInt(key.slice(0, 2), 16)}`;
    this.keeper = new StoreKeeper({
      ...host,
      store: {
        ledger: {
          load: () => Promise.resolve({ shares: [], tombstones: [] }),
          save: (change) => new Promise((done) => void this.#saves.push({ change, done })),
          adopt: () => new Promise((found) => void this.#reads.push(found)),
          over: () => Promise.resolve(undefined),
          disown: (place) => void this.did.push(`ledger leaves ${place}`),
          removeRecords: (place) => Promise.resolve(void this.did.push(`empties ${place}`)),
          close: () => Promise.resolve(),
        },
        saved: { shares: saved, tombstones: [] },
        place: { kind: "disk", folder: "" },
        hashOf: (address) => address,
        shared: { found: [], fence: this.fence },
      },
      limits,
      directory: this.directory,
      cluster: {
        adopts: (wanted) => this.adopts.has(wanted),
        isNameOf: (wanted, share) => wanted === name(share),
        adopted: (wanted) => void this.did.push(`cluster: ${wanted} is read`),
        kept: (share, place, isPart) => {
          const what = place === undefined ? "is over" : isPart ? "is kept in part" : "is kept";
          this.did.push(`cluster: ${name(share)} ${what}`);
        },
        released: (share) => void this.did.push(`cluster: ${name(share)} is gone`),
      },
      host: {
        wallTime: () => this.now,
        clock: () => this.now,
        soon: (run) => (this.isLate ? void setImmediate(run) : run()),
        newPlace: () => hexOf(0xa0 + ++this.#places),
      },
    });
  }

  get isSaving(): boolean {
    return this.#saves.length > 0;
  }

  /** The save under way is done, and those after it. @returns all that was done since the last call */
  async saved(): Promise<string[]> {
    for (let save = this.#saves.shift(); save !== undefined; save = this.#saves.shift()) {
      save.done();
      await turn();
    }
    return this.new;
  }

  get new(): string[] {
    return this.did.splice(0);
  }

  /** The relay takes the share over. */
  adopt(number: number): void {
    this.adopts.add(`${number}`);
    const place = hexOf(0x80 + number);
    this.keeper.ordered({ t: "adopt", name: `${number}`, place, epoch: EPOCH });
  }

  /** The bucket gives its facts. */
  async read(share?: StoredShare): Promise<string[]> {
    this.#reads.shift()?.({ share, over: undefined });
    await turn();
    return this.new;
  }

  /** A sender offers the share, and the bucket has no end of it. */
  async claim(number: number): Promise<void> {
    this.keeper.claim(claimOf(number));
    await turn();
  }

  /** The share is stored, and whole. */
  async whole(number: number): Promise<void> {
    await this.claim(number);
    await this.saved();
    this.durable(number);
    await this.saved();
  }

  durable(number: number): void {
    const runs = [{ first: 0, count: 5 }];
    this.keeper.handle({
      t: "durable",
      worker: 0,
      key: hexOf(number),
      epoch: 1,
      runs,
      records: undefined,
    });
  }
}

const WHOLE = storedShare(1, { durable: [{ first: 0, count: 5 }] });

test("a relay that takes a share over says so without a save, and serves it", async () => {
  const play = new KeeperPlay();
  play.adopt(1);
  expect(await play.read(WHOLE)).toEqual(["cluster: 1 is kept", "cluster: 1 is read"]);
  expect(play.isSaving).toBe(false);
  play.keeper.handle({ t: "asked", worker: 0, channel: CHANNEL });
  expect(play.new).toEqual(["opened at 0"]);
});

test("a relay that lost a share before it read the facts leaves the share alone", async () => {
  const play = new KeeperPlay();
  play.adopt(1);
  play.adopts.clear();
  expect(await play.read(WHOLE)).toEqual([`ledger leaves ${hexOf(0x81)}`]);
  expect(play.keeper.book.keeps(hexOf(1))).toBe(false);
});

test("a relay that takes over a share without facts removes what is left of the records", async () => {
  const play = new KeeperPlay();
  play.adopt(1);
  expect(await play.read()).toEqual([`empties ${hexOf(0x81)}`, "cluster: 1 is read"]);
});

test("a relay takes over no other share than the one that the directory named", async () => {
  const play = new KeeperPlay();
  play.adopt(2);
  expect(await play.read(WHOLE)).toEqual(["cluster: 2 is read"]);
  expect(play.keeper.book.keeps(hexOf(1))).toBe(false);
});

test("a share that its sender stores anew meanwhile stays as it is now", async () => {
  const play = new KeeperPlay();
  play.adopt(1);
  await play.whole(1);
  const place = play.keeper.book.placeOf(hexOf(1));
  expect(await play.read({ ...WHOLE, seenAt: 0 })).toEqual(["cluster: 1 is read"]);
  expect(play.keeper.book.placeOf(hexOf(1))).toBe(place);
});

test("the cluster hears of a change when it is saved, and of none from before the start", async () => {
  const play = new KeeperPlay([WHOLE]);
  await play.claim(2);
  expect(play.new).toEqual([]);
  expect(await play.saved()).toEqual(["cluster: 2 is kept in part", "opened at 0"]);
  play.keeper.handle({ t: "revoke", worker: 0, socket: 9, key: hexOf(2) });
  expect(play.new).toEqual([]);
  const told = await play.saved();
  expect(told[0]).toBe("cluster: 2 is over");
});

test("a relay that ends tells the cluster of what it saves last", async () => {
  const play = new KeeperPlay();
  await play.whole(1);
  expect(play.new).toEqual([]);
  play.isLate = true;
  play.keeper.handle({ t: "revoke", worker: 0, socket: 9, key: hexOf(1) });
  const closing = play.keeper.close();
  await turn();
  expect(play.new).toEqual([]);
  const told = await play.saved();
  await closing;
  expect(told).toContain("cluster: 1 is over");
});

test("nothing of a share that another relay took over is said any more, though a save of it is under way", async () => {
  const play = new KeeperPlay();
  await play.whole(1);
  play.keeper.handle({ t: "revoke", worker: 0, socket: 9, key: hexOf(1) });
  await play.claim(2);
  expect(play.isSaving).toBe(true);
  expect(play.new).toEqual([]);
  play.keeper.ordered({ t: "disown", key: hexOf(1) });
  // Both clients come again.
  expect(play.new).toEqual(["socket-failed at 0", "refused at 0", "orphaned at 0"]);
  // The bucket took the end of the share, so the other relay finds it.
  const emptied = `empties ${hexOf(0xa1)}`;
  expect(await play.saved()).toEqual([emptied, "cluster: 2 is kept in part"]);
});

test("a share that another relay took over is left to it in the bucket", async () => {
  const play = new KeeperPlay();
  await play.whole(1);
  const place = play.keeper.book.placeOf(hexOf(1));
  play.keeper.ordered({ t: "disown", key: hexOf(1) });
  expect(play.new).toEqual(["orphaned at 0", `ledger leaves ${place}`]);
});

test("a relay that is not sure of its shares saves nothing, lets receivers read, and sends clients away in the end", async () => {
  const play = new KeeperPlay([WHOLE]);
  play.fence.left = 0;
  await play.claim(2);
  play.keeper.handle({ t: "asked", worker: 0, channel: CHANNEL });
  expect(play.isSaving).toBe(false);
  expect(play.new).toEqual(["opened at 0"]);
  play.now += LONG_MS;
  play.keeper.tick();
  expect(play.new).toEqual(["refused at 0"]);
  play.fence.left = Infinity;
  play.keeper.tick();
  expect(play.isSaving).toBe(true);
  expect(await play.saved()).toEqual(["cluster: 2 is kept in part"]);
});

test("receivers here leave a share that another relay serves, and come back when no link reads it", async () => {
  const play = new KeeperPlay([WHOLE]);
  play.keeper.handle({ t: "asked", worker: 0, channel: CHANNEL });
  expect(play.new).toEqual(["opened at 0"]);
  play.keeper.ordered({ t: "quiet", key: hexOf(1) });
  expect(play.new).toEqual(["dismissed at 0"]);
  play.keeper.ordered({ t: "loud", key: hexOf(1) });
  expect(play.new).toEqual(["opened at 0"]);
  play.directory.stored.quiet(hexOf(1));
  play.keeper.dropped(hexOf(1));
  expect(play.new).toEqual(["dismissed at 0", "opened at 0"]);
});
