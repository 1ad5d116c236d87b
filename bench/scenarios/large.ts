/** A share that is larger than the relay's log and than 4 GiB: a late one has it read again. */
import { sendableSize } from "../load/frame-share.ts";
import { measureLoad } from "../load-run.ts";
import { own, type Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { systemOf } from "../systems/registry.ts";
import { joiningFigures } from "./joining.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const HEALTHY = [1];

export const large: Scenario = {
  name: "large",
  summary: "a share larger than the relay's log and than 4 GiB, with a late receiver",
  systems: ["fileshare"],
  options: [
    { name: "large-size", kind: "bytes", standard: [5 * GiB], help: "size of the source" },
    { name: "large-log", kind: "bytes", standard: [64 * MiB], help: "size of the relay's log" },
    {
      name: "large-late-at",
      kind: "count",
      standard: [50],
      help: "percent of the source when the late receiver joins",
    },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const size = sendableSize(options.size ?? own(options, "large-size"));
    return (options.receivers ?? HEALTHY).flatMap((healthy) =>
      systems.flatMap((system) =>
        workersOf(system, options).map((workers) => ({
          variant: "",
          system,
          workers,
          receivers: healthy + 1,
          size,
          run: (signal: AbortSignal) =>
            measureLoad(
              {
                system: systemOf(system),
                workers,
                loadProcesses: options.loadProcesses,
                size,
                logBytes: own(options, "large-log"),
                groups: [
                  { kind: "healthy", count: healthy },
                  { kind: "late", count: 1 },
                ],
                joinAt: new Map([[1, own(options, "large-late-at") / 100]]),
                signal,
              },
              joiningFigures,
            ),
        })),
      ),
    );
  },
};
