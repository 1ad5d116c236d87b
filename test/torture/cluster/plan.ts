/** The plan of a round with a cluster, all of it chosen by the seed before anything runs. */
import { RECEIVE_RATE_MIN } from "../../../protocol/mod.ts";
import { Random } from "../../simulation/random.ts";
import type { Fault, ReceiverPlan, RoundPlan, Size, Step } from "../plan.ts";
import { BETWEEN_FAULTS_MS, CUT_MS, GENTLE_MS, OWNER_STOP_MS, STOP_MS, AWAY_MS } from "./limits.ts";

/** Relays, and servers of NATS. */
export const COUNT = 3;

/** By its number, or the one with the sender at that time. */
export type Which = number | "owner";

/** One way: only what the first says is lost. */
type Ways = "both" | "one";

/** Times are ms. */
export type ClusterFault =
  | Extract<Fault, { kind: "kill-receiver" | "kill-sender" }>
  | {
      readonly kind: "kill-relay" | "stop-relay" | "drain-relay";
      readonly relay: Which;
      readonly forMs: number;
    }
  | { readonly kind: "kill-nats" | "stop-nats"; readonly nats: number; readonly forMs: number }
  /** Two relays do not reach each other. */
  | {
      readonly kind: "cut-relays";
      readonly relay: Which;
      readonly other: number;
      readonly ways: Ways;
      readonly forMs: number;
    }
  | {
      readonly kind: "cut-relay-from-nats";
      readonly relay: Which;
      readonly nats: number | "all";
      readonly ways: Ways;
      readonly forMs: number;
    }
  /** Two servers of NATS do not reach each other. */
  | {
      readonly kind: "cut-nats";
      readonly nats: number;
      readonly other: number;
      readonly ways: Ways;
      readonly forMs: number;
    }
  | { readonly kind: "cut-relay-from-clients"; readonly relay: Which; readonly forMs: number };

export type Content = "file" | "folder" | "stream" | "stored";

export interface ClusterReceiverPlan extends ReceiverPlan {
  /** Numbers of relays that it knows, in the order in which it tries them. */
  readonly relays: readonly number[];
}

export interface ClusterPlan extends Omit<RoundPlan, "receivers" | "steps"> {
  readonly content: Content;
  readonly senderRelays: readonly number[];
  readonly receivers: readonly ClusterReceiverPlan[];
  readonly steps: readonly Step<ClusterFault>[];
}

export interface ClusterSize extends Size {
  /** ms that one fault lasts at most */
  readonly longestMs: number;
}

const CONTENTS = ["file", "folder", "stream", "stored"] as const;
/** bytes: a minute of STREAM_PIECE_BYTES each STREAM_EVERY_MS */
const STREAM_BYTES = 6 * 1024 * 1024;
/** The step in which the owner stands still: its transfers are under way by then. */
const OWNER_STOP_AT = 2;
const LIMITED = 0.8;
const LATE = 0.3;
/** Receivers that know one relay alone: they can't go to the sender's. */
const FAITHFUL = 0.3;
/** s of a transfer whose receiver is limited, least and most: as long as there are faults */
const TRANSFER_SECONDS = [10, 60] as const;

/** The same seed, round and size give the same plan. */
export function planClusterRound(seed: string, round: number, size: ClusterSize): ClusterPlan {
  const random = new Random(`cluster ${seed} ${round}`);
  const first = new Random(`cluster content ${seed}`).whole(0, CONTENTS.length - 1);
  const content = CONTENTS[(round - 1 + first) % CONTENTS.length]!;
  const most = content === "stream" ? Math.min(STREAM_BYTES, size.bytes) : size.bytes;
  const bytes = random.whole(Math.floor(most / 2), most);
  const receivers = Array.from({ length: size.receivers }, (_, at): ClusterReceiverPlan => {
    const limit = Math.max(RECEIVE_RATE_MIN, Math.ceil(bytes / random.real(...TRANSFER_SECONDS)));
    const isLate = content !== "stream" && random.chance(LATE);
    return {
      name: `receiver-${at}`,
      // A stream is as slow as its source.
      limit: content !== "stream" && random.chance(LIMITED) ? limit : undefined,
      from: isLate ? random.whole(1, Math.ceil(size.steps / 2)) : 0,
      tight: false,
      relays: random.chance(FAITHFUL) ? [random.whole(0, COUNT - 1)] : shuffled(random),
    };
  });
  const longestMs = content === "stream" ? Math.min(GENTLE_MS, size.longestMs) : size.longestMs;
  // The owner stands still longer than the others believe that it lives.
  const stopsOwner = content !== "stream" && longestMs >= OWNER_STOP_MS[1];
  const ownerStop = { kind: "stop-relay", relay: "owner" } as const;
  const steps = Array.from({ length: size.steps }, (_, at) => ({
    afterMs: random.whole(...BETWEEN_FAULTS_MS),
    fault:
      at === OWNER_STOP_AT && stopsOwner
        ? { ...ownerStop, forMs: random.whole(...OWNER_STOP_MS) }
        : chooseFault(random, { ...size, longestMs, content }),
  }));
  const name = content === "stream" ? `stream ${round}` : `round ${round}`;
  return { round, name, bytes, content, senderRelays: shuffled(random), receivers, steps };
}

/** How often each comes, against the others. */
const WEIGHTS: readonly (readonly [ClusterFault["kind"], number])[] = [
  ["kill-receiver", 5],
  ["kill-sender", 1],
  ["kill-relay", 3],
  ["stop-relay", 2.5],
  ["drain-relay", 1.5],
  ["kill-nats", 2],
  ["stop-nats", 2],
  ["cut-relays", 3],
  ["cut-relay-from-nats", 2],
  ["cut-nats", 1.5],
  ["cut-relay-from-clients", 1],
];

interface Choice {
  readonly receivers: number;
  readonly longestMs: number;
  readonly content: Content;
}

function chooseFault(random: Random, { receivers, longestMs, content }: Choice): ClusterFault {
  const kind = random.weighted(WEIGHTS);
  const forMs = (range: readonly [number, number]): number =>
    Math.round(Math.min(random.scale(...range), longestMs));
  const relay: Which = random.chance(0.4) ? "owner" : random.whole(0, COUNT - 1);
  const nats = random.whole(0, COUNT - 1);
  const other = random.whole(0, COUNT - 1);
  const ways = random.chance(0.7) ? "both" : "one";
  switch (kind) {
    case "kill-receiver":
      return { kind, receiver: random.whole(0, receivers - 1), forMs: forMs(AWAY_MS) };
    case "kill-sender":
      // A sender that is piped into does not come again.
      if (content === "stream") return { kind: "kill-relay", relay, forMs: forMs(AWAY_MS) };
      return { kind, forMs: forMs(AWAY_MS) };
    case "kill-relay":
    case "drain-relay":
      return { kind, relay, forMs: forMs(AWAY_MS) };
    case "stop-relay":
      return { kind, relay, forMs: forMs(STOP_MS) };
    case "kill-nats":
      return { kind, nats, forMs: forMs(AWAY_MS) };
    case "stop-nats":
      return { kind, nats, forMs: forMs(STOP_MS) };
    case "cut-relays":
      return { kind, relay, other, ways, forMs: forMs(CUT_MS) };
    case "cut-relay-from-nats":
      return { kind, relay, nats: random.chance(0.5) ? "all" : nats, ways, forMs: forMs(CUT_MS) };
    case "cut-nats":
      return { kind, nats, other: (nats + 1) % COUNT, ways, forMs: forMs(CUT_MS) };
    case "cut-relay-from-clients":
      return { kind, relay, forMs: forMs(CUT_MS) };
  }
}

function shuffled(random: Random): number[] {
  const left = Array.from({ length: COUNT }, (_, at) => at);
  const order: number[] = [];
  while (left.length > 0) order.push(...left.splice(random.whole(0, left.length - 1), 1));
  return order;
}
