/** The loss of healthy receivers when others are slow or have stopped. */
import { sendableSize } from "../load/frame-share.ts";
import type { Group } from "../load/contract.ts";
import { measureLoad } from "../load-run.ts";
import { own, type Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { systemOf } from "../systems/registry.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const HEALTHY = [16];

export const slow: Scenario = {
  name: "slow",
  summary: "receivers that read slowly or not at all, beside a run of the healthy alone",
  systems: ["fileshare", "nginx", "piping-server", "naive"],
  options: [
    {
      name: "slow-slow",
      kind: "count",
      standard: [8],
      orNone: true,
      help: "number of receivers that read at --slow-rate",
    },
    {
      name: "slow-rate",
      kind: "bytes",
      standard: [4 * MiB],
      help: "bytes that each of those reads per second",
    },
    {
      name: "slow-stopped",
      kind: "count",
      standard: [8],
      orNone: true,
      help: "number of receivers that stop reading",
    },
    {
      name: "slow-stop-after",
      kind: "bytes",
      standard: [8 * MiB],
      help: "bytes after which they stop",
    },
    { name: "slow-size", kind: "bytes", standard: [128 * MiB], help: "size of the source" },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const size = sendableSize(options.size ?? own(options, "slow-size"));
    const disturbing: Group[] = [
      { kind: "slow", count: own(options, "slow-slow"), bytesPerSecond: own(options, "slow-rate") },
      {
        kind: "stopped",
        count: own(options, "slow-stopped"),
        afterBytes: own(options, "slow-stop-after"),
      },
    ];
    return (options.receivers ?? HEALTHY).flatMap((healthy) =>
      systems.flatMap((system) =>
        workersOf(system, options).flatMap((workers) =>
          [
            { variant: "healthy alone", groups: [] },
            { variant: "beside slow and stopped", groups: disturbing },
          ].map(({ variant, groups }) => ({
            variant,
            system,
            workers,
            receivers: healthy + groups.reduce((sum, { count }) => sum + count, 0),
            size,
            run: (signal: AbortSignal) =>
              measureLoad({
                system: systemOf(system),
                workers,
                loadProcesses: options.loadProcesses,
                size,
                groups: [{ kind: "healthy", count: healthy }, ...groups],
                signal,
              }),
          })),
        ),
      ),
    );
  },
};
