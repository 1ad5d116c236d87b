/** The plan of a round, all of it chosen by the seed before anything runs. */
import { RECEIVE_RATE_MIN } from "../../protocol/mod.ts";
import { Random } from "../simulation/random.ts";
import { BETWEEN_FAULTS_MS, FAULT_MS } from "./limits.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export interface RoundPlan {
  readonly round: number;
  /** Of the file. */
  readonly name: string;
  readonly bytes: number;
  readonly receivers: readonly ReceiverPlan[];
  readonly steps: readonly Step[];
}

export interface ReceiverPlan {
  readonly name: string;
  /** bytes per second, as `--limit` takes it */
  readonly limit: number | undefined;
  /** It comes before this step; 0 is from the beginning. */
  readonly from: number;
  /** It saves to a file system of its own that has hardly more room than the file needs. */
  readonly tight: boolean;
}

export interface Step<Kind = Fault> {
  /** After the step before. */
  readonly afterMs: number;
  readonly fault: Kind;
}

/** The relay's process: the command, or a child with a small log whose workers can be crashed. */
export type RelayKind = "command" | "child";

/** A client is the sender, or a receiver by its number. */
export type Target = "sender" | number;

/** The actions of the nemesis. Times are ms. */
export type Fault =
  | { readonly kind: "kill-receiver"; readonly receiver: number; readonly forMs: number }
  | { readonly kind: "kill-sender"; readonly forMs: number }
  | { readonly kind: "freeze"; readonly who: Target | "relay"; readonly forMs: number }
  | {
      readonly kind: "delay";
      readonly who: Target;
      readonly delayMs: number;
      readonly forMs: number;
    }
  | {
      readonly kind: "slow";
      readonly who: Target;
      readonly bytesPerSecond: number;
      readonly forMs: number;
    }
  | { readonly kind: "reset"; readonly who: Target }
  | { readonly kind: "destroy-socket"; readonly who: Target }
  | { readonly kind: "black-hole"; readonly who: Target | "everybody"; readonly forMs: number }
  | { readonly kind: "half-close"; readonly who: Target; readonly way: Way }
  | {
      readonly kind: "end-relay";
      readonly signal: "SIGKILL" | "SIGTERM";
      readonly forMs: number;
      readonly next: RelayKind;
    }
  | { readonly kind: "crash-worker"; readonly worker: number }
  | { readonly kind: "fill-disk"; readonly forMs: number };

/** To the relay, or to the client. */
export type Way = "up" | "down";

export interface Size {
  readonly receivers: number;
  /** Faults of one round. */
  readonly steps: number;
  /** Bytes of the largest file; large ones have half of it or more. */
  readonly bytes: number;
}

export const RELAY_WORKERS = 2;
const EMPTY = 0.08;
const SMALL = 0.12;
const LIMITED = 0.7;
const LATE = 0.25;

/** The same seed, round and size give the same plan. */
export function planRound(seed: string, round: number, size: Size): RoundPlan {
  const random = new Random(`torture ${seed} ${round}`);
  const bytes = fileSize(random, size.bytes);
  const receivers = Array.from({ length: size.receivers }, (_, at): ReceiverPlan => {
    // So that a transfer lasts as long as there are faults.
    const limit = Math.max(RECEIVE_RATE_MIN, Math.ceil(bytes / random.real(2, 10)));
    return {
      name: `receiver-${at}`,
      limit: random.chance(LIMITED) ? limit : undefined,
      from: random.chance(LATE) ? random.whole(1, Math.ceil(size.steps / 2)) : 0,
      tight: at === 0,
    };
  });
  const steps = Array.from({ length: size.steps }, () => ({
    afterMs: random.whole(...BETWEEN_FAULTS_MS),
    fault: chooseFault(random, size.receivers),
  }));
  return { round, name: `round ${round}.bin`, bytes, receivers, steps };
}

function fileSize(random: Random, most: number): number {
  const kind = random.next();
  if (kind < EMPTY) return 0;
  if (kind < EMPTY + SMALL) return random.whole(1, 16 * KiB);
  return random.whole(Math.floor(most / 2), most);
}

/** How often each comes, against the others. */
const WEIGHTS: readonly (readonly [Fault["kind"], number])[] = [
  ["kill-receiver", 6],
  ["freeze", 4],
  ["delay", 3],
  ["slow", 3],
  ["reset", 4],
  ["destroy-socket", 2],
  ["black-hole", 3],
  ["half-close", 3],
  ["end-relay", 1.5],
  ["crash-worker", 1.5],
  ["fill-disk", 1],
  ["kill-sender", 1.5],
];

function chooseFault(random: Random, receivers: number): Fault {
  const kind = random.weighted(WEIGHTS);
  const receiver = (): number => random.whole(0, receivers - 1);
  const who = (): Target => (random.chance(0.25) ? "sender" : receiver());
  const forMs = random.whole(...FAULT_MS);
  switch (kind) {
    case "kill-receiver":
      return { kind, receiver: receiver(), forMs: random.whole(0, forMs) };
    case "kill-sender":
      return { kind, forMs: random.whole(0, forMs) };
    case "freeze":
      return { kind, who: random.chance(0.15) ? "relay" : who(), forMs };
    case "delay":
      return { kind, who: who(), delayMs: random.whole(5, 400), forMs };
    case "slow":
      return { kind, who: who(), bytesPerSecond: Math.round(random.scale(64 * KiB, MiB)), forMs };
    case "reset":
    case "destroy-socket":
      return { kind, who: who() };
    case "black-hole":
      return { kind, who: random.chance(0.2) ? "everybody" : who(), forMs };
    case "half-close":
      return { kind, who: who(), way: random.pick(["up", "down"] as const) };
    case "end-relay":
      return {
        kind,
        signal: random.chance(0.75) ? "SIGKILL" : "SIGTERM",
        forMs: random.whole(0, forMs),
        next: random.pick(["command", "child"] as const),
      };
    case "crash-worker":
      return { kind, worker: random.whole(0, RELAY_WORKERS - 1) };
    case "fill-disk":
      return { kind, forMs };
  }
}
