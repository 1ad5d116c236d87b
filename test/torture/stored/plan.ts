/** The plan of one run, by its seed: the share, when processes are killed, and how the share ends. */
import { Random } from "../../simulation/random.ts";

/** A kill -9, and how long the process is away. */
export interface Kill {
  readonly target: "relay" | "client";
  /** Since the phase began, or since the kill before. ms */
  readonly afterMs: number;
  readonly awayMs: number;
}

export interface StoredPlan {
  readonly bytes: number;
  readonly receivers: number;
  readonly upload: readonly Kill[];
  readonly serving: readonly Kill[];
  /** Kills of the relay and of the command that revokes. */
  readonly ending: readonly Kill[];
  readonly end: "revoke" | "expire" | "exhaust";
}

const MiB = 1024 * 1024;
const BYTES_SMALL = MiB / 8;
const BYTES_MOST = 48 * MiB;
/** Kills of one phase: several may meet one upload. */
const KILLS_MOST = 4;
/** A client takes about so long to start, and a share of 24 MiB to pass. ms */
const PHASE_MS = 900;
const AWAY_MS = 300;

function drawBytes(random: Random): number {
  const kind = random.next();
  if (kind < 0.05) return 0;
  const [least, most] = kind < 0.25 ? [1, BYTES_SMALL] : [BYTES_SMALL, BYTES_MOST];
  return Math.round(random.scale(least, most));
}

export function planStored(seed: number): StoredPlan {
  const random = new Random(`stored ${seed}`);
  const kills = (most: number): Kill[] =>
    Array.from({ length: random.whole(0, most) }, () => ({
      target: random.chance(0.5) ? "relay" : "client",
      afterMs: random.real(0, PHASE_MS),
      awayMs: random.real(0, AWAY_MS),
    }));
  return {
    bytes: drawBytes(random),
    receivers: random.whole(1, 3),
    upload: kills(KILLS_MOST),
    serving: kills(KILLS_MOST),
    ending: kills(2),
    end: random.pick(["revoke", "expire", "exhaust"]),
  };
}
