/** The events of a fleet in one seed: relays of one cluster, its directory, senders, receivers, and what goes wrong. */
import { LOST_GRACE_MS, type SenderGoal } from "../../../protocol/mod.ts";
import { STALL_TIMEOUT_MS } from "../../../relay/limits/operator-limits.ts";
import { MESSAGE_HEAD_BYTES } from "../../../relay/log/store.ts";
import type { DirectoryHabits } from "../cluster/memory-directory.ts";
import type { Ways } from "../network.ts";
import { Random } from "../random.ts";
import type { ReceiverHabits } from "../receiver.ts";
import type { RelaySettings } from "../relay.ts";
import { frameBytes, isAble, type Ending, type ReceiverPlan } from "../scenario.ts";
import type { ShareSize } from "../share.ts";
import type { Chances } from "../world.ts";

type Timed<Kind extends string> = {
  readonly at: number;
  readonly kind: Kind;
  readonly target: number;
};

export type FleetFault =
  | (Timed<"cut sender" | "cut receiver"> & {
      readonly clientNotices: number;
      readonly relayNotices: number;
      /** Where it comes next; undefined: wherever it likes. */
      readonly to: number | undefined;
    })
  | (Timed<"kill sender" | "kill receiver" | "freeze sender" | "freeze receiver"> & {
      readonly lasts: number;
    })
  | (Timed<"end relay"> & {
      readonly lasts: number;
      /** A machine that is gone says nothing; a process that is killed closes its lines. ms */
      readonly noticedMs: number;
      readonly gracefully: boolean;
    })
  | (Timed<"pause relay"> & { readonly lasts: number; readonly isClockStill: boolean })
  | (Timed<"part relays"> & { readonly from: number; readonly lasts: number })
  | Timed<"crash worker" | "cut links">
  /** The share is sent once more, by another process that comes to this relay first. */
  | (Timed<"rival sender"> & { readonly to: number })
  | (Timed<"cut off relay"> & { readonly lasts: number })
  | (Timed<"directory away" | "directory mute" | "lose writes"> & { readonly lasts: number });

export interface FleetScenario {
  readonly seed: number;
  readonly isCalm: boolean;
  readonly relays: readonly RelaySettings[];
  /** Of each relay; in most seeds none has one. */
  readonly sites: readonly (string | undefined)[];
  /** Between two relays, by the sum of their places. */
  readonly between: readonly Ways[];
  readonly directory: DirectoryHabits;
  /** Chance that a client comes back to the relay where it was. */
  readonly sticks: number;
  readonly lobby: boolean;
  readonly isStream: boolean;
  readonly shares: readonly {
    readonly size: ShareSize;
    readonly ways: Ways;
    readonly startAt: number;
  }[];
  readonly receivers: readonly ReceiverPlan[];
  readonly admits: boolean;
  readonly connections: number;
  readonly faults: readonly FleetFault[];
  readonly chances: Chances;
  readonly ending: Ending;
  /** From here on nothing more goes wrong. ms */
  readonly quietAt: number;
  readonly transferMs: number;
}

const FAULTS_MOST = 8;
const PRODUCED_MS = 30_000;
const NO_CHANCES: Chances = { lostFrame: 0, lostDrain: 0, corrupt: 0, refused: 0, unanswered: 0 };
/** Most of it takes a tick of the relay. ms */
const NEAR_MS = 20;

export function goalOf({ ending, receivers }: FleetScenario): SenderGoal {
  const able = receivers.filter(isAble).length;
  const isStaying = ending.at === "interrupted when done";
  const ofAll = ending.at === "all done" || ending.at === "interrupted";
  return { receivers: ofAll ? able : 1, stay: isStaying };
}

export function fleetScenario(seed: number): FleetScenario {
  const random = new Random(`fleet ${seed}`);
  const isCalm = seed % 8 === 0;
  const isStream = seed % 3 === 1;
  const isOpen = isStream && random.chance(0.4);
  const lobby = !isStream && random.chance(0.1);
  const recordSize = random.whole(18, 48);
  const bytes = frameBytes({ recordSize });
  const shares = Array.from({ length: lobby ? random.whole(1, 2) : 1 }, () => ({
    size: drawSize(random, recordSize, isStream, isOpen),
    ways: drawWays(random, bytes, random.scale(2, 100)),
    startAt: random.chance(0.5) ? 0 : random.real(0, 3000),
  }));
  const records = shares.reduce((sum, { size }) => sum + size.records, 0);
  const leastRecords = Math.min(...shares.map(({ size }) => size.records));
  const clients = Array.from({ length: random.whole(1, 4) }, (_, index) => ({
    ways: drawWays(random, bytes, random.scale(1, 150)),
    habits: drawHabits(random, { lobby, isStream, isFirst: index === 0, isCalm, leastRecords }),
  }));
  const recordMs = Math.max(
    ...shares.map(({ ways }) => ways.up.msPerByte * bytes),
    ...clients.map(({ ways, habits }) => ways.down.msPerByte * bytes + habits.recordMs),
  );
  const between = Array.from({ length: 8 }, () => drawWays(random, bytes, drawLinkMs(random)));
  const linkMs = Math.max(...between.map(({ down }) => down.msPerByte * bytes));
  const transferMs = records * (recordMs + linkMs) + (isOpen ? PRODUCED_MS : 0) + 1000;
  const receivers = clients.map(({ ways, habits }): ReceiverPlan => {
    const joinAt = random.real(0, random.chance(0.5) ? 500 : Math.min(transferMs, 20_000));
    return { ways, habits, joinAt, absent: false };
  });
  const settings = drawRelay(random, bytes, isCalm, { isStream, shares: shares.length });
  const able = receivers.filter(isAble).length;
  const isFull = seed % 13 === 5 && able === receivers.length && able > 1 && !isStream && !lobby;
  const receiversMost = isFull ? random.whole(1, able - 1) : undefined;
  const relays = Array.from({ length: random.pick([2, 2, 3, 3, 4]) }, () => ({
    ...settings,
    workers: random.pick([1, 1, 1, 2]),
    receiversMost,
  }));
  const span = Math.min(random.scale(2000, 30_000), 1.5 * transferMs + 5000);
  const counts = { relays: relays.length, receivers: receivers.length, shares: shares.length };
  const faults = isCalm
    ? drawAbsence(random, shares[0]!.startAt, transferMs, isStream || lobby)
    : drawFaults(random, span, counts, isStream);
  return {
    seed,
    isCalm,
    relays,
    sites: drawSites(seed, relays.length),
    between,
    directory: isCalm
      ? { latencyMs: NEAR_MS, watchMs: NEAR_MS, unanswered: 0, repeated: 0 }
      : drawDirectory(random),
    sticks: random.pick([0, 0.5, 1]),
    lobby,
    isStream,
    shares,
    receivers,
    admits: seed % 11 === 4,
    connections: random.chance(0.1) ? 2 : 1,
    faults,
    chances: isCalm ? NO_CHANCES : drawChances(random),
    ending: drawEnding(random, isStream || faults.some(isKill), span),
    quietAt: isCalm ? 0 : faults.reduce((latest, fault) => Math.max(latest, endOf(fault)), span),
    transferMs,
  };
}

/** A sender that is started again does not know of receivers that have all. */
function isKill({ kind }: FleetFault): boolean {
  return kind === "kill sender" || kind === "rival sender" || kind === "lose writes";
}

function endOf(fault: FleetFault): number {
  if ("lasts" in fault) return fault.at + fault.lasts;
  if (!("clientNotices" in fault)) return fault.at;
  return fault.at + Math.max(fault.clientNotices, fault.relayNotices);
}

function drawSize(
  random: Random,
  recordSize: number,
  isStream: boolean,
  isOpen: boolean,
): ShareSize {
  const records = random.chance(0.1) ? 1 : random.whole(2, 30);
  const size = { records, recordSize, seekable: !isStream };
  if (!isOpen) return { ...size, lastBytes: random.whole(18, recordSize) };
  const produceMs = random.chance(0.4) ? 0 : random.scale(1, PRODUCED_MS) / records;
  return { ...size, lastBytes: recordSize, produceMs };
}

/** By a chance of their own, so that the seeds are otherwise what they were without sites. */
function drawSites(seed: number, relays: number): (string | undefined)[] {
  const random = new Random(`sites ${seed}`);
  if (random.chance(0.5)) return [];
  const sites = random.pick([
    ["us", "eu/a", "eu/a", "eu/b"],
    ["us", "eu/a/x", "eu/a/y", "eu/b"],
    [undefined, "eu", "eu/a", "eu/a/x"],
    ["eu", "eu", "us", "us"],
  ]);
  return sites.slice(0, relays);
}

/** A link is fast and near, or slow, or far. */
function drawLinkMs(random: Random): number {
  return random.chance(0.7) ? random.scale(0.1, 5) : random.scale(5, 200);
}

function drawWays(random: Random, frameBytes: number, frameMs: number): Ways {
  const latency = random.scale(0.2, 80);
  const way = (): Ways["up"] => ({
    latency,
    msPerByte: frameMs / frameBytes,
    kernelBytes: Math.ceil(random.real(0.5, 6) * frameBytes),
  });
  return { up: way(), down: way() };
}

function drawHabits(
  random: Random,
  given: {
    readonly lobby: boolean;
    readonly isStream: boolean;
    readonly isFirst: boolean;
    readonly isCalm: boolean;
    readonly leastRecords: number;
  },
): ReceiverHabits {
  const { lobby, isStream, isFirst, isCalm, leastRecords } = given;
  const at = random.whole(0, leastRecords - 1);
  const drawn = random.next();
  const stalls = !isStream || isCalm ? 1 : drawn;
  return {
    lobby,
    thinkMs: random.chance(0.6) ? 0 : random.scale(50, 5000),
    // The first is healthy and willing, so that there is somebody to end for.
    declines: !isFirst && random.chance(0.06),
    manifestRecords: random.chance(0.85) ? 1 : 2,
    recordMs: random.chance(0.7) ? 0 : random.scale(0.5, 50),
    saveMs: random.real(0, 300),
    stopsAfter: !isFirst && drawn > 0.93 ? at : undefined,
    drops: stalls < 0.12 ? { at, lasts: random.scale(2000, 60_000) } : undefined,
  };
}

function drawRelay(
  random: Random,
  bytes: number,
  isCalm: boolean,
  { isStream, shares }: { readonly isStream: boolean; readonly shares: number },
): RelaySettings {
  const recordsPerBlock = random.chance(0.7) ? 1 : random.whole(2, 4);
  const blocks = isCalm ? 64 * shares : random.chance(0.4) ? 8 : random.whole(8, 48);
  return {
    workers: 1,
    blocks,
    blockBytes:
      recordsPerBlock * (bytes + MESSAGE_HEAD_BYTES) +
      random.pick([-MESSAGE_HEAD_BYTES, bytes - 1]),
    direct: random.pick([0, 0.5, 1]),
    publishes: random.chance(0.2),
    postMs: random.scale(0.05, 2),
    stallMs: isStream ? random.scale(LOST_GRACE_MS, 40_000) : STALL_TIMEOUT_MS,
  };
}

function drawDirectory(random: Random): DirectoryHabits {
  const some = (most: number): number => (random.chance(0.6) ? 0 : random.real(0, most));
  return {
    latencyMs: random.scale(1, 1000),
    watchMs: random.scale(1, 2000),
    unanswered: some(0.2),
    repeated: some(0.2),
  };
}

function drawChances(random: Random): Chances {
  const some = (most: number): number => (random.chance(0.6) ? 0 : random.real(0, most));
  return {
    lostFrame: 0,
    lostDrain: some(0.1),
    corrupt: some(0.03),
    refused: some(0.2),
    unanswered: some(0.05),
    brokenStream: some(0.05),
  };
}

/** @param stays a sender that waits for all would wait for ever, for a receiver that is too late or known to a process before */
function drawEnding(random: Random, stays: boolean, span: number): Ending {
  const drawn = random.next();
  if (drawn > 0.97) return { at: "interrupted", when: random.real(0, span) };
  if (stays || drawn > 0.85) return { at: "interrupted when done" };
  return { at: drawn > 0.75 ? "one done" : "all done" };
}

/** In some calm seeds the sender is away for a while, so that receivers at all relays hear of it. */
function drawAbsence(
  random: Random,
  startAt: number,
  transferMs: number,
  isNone: boolean,
): FleetFault[] {
  if (isNone || random.chance(0.4)) return [];
  const at = startAt + random.real(200, Math.min(transferMs / 2, 5000));
  return [{ at, kind: "kill sender", target: 0, lasts: random.real(10_000, 15_000) }];
}

function drawFaults(
  random: Random,
  span: number,
  counts: { readonly relays: number; readonly receivers: number; readonly shares: number },
  isStream: boolean,
): FleetFault[] {
  const count = random.whole(0, FAULTS_MOST);
  const faults = Array.from({ length: count }, () => drawFault(random, span, counts, isStream));
  return faults.toSorted((a, b) => a.at - b.at);
}

function drawFault(
  random: Random,
  span: number,
  { relays, receivers, shares }: { relays: number; receivers: number; shares: number },
  isStream: boolean,
): FleetFault {
  const at = random.real(0, span);
  const any = random.whole(0, 99);
  const target = any % relays;
  const lasts = random.scale(200, 45_000);
  const prompt = (): number => random.real(0, 300);
  const late = (): number => (random.chance(0.6) ? prompt() : random.real(2000, 30_000));
  const clientNotices = late();
  const relayNotices = clientNotices > 300 ? prompt() : late();
  const to = random.chance(0.6) ? random.whole(0, relays - 1) : undefined;
  const drawn = random.whole(0, isStream ? 29 : 32);
  if (drawn < 6) {
    return { at, kind: "cut sender", target: any % shares, clientNotices, relayNotices, to };
  }
  if (drawn < 10) {
    return { at, kind: "cut receiver", target: any % receivers, clientNotices, relayNotices, to };
  }
  if (drawn < 11) return { at, kind: "kill receiver", target: any % receivers, lasts };
  if (drawn < 12) return { at, kind: "freeze receiver", target: any % receivers, lasts };
  if (drawn < 13) {
    const kind = isStream ? "freeze sender" : "kill sender";
    return { at, kind, target: any % shares, lasts: random.scale(100, 20_000) };
  }
  if (drawn < 16) {
    const noticedMs = random.chance(0.7) ? 50 : 32_000;
    return { at, kind: "end relay", target, lasts, noticedMs, gracefully: random.chance(0.3) };
  }
  if (drawn < 18) {
    return { at, kind: "pause relay", target, lasts, isClockStill: random.chance(0.3) };
  }
  if (drawn < 21) return { at, kind: "part relays", target, from: (target + 1) % relays, lasts };
  if (drawn < 23) return { at, kind: "crash worker", target };
  if (drawn < 25) return { at, kind: "cut links", target };
  if (drawn < 26) return { at, kind: "cut off relay", target, lasts };
  if (drawn < 27) return { at, kind: "directory away", target, lasts };
  if (drawn < 28) return { at, kind: "directory mute", target, lasts };
  if (drawn > 29) {
    return { at, kind: "rival sender", target: any % shares, to: random.whole(0, relays - 1) };
  }
  return { at, kind: "lose writes", target, lasts: random.scale(50, 5000) };
}
