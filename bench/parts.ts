/** Figures of each process of a cluster, from before a load and after it. */
import { usageOf } from "./proc.ts";
import type { ClusterParts, RelayPart } from "./systems/system.ts";

/** CPU and traffic of a relay: so far, or during a load. */
export interface RelayFigures {
  readonly cpuSeconds: number;
  /** bytes of frames, from a sender or another relay */
  readonly received: number;
  /** bytes of frames, to receivers and other relays */
  readonly sent: number;
}

export interface ClusterFigures {
  readonly owner: RelayFigures;
  readonly edges: readonly RelayFigures[];
  readonly directoryCpuSeconds: number;
}

/** The counters so far. @throws Error when a process can't be seen */
export async function countersOf(parts: ClusterParts): Promise<ClusterFigures> {
  const relays = [parts.owner, ...parts.edges];
  // First the CPU time of all: the question for the traffic is no work of the load.
  const [directoryCpuSeconds = 0, ...used] = await Promise.all(
    [parts.directoryPid, ...relays.map(({ pid }) => pid)].map(cpuSecondsOf),
  );
  const [owner, ...edges] = await Promise.all(relays.map((relay, at) => counted(relay, used[at])));
  return { owner: owner!, edges, directoryCpuSeconds };
}

export function between(before: ClusterFigures, after: ClusterFigures): ClusterFigures {
  return {
    owner: minus(after.owner, before.owner),
    edges: after.edges.map((edge, at) => minus(edge, before.edges[at]!)),
    directoryCpuSeconds: after.directoryCpuSeconds - before.directoryCpuSeconds,
  };
}

async function cpuSecondsOf(pid: number): Promise<number> {
  const usage = await usageOf([pid]);
  if (usage === undefined) throw new Error(`process ${pid} of the cluster can't be seen`);
  return usage.cpuSeconds;
}

async function counted(relay: RelayPart, cpuSeconds = 0): Promise<RelayFigures> {
  const { received, sent } = await relay.traffic();
  return { cpuSeconds, received, sent };
}

function minus(after: RelayFigures, before: RelayFigures): RelayFigures {
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    received: after.received - before.received,
    sent: after.sent - before.sent,
  };
}
