/** The events of a cluster in one seed. */
import { Random } from "../random.ts";
import type { DirectoryHabits } from "./memory-directory.ts";

export type ClusterFault =
  | {
      readonly at: number;
      readonly kind: "move sender";
      readonly target: number;
      readonly noticedMs: number;
    }
  | {
      readonly at: number;
      readonly kind: "end sender";
      readonly target: number;
      readonly lasts: number;
    }
  | {
      readonly at: number;
      readonly kind: "quit sender";
      readonly target: number;
      readonly noticedMs: number;
    }
  | { readonly at: number; readonly kind: "move receiver"; readonly target: number }
  | {
      readonly at: number;
      readonly kind: "kill relay";
      readonly target: number;
      readonly lasts: number;
    }
  | {
      readonly at: number;
      readonly kind: "pause relay";
      readonly target: number;
      readonly lasts: number;
    }
  | {
      readonly at: number;
      readonly kind: "cut off relay";
      readonly target: number;
      readonly lasts: number;
    }
  | { readonly at: number; readonly kind: "directory away"; readonly lasts: number }
  | { readonly at: number; readonly kind: "directory mute"; readonly lasts: number }
  | { readonly at: number; readonly kind: "lose writes"; readonly lasts: number }
  | { readonly at: number; readonly kind: "crash worker"; readonly target: number }
  | { readonly at: number; readonly kind: "look up"; readonly target: number }
  /** Of a store: a share without a sender. */
  | { readonly at: number; readonly kind: "keep share"; readonly target: number }
  | { readonly at: number; readonly kind: "release share"; readonly target: number }
  | { readonly at: number; readonly kind: "ask"; readonly target: number };

export interface ClusterScenario {
  readonly seed: number;
  readonly relays: number;
  /** The channel of each share. */
  readonly shares: readonly number[];
  /** The channel of each receiver. */
  readonly receivers: readonly number[];
  readonly directory: DirectoryHabits;
  /** Of claims: this relay's directory has no room for it. */
  readonly refused: number;
  /** Most that a store takes to let a claim through. ms */
  readonly storeMs: number;
  /** The link to another relay takes so long. ms */
  readonly linkMs: number;
  /** Of each share: its sender has its relay store it. */
  readonly stored: readonly boolean[];
  readonly faults: readonly ClusterFault[];
  /** Then faults end. ms */
  readonly quietAt: number;
}

const FAULTS_MOST = 24;
const STORE_FAULTS_MOST = 12;
/** Last digits of seeds whose relays have stores; the others keep the worlds for which they are known. */
const WITH_STORES: ReadonlySet<number> = new Set([1, 6, 7, 8]);

export function clusterScenario(seed: number): ClusterScenario {
  const random = new Random(`cluster ${seed}`);
  const channels = random.whole(1, 3);
  const channel = (): number => random.whole(0, channels - 1);
  const some = (most: number): number => (random.chance(0.5) ? 0 : random.real(0, most));
  const span = random.scale(5000, 120_000);
  const count = random.chance(0.2) ? 0 : random.whole(1, FAULTS_MOST);
  const faults = Array.from({ length: count }, () => drawFault(random, span));
  const relays = random.whole(2, 4);
  const shares = Array.from({ length: random.whole(1, 5) }, channel);
  const stores = drawStores(seed, span, shares.length);
  faults.push(...stores.faults);
  return {
    seed,
    relays,
    shares,
    stored: stores.stored,
    receivers: Array.from({ length: random.whole(1, 8) }, channel),
    directory: {
      latencyMs: random.scale(1, 1500),
      watchMs: random.scale(1, 3000),
      unanswered: some(0.3),
      repeated: some(0.2),
    },
    refused: some(0.2),
    storeMs: some(3000),
    linkMs: random.scale(5, 1000),
    faults: faults.toSorted((a, b) => a.at - b.at),
    quietAt: span,
  };
}

function drawFault(random: Random, span: number): ClusterFault {
  const at = random.real(0, span);
  const target = random.whole(0, 99);
  const lasts = random.scale(200, 60_000);
  const drawn = random.whole(0, 24);
  if (drawn < 7) {
    const noticedMs = random.chance(0.5) ? random.real(0, 300) : random.real(0, 40_000);
    return { at, kind: "move sender", target, noticedMs };
  }
  if (drawn < 8) return { at, kind: "end sender", target, lasts: random.scale(100, 20_000) };
  if (drawn < 10) return { at, kind: "move receiver", target };
  if (drawn < 12) return { at, kind: "kill relay", target, lasts };
  if (drawn < 14) return { at, kind: "pause relay", target, lasts };
  if (drawn < 16) return { at, kind: "cut off relay", target, lasts };
  if (drawn < 17) return { at, kind: "directory away", lasts };
  if (drawn < 18) return { at, kind: "lose writes", lasts: random.scale(50, 5000) };
  if (drawn < 19) return { at, kind: "crash worker", target };
  if (drawn < 20) return { at, kind: "directory mute", lasts };
  if (drawn < 22) return { at, kind: "crash worker", target };
  if (drawn < 24) return { at, kind: "quit sender", target, noticedMs: random.real(0, 20_000) };
  return { at, kind: "look up", target };
}

function drawStores(
  seed: number,
  span: number,
  shares: number,
): { readonly stored: readonly boolean[]; readonly faults: readonly ClusterFault[] } {
  const random = new Random(`cluster ${seed} stores`);
  if (!WITH_STORES.has(seed % 10)) return { stored: [], faults: [] };
  const stored = Array.from({ length: shares }, () => random.chance(0.6));
  const faults = Array.from({ length: random.whole(1, STORE_FAULTS_MOST) }, (): ClusterFault => {
    const drawn = random.whole(0, 5);
    const kind = drawn < 3 ? "keep share" : drawn < 5 ? "release share" : "ask";
    return { at: random.real(0, span), kind, target: random.whole(0, 99) };
  });
  return { stored, faults };
}
