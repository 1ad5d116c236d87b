/** Receivers that join when others have 25, 50 and 90 % already. */
import { sendableSize } from "../load/frame-share.ts";
import type { Group } from "../load/contract.ts";
import { countOf } from "../load/receivers.ts";
import { measureLoad } from "../load-run.ts";
import { own, ownIfAny, ownList, type Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { systemOf } from "../systems/registry.ts";
import { joiningFigures } from "./joining.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const HEALTHY = [8];

export const late: Scenario = {
  name: "late",
  summary: "receivers that join during the transfer",
  systems: ["fileshare", "nginx"],
  options: [
    { name: "late-at", kind: "count", standard: [25, 50, 90], help: "percent of the source" },
    {
      name: "late-count",
      kind: "count",
      standard: [2],
      help: "number of receivers that join at each",
    },
    { name: "late-size", kind: "bytes", standard: [384 * MiB], help: "size of the source" },
    {
      name: "late-rate",
      kind: "bytes",
      standard: [],
      help: "bytes that the sender sends per second; then a run of live receivers alone too, and fileshare only",
    },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const size = sendableSize(options.size ?? own(options, "late-size"));
    const at = ownList(options, "late-at");
    const joining = at.map((): Group => ({ kind: "late", count: own(options, "late-count") }));
    const joinAt = new Map(at.map((percent, index) => [index + 1, percent / 100]));
    const senderBytesPerSecond = ownIfAny(options, "late-rate");
    const isPaced = senderBytesPerSecond !== undefined;
    const variants = isPaced
      ? [
          { variant: "live alone", groups: [] },
          { variant: "with late ones", groups: joining },
        ]
      : [{ variant: "", groups: joining }];
    // Only a live sender has a pace.
    const taking = isPaced ? systems.filter((system) => system === "fileshare") : systems;
    return (options.receivers ?? HEALTHY).flatMap((healthy) =>
      taking.flatMap((system) =>
        workersOf(system, options).flatMap((workers) =>
          variants.map(({ variant, groups }) => ({
            variant,
            system,
            workers,
            receivers: healthy + countOf(groups),
            size,
            run: (signal: AbortSignal) =>
              measureLoad(
                {
                  system: systemOf(system),
                  workers,
                  loadProcesses: options.loadProcesses,
                  size,
                  groups: [{ kind: "healthy", count: healthy }, ...groups],
                  senderBytesPerSecond,
                  ...(groups.length > 0 ? { joinAt } : {}),
                  signal,
                },
                joiningFigures,
              ),
          })),
        ),
      ),
    );
  },
};
