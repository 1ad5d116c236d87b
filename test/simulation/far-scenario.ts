/** Scenarios of far paths, whose bandwidth times delay is far more than the first window. Nothing goes wrong in them. */
import { STALL_TIMEOUT_MS } from "../../relay/limits/operator-limits.ts";

import type { Ways } from "./network.ts";
import { frameBytes, type ReceiverPlan, type Scenario } from "./scenario.ts";

const RECORD_SIZE = 64;
const FRAME = frameBytes({ recordSize: RECORD_SIZE });
/** Blocks of a log of 4 GiB, so that no slow receiver has the sender read again. */
const BLOCKS = 4096;

export interface Path {
  /** ms */
  readonly oneWayMs: number;
  /** Time of one record on the line. ms */
  readonly recordMs: number;
}

export interface FarReceiver extends Path {
  /** Time that its disk takes for a record. ms */
  readonly diskMs?: number;
  /** 0: it knows one window alone. */
  readonly windowMost?: number;
  /** When it comes. ms */
  readonly joinAt?: number;
}

/** The relay and the clients, as far as they differ. */
export interface Setting {
  readonly workers?: number;
  /** Of each client. */
  readonly connections?: number;
}

/** A record of 1 MiB at 1 Gbit/s, and at 10 Gbit/s. ms */
export const GIGABIT_MS = (1024 ** 2 * 8) / 1e6;
export const TEN_GIGABIT_MS = GIGABIT_MS / 10;

export function farScenario(
  sender: Path,
  receivers: readonly FarReceiver[],
  records: number,
  { workers = 1, connections = 1 }: Setting = {},
): Scenario {
  const size = { records, recordSize: RECORD_SIZE, lastBytes: RECORD_SIZE, seekable: true };
  return {
    seed: 1,
    relay: {
      workers,
      blocks: BLOCKS,
      blockBytes: FRAME,
      direct: 1,
      postMs: 0.1,
      stallMs: STALL_TIMEOUT_MS,
    },
    lobby: false,
    stream: false,
    shares: [{ size, ways: waysOf(sender), startAt: 0 }],
    receivers: receivers.map(planOf),
    strangers: [],
    admits: false,
    startWhen: undefined,
    connections,
    faults: [],
    chances: { lostFrame: 0, lostDrain: 0, corrupt: 0, refused: 0, unanswered: 0 },
    ending: { at: "all done" },
    quietAt: 0,
    transferMs: 10 * records * Math.max(sender.recordMs, ...receivers.map(slowestMs)) + 60_000,
  };
}

function planOf({ diskMs = 0, windowMost, joinAt = 0, ...path }: FarReceiver): ReceiverPlan {
  const habits = {
    lobby: false,
    thinkMs: 0,
    declines: false,
    manifestRecords: 1,
    recordMs: diskMs,
    saveMs: 0,
    stopsAfter: undefined,
    drops: undefined,
    ...(windowMost !== undefined && { windowMost }),
  };
  return { joinAt, ways: waysOf(path), habits, absent: false };
}

function slowestMs({ recordMs, diskMs = 0 }: FarReceiver): number {
  return Math.max(recordMs, diskMs);
}

/** The kernels at its ends hold what is on the way: their buffers are not what is played here. */
function waysOf({ oneWayMs, recordMs }: Path): Ways {
  const inFlight = Math.ceil((2 * oneWayMs) / recordMs) + 4;
  const way = { latency: oneWayMs, msPerByte: recordMs / FRAME, kernelBytes: inFlight * FRAME };
  return { up: way, down: way };
}
