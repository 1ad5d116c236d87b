import { STALL_TIMEOUT_MS } from "../../relay/limits/operator-limits.ts";

import { Random } from "./random.ts";
import { frameBytes, type Scenario } from "./scenario.ts";

const RECORDS = 200;
const RECORD_SIZE = 64;
/** The sender's uplink takes so long for a record; receivers' downlinks are faster. ms */
const RECORD_MS = 50;
/** A storm joins four times in that, as 45 times in a second at 12 MiB/s. */
const JOINS_PER_RECORD = 4;
/** Longer than the transfer; then it goes, since a sender stays for whoever is there. ms */
const STORM_MS = 2 * RECORDS * RECORD_MS;

/** Some receivers take a share from its beginning, at a relay without faults, and others only storm. */
export function drawStorm(seed: number, storms: number): Scenario {
  const random = new Random(`storm beside ${seed}`);
  const bytes = frameBytes({ recordSize: RECORD_SIZE });
  const way = (ms: number) => ({
    latency: random.scale(0.2, 20),
    msPerByte: ms / bytes,
    kernelBytes: 4 * bytes,
  });
  const receivers = Array.from({ length: random.whole(1, 4) }, () => ({
    joinAt: random.real(0, 100),
    ways: { up: way(1), down: way(random.scale(1, RECORD_MS / 2)) },
    habits: {
      lobby: false,
      thinkMs: 0,
      declines: false,
      manifestRecords: 1,
      recordMs: 0,
      saveMs: 0,
      stopsAfter: undefined,
      drops: undefined,
    },
    absent: false,
  }));
  const size = {
    records: RECORDS,
    recordSize: RECORD_SIZE,
    lastBytes: RECORD_SIZE,
    seekable: true,
  };
  const blocks = random.whole(24, 64);
  return {
    seed,
    relay: {
      workers: random.whole(1, 3),
      blocks,
      blockBytes: bytes,
      direct: random.pick([0, 0.5, 1]),
      postMs: random.scale(0.05, 2),
      stallMs: STALL_TIMEOUT_MS,
    },
    lobby: false,
    stream: false,
    shares: [{ size, ways: { up: way(RECORD_MS), down: way(1) }, startAt: 0 }],
    receivers,
    strangers: [],
    admits: false,
    startWhen: undefined,
    connections: 1,
    faults: Array.from({ length: storms }, () => ({
      at: random.real(0, 100),
      kind: "storm" as const,
      ways: { up: way(1), down: way(1) },
      everyMs: RECORD_MS / JOINS_PER_RECORD,
      lasts: STORM_MS,
    })),
    chances: { lostFrame: 0, lostDrain: 0, corrupt: 0, refused: 0, unanswered: 0 },
    ending: { at: "all done" },
    quietAt: 0,
    transferMs: RECORDS * RECORD_MS + 1000,
  };
}
