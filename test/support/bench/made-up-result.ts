/** A result that no machine made: figures that are easy to tell, for tests of table, page and document. */
import {
  RESULT_VERSION,
  type BenchResult,
  type ReceiverResult,
  type Run,
  type Sample,
  type SystemName,
  sampledReceivers,
} from "../../../bench/result.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const SIZE = 256 * MIB;

interface Shape {
  readonly scenario: Run["scenario"];
  readonly variant: string;
  readonly system: SystemName;
  readonly workers: number;
  readonly receivers: number;
  readonly round: number;
  /** bytes per second, all receivers together */
  readonly rate: number;
  readonly cpuPerGiB: number | undefined;
  /** The kind of a receiver. */
  readonly kindOf: (index: number) => string;
}

/** Share of a healthy receiver's rate. */
const PACE: Record<string, number> = { healthy: 1, slow: 0.25, stopped: 0.02, late: 0.8 };

function runOf(shape: Shape): Run {
  const { scenario, variant, system, workers, receivers, round, cpuPerGiB, kindOf } = shape;
  // Rounds differ a little, so that medians and spreads can be seen.
  const rate = shape.rate * (1 + 0.04 * (round - 1));
  const each = rate / receivers;
  const seconds = SIZE / each;
  const own = system === "fileshare";
  const receiversOf: ReceiverResult[] = Array.from({ length: receivers }, (_, index) => {
    const kind = kindOf(index);
    const pace = (PACE[kind] ?? 1) * (1 - 0.02 * ((index * 7) % 5));
    return {
      kind,
      bytes: Math.min(SIZE, Math.round(SIZE * pace)),
      bytesPerSecond: each * pace,
      firstByte: 0.004 + 0.0001 * index,
      completion: kind === "healthy" ? seconds * (1 - 0.001 * (index % 9)) : undefined,
      largestLag: own ? (kind === "healthy" ? 2 : 190) : undefined,
      laneSwitches: own ? (kind === "healthy" ? 1 : 4) : undefined,
      bytesTwice: 0,
      gaps: 0,
    };
  });
  const delivered = receiversOf.reduce((sum, receiver) => sum + receiver.bytes, 0);
  const samples: Sample[] = Array.from({ length: 40 }, (_, step) => ({
    at: (seconds * step) / 39,
    receivedBytes: sampledReceivers(receivers).map((index) => {
      const wave = 1 - 0.02 * Math.abs(Math.sin(step / 3 + index));
      const pace = receiversOf[index]?.bytesPerSecond ?? each;
      return Math.min(SIZE, Math.round(((pace * seconds * step) / 39) * wave));
    }),
    rssAnon: cpuPerGiB === undefined ? undefined : (40 + receivers / 4 + step / 10) * MIB,
    cpuSeconds: cpuPerGiB === undefined ? undefined : (seconds * step) / 60,
    buffered: own ? (1 + ((step * 5) % 7)) * MIB : undefined,
  }));
  return {
    scenario,
    variant,
    system,
    round,
    workers,
    receivers,
    size: SIZE,
    invalid: undefined,
    bytes: delivered,
    seconds,
    aggregateBytesPerSecond: delivered / seconds,
    relayCpuSeconds: cpuPerGiB === undefined ? undefined : (cpuPerGiB * delivered) / GIB,
    relayCpuSecondsPerGiB: cpuPerGiB,
    senderCpuSecondsPerGiB: cpuPerGiB === undefined ? undefined : 0.6 / receivers,
    receiversCpuSecondsPerGiB: cpuPerGiB === undefined ? undefined : 0.7,
    relayRssAnonPeak: cpuPerGiB === undefined ? undefined : (44 + receivers / 4) * MIB,
    bufferedPeak: own ? 7 * MIB : undefined,
    eventLoopDelayP99: own ? 1.5 + receivers / 32 : undefined,
    completion: { p50: seconds * 0.97, p99: seconds },
    fairness: 1 - 0.002 * Math.log2(receivers),
    extra: scenario === "late" ? { catchUpBytesPerSecond: 700 * MIB } : {},
    perReceiver: receiversOf,
    samples,
  };
}

const FANOUT: readonly (readonly [SystemName, workers: number, rate: number, cpu: number])[] = [
  ["fileshare", 1, 2.1, 0.45],
  ["fileshare", 2, 2.8, 0.5],
  ["nginx", 1, 2.4, 0.6],
  ["piping-server", 1, 0.8, 1.9],
  ["original", 1, 0.05, 21],
  ["naive", 1, 1.9, 0.55],
];

/** Three rounds of `fanout` at 1, 8 and 64, `slow` and `late` at 8; two systems missing, one run wrong. */
export function madeUpResult(): BenchResult {
  const runs: Run[] = [];
  for (const round of [0, 1, 2]) {
    for (const receivers of [1, 8, 64]) {
      for (const [system, workers, gib, cpuPerGiB] of FANOUT) {
        const rate = gib * GIB * (1 - 0.4 / receivers);
        const kindOf = () => "healthy";
        const setting = { scenario: "fanout", variant: "", system, workers, receivers } as const;
        runs.push(runOf({ ...setting, round, rate, cpuPerGiB, kindOf }));
      }
    }
    for (const system of ["fileshare", "naive"] as const) {
      const setting = { system, workers: 1, receivers: 8, round, cpuPerGiB: 0.5, rate: GIB };
      const mixed = (index: number) => (index < 4 ? "healthy" : index < 6 ? "slow" : "stopped");
      const late = (index: number) => (index < 5 ? "healthy" : "late");
      runs.push(
        runOf({ ...setting, scenario: "slow", variant: "healthy alone", kindOf: () => "healthy" }),
        runOf({ ...setting, scenario: "slow", variant: "with slow", kindOf: mixed }),
        runOf({ ...setting, scenario: "late", variant: "", kindOf: late }),
      );
    }
  }
  const last = runs.pop();
  if (last !== undefined) runs.push({ ...last, invalid: "receiver 3: record 17 has a wrong byte" });
  return {
    version: RESULT_VERSION,
    startedAt: "2026-01-02T03:04:05.000Z",
    seconds: 123.4,
    machine: {
      cpu: "Made-up CPU",
      cores: 2,
      memoryBytes: 8 * GIB,
      kernel: "Linux 6.1.0",
      bun: "1.4.5",
    },
    command: ["bun", "run", "bench", "fanout", "slow", "late", "--rounds", "3"],
    systems: [
      { name: "fileshare", version: "0.1.0", missing: undefined },
      { name: "nginx", version: "1.22.1", missing: undefined },
      { name: "piping-server", version: "1.12.9", missing: undefined },
      { name: "original", version: undefined, missing: undefined },
      { name: "naive", version: undefined, missing: undefined },
      { name: "croc", version: undefined, missing: "no croc on PATH" },
      { name: "sendme", version: undefined, missing: "no sendme on PATH" },
    ],
    runs,
  };
}

/** A result in which nothing ran. */
export function emptyResult(): BenchResult {
  return { ...madeUpResult(), seconds: 0, systems: [], runs: [] };
}
