/** Receivers of a share whose sender has left, beside receivers of a live one: the rate of the upload, and what each costs the relay. */
import { sendableSize } from "../load/frame-share.ts";
import { measureLoad } from "../load-run.ts";
import { own, type Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { systemOf } from "../systems/registry.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const GiB = 1024 ** 3;
const MiB = 1024 ** 2;
const RECEIVERS = [1, 8, 64];
/** bytes of the least source: a smaller one says little about the upload */
const SIZE_LEAST = 64 * MiB;
/** The system without a store: its sender is there all the time. */
const LIVE: SystemName = "fileshare";

export const stored: Scenario = {
  name: "stored",
  summary: "N receivers of a share that the relay stored, beside a live one",
  systems: [LIVE, "fileshare-stored", "fileshare-s3"],
  options: [
    {
      name: "stored-total",
      kind: "bytes",
      standard: [2 * GiB],
      help: "most that one run delivers to all receivers, without --size; the bench shrinks the source",
    },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const total = own(options, "stored-total");
    return (options.receivers ?? RECEIVERS).flatMap((receivers) => {
      const shrunk = Math.max(SIZE_LEAST, Math.ceil(total / receivers));
      const size = sendableSize(options.size ?? Math.min(GiB / 2, shrunk));
      return systems.flatMap((system) =>
        workersOf(system, options).map((workers) => ({
          variant: "",
          system,
          workers,
          receivers,
          size,
          run: (signal: AbortSignal) =>
            measureLoad(
              {
                system: systemOf(system),
                workers,
                loadProcesses: options.loadProcesses,
                size,
                groups: [{ kind: "healthy", count: receivers }],
                isStored: system !== LIVE,
                signal,
              },
              ({ extra }) => storingRate(extra["storedAfterMs"], size),
            ),
        })),
      );
    });
  },
};

function storingRate(ms: number | undefined, size: number): Record<string, number> {
  return ms === undefined ? {} : { storingBytesPerSecond: (size * 1000) / ms };
}
