import { expect, test } from "bun:test";

import { LiveLimits } from "../../../relay/limits/limits.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits/operator-limits.ts";
import { Directory } from "../../../relay/main/directory.ts";
import { StoreKeeper } from "../../../relay/main/store-keeper.ts";
import { claimOf } from "../../support/relay/book-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

/** Longer than clients wait for a save. ms */
const LONG_MS = 60_000;

test("clients that wait long for a save hear that the store failed, and come again", async () => {
  const limits = new LiveLimits(DEFAULT_LIMITS);
  const told: string[] = [];
  const toWorker = (_: number, { t }: { readonly t: string }) => void told.push(t);
  const workers = () => [0];
  const report = () => undefined;
  const directory = new Directory({ toWorker, workers, report }, limits);
  let now = 1_000_000;
  let save = Promise.withResolvers<void>();
  const keeper = new StoreKeeper({
    store: {
      ledger: {
        load: () => Promise.resolve({ shares: [], tombstones: [] }),
        save: () => save.promise,
        removeRecords: () => Promise.resolve(),
        close: () => Promise.resolve(),
      },
      saved: { shares: [], tombstones: [] },
      place: { kind: "disk", folder: "" },
      hashOf: (address) => address,
    },
    limits,
    directory,
    toWorker,
    workers,
    report,
    host: {
      wallTime: () => now,
      clock: () => now,
      soon: (run) => run(),
      newPlace: () => hexOf(1),
    },
  });
  expect(keeper.claim(claimOf(1))).toBe(true);
  keeper.handle({ t: "inspect", worker: 0, socket: 9, key: hexOf(1) });
  keeper.tick();
  expect(told).toEqual([]);
  now += LONG_MS;
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
