/** One sender, N receivers who are all there: how much reaches them, and what it costs the relay. */
import { sendableSize } from "../load/frame-share.ts";
import { measureLoad } from "../load-run.ts";
import { own, type Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { systemOf } from "../systems/registry.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const GiB = 1024 ** 3;
const RECEIVERS = [1, 8, 64, 256];

/** nginx is the bar for CPU per GiB, with one worker and with two. */
const BARS = [1, 2];

export const fanout: Scenario = {
  name: "fanout",
  summary: "one sender, and N receivers that are present from the start",
  systems: [
    "fileshare",
    "fileshare-lobby",
    "fileshare-copy",
    "fileshare-tls",
    "nginx",
    "piping-server",
    "original",
    "naive",
  ],
  options: [
    {
      name: "fanout-total",
      kind: "bytes",
      standard: [0.75 * GiB],
      help: "most that one run delivers to all receivers, without --size; the bench shrinks the source",
    },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const total = own(options, "fanout-total");
    return (options.receivers ?? RECEIVERS).flatMap((receivers) => {
      const size = sendableSize(options.size ?? Math.min(GiB, Math.ceil(total / receivers)));
      return systems.flatMap((system) =>
        barsOf(system, options).map((workers) => ({
          variant: "",
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
              signal,
            }),
        })),
      );
    });
  },
};

function barsOf(system: SystemName, options: Options): readonly number[] {
  return system === "nginx" && options.workers === undefined ? BARS : workersOf(system, options);
}
