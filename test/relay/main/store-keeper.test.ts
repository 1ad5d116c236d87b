import { expect, test } from "bun:test";

import { LiveLimits } from "../../../relay/limits/limits.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits/operator-limits.ts";
import { Directory } from "../../../relay/main/directory.ts";
import { LOOK_UPS_MOST } from "../../../relay/main/held-claims.ts";
import { SavedWords } from "../../../relay/main/saved-words.ts";
import { StoreKeeper } from "../../../relay/main/store-keeper.ts";
import type { Ledger } from "../../../relay/store/ledger.ts";
import type { OpenStore } from "../../../relay/store/open-store.ts";
import { claimOf } from "../../support/relay/book-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

/** Longer than clients wait for a save. ms */
const LONG_MS = 60_000;
/** Of a store that other relays of the cluster use too, which may be written for good. */
const SHARED = { found: [], fence: { left: Infinity, lapses: 0 } } satisfies OpenStore["shared"];

function play(ledger: Partial<Ledger>, shared?: OpenStore["shared"]) {
  const told: string[] = [];
  const toWorker = (_: number, { t }: { readonly t: string }) => void told.push(t);
  const workers = () => [0];
  const report = () => undefined;
  const limits = new LiveLimits(DEFAULT_LIMITS);
  const directory = new Directory({ toWorker, workers, report }, limits);
  const clock = { now: 1_000_000 };
  const keeper = new StoreKeeper({
    store: {
      ledger: {
        load: () => Promise.resolve({ shares: [], tombstones: [] }),
        save: () => Promise.resolve(),
        removeRecords: () => Promise.resolve(),
        close: () => Promise.resolve(),
        ...ledger,
      },
      saved: { shares: [], tombstones: [] },
      place: { kind: "disk", folder: "" },
      hashOf: (address) => address,
      shared,
    },
    limits,
    directory,
    toWorker,
    workers,
    report,
    host: {
      wallTime: () => clock.now,
      clock: () => clock.now,
      soon: (run) => run(),
      newPlace: () => hexOf(1),
    },
  });
  return { told, keeper, clock };
}

test("clients that wait long for a save hear that the store failed, and come again", async () => {
  let save = Promise.withResolvers<void>();
  const { told, keeper, clock } = play({ save: () => save.promise });
  expect(keeper.claim(claimOf(1))).toBe(true);
  keeper.handle({ t: "inspect", worker: 0, socket: 9, key: hexOf(1) });
  keeper.tick();
  expect(told).toEqual([]);
  clock.now += LONG_MS;
  keeper.tick();
  expect(told).toEqual(["refused", "socket-failed"]);
  save.resolve();
  await save.promise;
  save = Promise.withResolvers<void>();
  save.resolve();
  expect(told).toEqual(["refused", "socket-failed"]);
  keeper.claim(claimOf(1));
  await save.promise;
  expect(told).toEqual(["refused", "socket-failed", "opened"]);
  await keeper.close();
});

test("a bucket that does not answer leaves the end of a share open, and its sender asks again", async () => {
  const { told, keeper } = play({ over: () => Promise.reject(new Error("away")) }, SHARED);
  await keeper.inquired({ worker: 0, socket: 9, key: hexOf(1), question: "inspect" });
  expect(told).toEqual(["socket-failed"]);
  await keeper.close();
});

test("of many shares that nobody knows a few are looked up at once, and senders of others come again", async () => {
  const answer = Promise.withResolvers<undefined>();
  const { told, keeper } = play({ over: () => answer.promise }, SHARED);
  const asked = Array.from({ length: LOOK_UPS_MOST + 1 }, (_, number) => {
    keeper.claim(claimOf(number));
    return keeper.inquired({ worker: 0, socket: number, key: hexOf(number), question: "inspect" });
  });
  expect(told).toEqual(["refused", "socket-failed"]);
  answer.resolve(undefined);
  await Promise.all(asked);
  // All that waited has its answer.
  expect(told.filter((each) => each === "answer").length).toBe(LOOK_UPS_MOST);
  await keeper.close();
});

test("a save that waits for long leaves the last words about a share to the cluster", () => {
  const said: string[] = [];
  const words = new SavedWords(() => true);
  const { kept } = words.afterSave({
    kept: (_, place, isPart) => void said.push(`${place} ${isPart}`),
    released: () => undefined,
  });
  const share = { key: hexOf(1), channel: hexOf(2) };
  for (let number = 1; number <= 1000; number++) kept(share, `place ${number}`, number < 1000);
  words.saving();
  expect(said).toEqual([]);
  words.say();
  expect(said).toEqual(["place 1000 false"]);
});
