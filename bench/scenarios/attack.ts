/** The loss of receivers to crowds that connect and say half of something, then a byte now and then. */
import { sendableSize } from "../load/frame-share.ts";
import { measureLoad } from "../load-run.ts";
import { own, type Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { systemOf } from "../systems/registry.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const HEALTHY = [64];

export const attack: Scenario = {
  name: "attack",
  summary: "receivers alone, and beside attackers that hold connections",
  systems: ["fileshare"],
  options: [
    { name: "attack-count", kind: "count", standard: [2000], help: "number of attackers" },
    {
      name: "attack-seconds",
      kind: "count",
      standard: [15],
      help: "seconds of their presence before the measurement",
    },
    { name: "attack-size", kind: "bytes", standard: [48 * MiB], help: "size of the source" },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const size = sendableSize(options.size ?? own(options, "attack-size"));
    const attack = {
      count: own(options, "attack-count"),
      seconds: own(options, "attack-seconds"),
    };
    return (options.receivers ?? HEALTHY).flatMap((receivers) =>
      systems.flatMap((system) =>
        workersOf(system, options).flatMap((workers) =>
          [
            { variant: "alone", attackers: undefined },
            { variant: "beside attackers", attackers: attack },
          ].map(({ variant, attackers }) => ({
            variant,
            system,
            workers,
            receivers,
            size,
            run: (signal: AbortSignal) =>
              measureLoad({
                system: systemOf(system),
                workers,
                loadProcesses: options.loadProcesses,
                size,
                groups: [{ kind: "healthy", count: receivers }],
                attackers,
                signal,
              }),
          })),
        ),
      ),
    );
  },
};
