/**
 * Receivers at relays of a cluster, beside as many at a single relay: the rate, the CPU time of owner and edges,
 * and how often the share crosses from one relay to another.
 */
import { sendableSize } from "../load/frame-share.ts";
import { measureLoad } from "../load-run.ts";
import { own, ownList, UsageError, type Options } from "../options.ts";
import type { ClusterFigures, RelayFigures } from "../parts.ts";
import type { SystemName } from "../result.ts";
import { median } from "../stats.ts";
import { systemOf } from "../systems/registry.ts";
import type { ClusterShape } from "../systems/system.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const GiB = 1024 ** 3;
const MiB = 1024 ** 2;
const RECEIVERS = [64];
const SINGLE: SystemName = "fileshare";
const RELAYS = [2, 4];
/** The owner and one edge. */
const RELAYS_LEAST = 2;

interface Setting {
  readonly variant: string;
  /** Undefined: of a single relay. */
  readonly cluster?: ClusterShape;
}

export const cluster: Scenario = {
  name: "cluster",
  summary: "N receivers at relays of a cluster, beside N at a single relay",
  systems: [SINGLE, "fileshare-cluster"],
  options: [
    {
      name: "cluster-relays",
      kind: "count",
      standard: RELAYS,
      help: "numbers of relays, the one with the sender included; 2 at least",
    },
    {
      name: "cluster-size",
      kind: "bytes",
      standard: [64 * MiB],
      help: "size of the source",
    },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const size = sendableSize(options.size ?? own(options, "cluster-size"));
    const settings = ownList(options, "cluster-relays").flatMap(settingsOf);
    return (options.receivers ?? RECEIVERS).flatMap((receivers) =>
      systems.flatMap((system) =>
        (system === SINGLE ? [{ variant: "one relay" }] : settings).flatMap((setting: Setting) =>
          workersOf(system, options).map((workers) => ({
            variant: setting.variant,
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
                  cluster: setting.cluster,
                  signal,
                },
                ({ cluster: parts }) => (parts === undefined ? {} : clusterFigures(parts, size)),
              ),
          })),
        ),
      ),
    );
  },
};

/** Where there is one edge, all edges are the second relay. @throws UsageError */
function settingsOf(relays: number): Setting[] {
  if (relays < RELAYS_LEAST) {
    throw new UsageError(`--cluster-relays takes numbers from ${RELAYS_LEAST} on, not ${relays}`);
  }
  const places: [ClusterShape["receiversAt"], string][] = [
    ["second", "receivers at one edge"],
    ["edges", "receivers at the edges"],
    ["each", "receivers at each"],
  ];
  return places
    .filter(([receiversAt]) => relays > RELAYS_LEAST || receiversAt !== "edges")
    .map(([receiversAt, where]) => ({
      variant: `${relays} relays, ${where}`,
      cluster: { relays, receiversAt },
    }));
}

/** Of an edge: medians over those with receivers. A frame has a head of its own, so a share crosses 1.00003 times. */
export function clusterFigures(
  { owner, edges, directoryCpuSeconds }: ClusterFigures,
  size: number,
) {
  const serving = edges.filter(({ sent }) => sent > 0);
  const idle = edges.filter(({ sent }) => sent === 0);
  const crossed = edges.map(({ received }) => received / size);
  return {
    ownerCpuSeconds: owner.cpuSeconds,
    ownerCpuSecondsPerGiB: perGiB(owner),
    ownerReceivedTimes: owner.received / size,
    ownerSentTimes: owner.sent / size,
    edgesWithReceivers: serving.length,
    edgeCpuSeconds: median(serving.map(({ cpuSeconds }) => cpuSeconds)),
    edgeCpuSecondsPerGiB: median(serving.map(perGiB)),
    // Timers of the relay, and of the bench in it: part of the others' time too.
    ...(idle.length > 0 && {
      idleEdgeCpuSeconds: median(idle.map(({ cpuSeconds }) => cpuSeconds)),
    }),
    crossedTimesLeast: Math.min(...crossed),
    crossedTimesMost: Math.max(...crossed),
    natsCpuSeconds: directoryCpuSeconds,
  };
}

function perGiB({ cpuSeconds, sent }: RelayFigures): number {
  return (cpuSeconds * GiB) / Math.max(1, sent);
}
