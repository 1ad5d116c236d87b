import {
  CONNECTIONS_PER_SESSION,
  LOST_GRACE_MS,
  type SenderGoal,
  type StartWhen,
} from "../../protocol/mod.ts";
import { STALL_TIMEOUT_MS } from "../../relay/limits/operator-limits.ts";

import { MESSAGE_HEAD_BYTES } from "../../relay/log/store.ts";

import type { Ways } from "./network.ts";
import { Random } from "./random.ts";
import type { ReceiverHabits } from "./receiver.ts";
import type { RelaySettings } from "./relay.ts";
import type { ShareSize } from "./share.ts";
import type { StorePlan } from "./stored-scenario.ts";
import type { Chances } from "./world.ts";

const FRAME_HEADER_BYTES = 16;

export interface ReceiverPlan {
  readonly joinAt: number;
  readonly ways: Ways;
  readonly habits: ReceiverHabits;
  /** Never starts; for comparison. */
  readonly absent: boolean;
}

export type Fault = { readonly at: number } & (
  | {
      readonly kind: "cut receiver" | "cut sender";
      readonly target: number;
      readonly clientNotices: number;
      readonly relayNotices: number;
    }
  | {
      readonly kind: "freeze receiver" | "freeze sender" | "kill receiver" | "kill sender";
      readonly target: number;
      readonly lasts: number;
    }
  | { readonly kind: "crash worker"; readonly target: number }
  | { readonly kind: "restart relay"; readonly gracefully: boolean; readonly lasts: number }
  /** A client joins again and again and takes nothing. */
  | {
      readonly kind: "storm";
      readonly ways: Ways;
      readonly everyMs: number;
      readonly lasts: number;
    }
);

/** How the senders end. */
export type Ending =
  /** By themselves, when all receivers that can have the whole share. */
  | { readonly at: "all done" }
  /** By themselves, when somebody has it and nobody is attached. */
  | { readonly at: "one done" }
  /** They stay, and are interrupted when all have it. */
  | { readonly at: "interrupted when done" }
  | { readonly at: "interrupted" | "killed"; readonly when: number };

/** Has a hello that the relay takes, and another content key: offers what no receiver can open, and leaves. */
export interface StrangerPlan {
  readonly size: ShareSize;
  readonly ways: Ways;
  readonly startAt: number;
  readonly leavesAt: number;
}

export interface Scenario {
  readonly seed: number;
  readonly relay: RelaySettings;
  readonly lobby: boolean;
  /** Whether the shares can't be read again. */
  readonly stream: boolean;
  readonly shares: readonly {
    readonly size: ShareSize;
    readonly ways: Ways;
    readonly startAt: number;
  }[];
  readonly strangers: readonly StrangerPlan[];
  /** Undefined: its shares are not stored. */
  readonly store?: StorePlan | undefined;
  readonly receivers: readonly ReceiverPlan[];
  /** Whether senders say of each receiver whether it may have a share; they do, of all. */
  readonly admits: boolean;
  /** When senders begin; undefined: with the first who agrees. */
  readonly startWhen: StartWhen | undefined;
  /** Lines of each client, the main one among them; a sender of a stream has one. */
  readonly connections: number;
  readonly faults: readonly Fault[];
  readonly chances: Chances;
  readonly ending: Ending;
  /** From here on nothing more goes wrong. ms */
  readonly quietAt: number;
  /** An unhindered transfer takes about so long. ms */
  readonly transferMs: number;
}

const LEAST_BLOCKS = 8;
const MANIFEST_RECORDS_MOST = 2;
/** The most that a share takes to be produced. ms */
const PRODUCED_MS = 120_000;
const NO_CHANCES: Chances = { lostFrame: 0, lostDrain: 0, corrupt: 0, refused: 0, unanswered: 0 };

/** Every tenth seed is calm: nothing goes wrong but receivers that stop for ever. */
export function isCalm(seed: number): boolean {
  return seed % 10 === 0;
}

/** In three of seven seeds shares can't be read again. */
export function isStream(seed: number): boolean {
  return seed % 7 === 4 || seed % 7 === 5 || isOpen(seed);
}

/** And in one of these three nobody knows where they end. */
function isOpen(seed: number): boolean {
  return seed % 7 === 0;
}

/** Draws what happens from a seed. */
export function drawScenario(seed: number): Scenario {
  const drawn = drawSeekable(seed);
  const calmer = isStream(seed) ? asStream(drawn) : drawn;
  const scenario = seed % 8 === 3 && !isCalm(seed) ? withStorms(calmer) : calmer;
  const admits = seed % 11 === 4 && !isCalm(seed);
  const waits = seed % 13 === 7 && !isCalm(seed);
  // A receiver that is too late for a stream looks for another share, and hears so where there is none.
  const strangers =
    hasStrangers(seed) && !scenario.lobby && !scenario.stream ? drawStrangers(scenario) : [];
  const startWhen = waits ? drawStart(scenario) : undefined;
  return { ...scenario, admits, strangers, startWhen, connections: drawConnections(seed) };
}

/** In two of ten seeds clients have several lines, from chance of its own. */
function drawConnections(seed: number): number {
  const several = seed % 10 === 7 || seed % 10 === 8;
  return several ? new Random(`connections ${seed}`).whole(2, CONNECTIONS_PER_SESSION) : 1;
}

function hasStrangers(seed: number): boolean {
  return seed % 5 === 3 && !isCalm(seed);
}

/** From chance of its own, as for streams. */
function drawStrangers({ seed, shares, transferMs }: Scenario): StrangerPlan[] {
  const random = new Random(`strangers ${seed}`);
  const [{ size } = { size: undefined }] = shares;
  if (size === undefined) return [];
  const { recordSize } = size;
  return Array.from({ length: random.whole(1, 4) }, () => {
    const startAt = random.real(0, Math.min(transferMs, 20_000));
    return {
      size: {
        records: drawRecords(random),
        recordSize,
        lastBytes: random.whole(18, recordSize),
        seekable: true,
      },
      ways: drawWays(random, frameBytes({ recordSize }), random.scale(2, 100)),
      startAt,
      leavesAt: startAt + random.scale(100, 60_000),
    };
  });
}

/** From chance of its own too: some clients only disturb, at any time and from anywhere. */
function withStorms(scenario: Scenario): Scenario {
  const { seed, shares, transferMs, faults } = scenario;
  const random = new Random(`storms ${seed}`);
  const bytes = Math.max(...shares.map(({ size }) => frameBytes(size)));
  const storms = Array.from({ length: random.whole(1, 4) }, (): Fault => {
    const ways = drawWays(random, bytes, random.scale(1, 50));
    const at = random.real(0, Math.min(transferMs, 10_000));
    const lasts = random.scale(500, Math.min(4 * transferMs, 20_000));
    return { at, kind: "storm", ways, everyMs: random.scale(2, 200), lasts };
  });
  const all = [...faults, ...storms].toSorted((a, b) => a.at - b.at);
  const quietAt = all.reduce((latest, fault) => Math.max(latest, endOf(fault)), 0);
  return { ...scenario, faults: all, quietAt: Math.max(scenario.quietAt, quietAt) };
}

function drawStart({ seed, receivers, transferMs }: Scenario): StartWhen {
  const random = new Random(`start ${seed}`);
  const minWaitMs = random.chance(0.5) ? 0 : random.real(0, 2000);
  return {
    receivers: random.whole(1, receivers.length),
    minWaitMs,
    // A receiver that has everything can't agree any more, and some never do.
    maxWaitMs: minWaitMs + random.real(0, transferMs),
    headRecords: MANIFEST_RECORDS_MOST,
  };
}

/** Draws the rest from chance of its own, so that other seeds are what they were. */
function asStream(scenario: Scenario): Scenario {
  const { seed, shares, receivers, relay, ending } = scenario;
  const random = new Random(`stream ${seed}`);
  const leastRecords = Math.min(...shares.map(({ size }) => size.records));
  return {
    ...scenario,
    stream: true,
    shares: isOpen(seed)
      ? shares.map((share) => ({ ...share, size: drawOpen(random, share.size) }))
      : shares.map((share) => ({ ...share, size: { ...share.size, seekable: false } })),
    transferMs: scenario.transferMs + (isOpen(seed) ? PRODUCED_MS : 0),
    receivers: receivers.map(({ ways, absent, joinAt, habits }, index) => {
      const stalls = drawStalls(random, leastRecords, index === 0);
      const soon = random.chance(0.6) ? random.real(0, 500) : joinAt;
      return { ways, absent, joinAt: soon, habits: Object.assign({}, habits, stalls) };
    }),
    relay: {
      ...relay,
      blocks: random.chance(0.7) ? random.whole(shares.length + 1, 24) : relay.blocks,
      stallMs: random.scale(LOST_GRACE_MS, 60_000),
    },
    // A sender that waits for all would wait for ever for a receiver that is too late.
    ending: "when" in ending ? ending : { at: "interrupted when done" },
  };
}

/** All of its frames are of one size, and come as they are produced. */
function drawOpen(random: Random, { records, recordSize }: ShareSize): ShareSize {
  const produceMs = random.chance(0.4) ? 0 : random.scale(1, PRODUCED_MS) / records;
  return { records, recordSize, lastBytes: recordSize, seekable: false, produceMs };
}

/** Some receivers stall: for a while or for ever, frozen or with a line that is well. */
function drawStalls(random: Random, records: number, healthy: boolean): Partial<ReceiverHabits> {
  const at = random.whole(0, records - 1);
  const drawn = random.next();
  if (drawn < 0.15) return { drops: { at, lasts: random.scale(2000, 120_000) } };
  if (healthy) return {};
  if (drawn < 0.25) return { drops: { at, lasts: Infinity } };
  return drawn < 0.35 ? { stopsAfter: at } : {};
}

function drawSeekable(seed: number): Scenario {
  const random = new Random(`scenario ${seed}`);
  const calm = isCalm(seed);
  const lobby = random.chance(0.15);
  const recordSize = random.whole(18, 64);
  const bytes = frameBytes({ recordSize });
  const shares = Array.from({ length: lobby ? random.whole(1, 3) : 1 }, () => ({
    size: {
      records: drawRecords(random),
      recordSize,
      lastBytes: random.whole(18, recordSize),
      seekable: true,
    },
    ways: drawWays(random, bytes, random.scale(2, 100)),
    startAt: random.chance(0.5) ? 0 : random.real(0, 3000),
  }));
  const others = Array.from({ length: random.whole(calm ? 2 : 1, 6) }, () => ({
    ways: drawWays(random, bytes, random.scale(1, 200)),
    habits: drawHabits(random, lobby),
  }));
  const records = shares.reduce((sum, { size }) => sum + size.records, 0);
  const recordMs = Math.max(
    ...shares.map(({ ways }) => ways.up.msPerByte * bytes),
    ...others.map(({ ways, habits }) => ways.down.msPerByte * bytes + habits.recordMs),
  );
  const transferMs = records * recordMs + 1000;
  const leastRecords = Math.min(...shares.map(({ size }) => size.records));
  const receivers = others.map(({ ways, habits }, index): ReceiverPlan => {
    const joinAt = random.real(0, random.chance(0.5) ? 500 : transferMs);
    const stops = index > 0 && random.chance(calm ? 0.5 : 0.07);
    const stopsAfter = stops ? random.whole(0, leastRecords - 1) : undefined;
    // The first is healthy and willing, so that there is somebody to end for.
    const declines = index > 0 && habits.declines;
    return { ways, habits: { ...habits, declines, stopsAfter }, joinAt, absent: false };
  });
  const ending = calm ? drawCalmEnding(random) : drawEnding(random, transferMs);
  const faults = calm ? [] : drawFaults(random, receivers.length, shares.length, transferMs);
  if (ending.at === "killed" && random.chance(0.5)) {
    faults.push({ at: ending.when + random.real(0, 1000), kind: "crash worker", target: 0 });
  }
  return {
    seed,
    lobby,
    stream: false,
    admits: false,
    startWhen: undefined,
    connections: 1,
    strangers: [],
    shares,
    receivers,
    faults,
    ending,
    transferMs,
    relay: drawRelay(random, bytes, calm ? calmBlocks(shares.length) : LEAST_BLOCKS),
    chances: calm ? NO_CHANCES : drawChances(random),
    quietAt: faults.reduce((latest, fault) => Math.max(latest, endOf(fault)), 0),
  };
}

/** Bytes of every frame but the last. */
export function frameBytes({ recordSize }: Pick<ShareSize, "recordSize">): number {
  return FRAME_HEADER_BYTES + recordSize;
}

export function goalOf({ ending, receivers }: Scenario): SenderGoal {
  const able = receivers.filter(isAble).length;
  switch (ending.at) {
    case "all done":
    case "interrupted":
      return { receivers: able, stay: false };
    case "one done":
    case "killed":
      return { receivers: 1, stay: false };
    case "interrupted when done":
      return { receivers: 1, stay: true };
  }
}

/** Whether this receiver will have everything in the end, if it is given the time. */
export function isAble({ habits, absent }: ReceiverPlan): boolean {
  return !habits.declines && !stopsForEver(habits) && !absent;
}

export function stopsForEver({ stopsAfter, drops }: ReceiverHabits): boolean {
  return stopsAfter !== undefined || drops?.lasts === Infinity;
}

function endOf(fault: Fault): number {
  if ("lasts" in fault) return fault.at + fault.lasts;
  if (!("clientNotices" in fault)) return fault.at;
  return fault.at + Math.max(fault.clientNotices, fault.relayNotices);
}

function drawRecords(random: Random): number {
  if (random.chance(0.1)) return 1;
  if (random.chance(0.1)) return 2;
  return random.whole(3, 60);
}

/** Even an idle receiver keeps its part of the memory; the delay that this causes is not its fault. */
function calmBlocks(shares: number): number {
  return shares === 1 ? 24 : 64 * shares;
}

function drawRelay(random: Random, frameBytes: number, least: number): RelaySettings {
  const recordsPerBlock = random.chance(0.7) ? 1 : random.whole(2, 4);
  return {
    workers: random.pick([1, 1, 2, 2, 2, 3]),
    blocks: random.chance(0.4) ? least : random.whole(least, 8 * least),
    blockBytes:
      recordsPerBlock * (frameBytes + MESSAGE_HEAD_BYTES) +
      random.pick([-MESSAGE_HEAD_BYTES, frameBytes - 1]),
    direct: random.pick([0, 0.5, 1]),
    postMs: random.scale(0.05, 2),
    stallMs: STALL_TIMEOUT_MS,
  };
}

function drawWays(random: Random, frameBytes: number, frameMs: number): Ways {
  const latency = random.scale(0.2, 100);
  const way = (ms: number): Ways["up"] => ({
    latency,
    msPerByte: ms / frameBytes,
    kernelBytes: Math.ceil(random.real(0.5, 6) * frameBytes),
  });
  return { up: way(frameMs), down: way(frameMs) };
}

function drawHabits(random: Random, lobby: boolean): ReceiverHabits {
  return {
    lobby,
    thinkMs: random.chance(0.5) ? 0 : random.scale(50, 8000),
    declines: random.chance(0.08),
    manifestRecords: random.chance(0.85) ? 1 : MANIFEST_RECORDS_MOST,
    recordMs: random.chance(0.7) ? 0 : random.scale(0.5, 50),
    saveMs: random.real(0, 300),
    stopsAfter: undefined,
    drops: undefined,
  };
}

function drawChances(random: Random): Chances {
  const some = (most: number): number => (random.chance(0.5) ? 0 : random.real(0, most));
  return {
    lostFrame: some(0.1),
    lostDrain: some(0.1),
    corrupt: some(0.03),
    refused: some(0.2),
    unanswered: some(0.05),
  };
}

function drawCalmEnding(random: Random): Ending {
  return { at: random.chance(0.7) ? "all done" : "one done" };
}

function drawEnding(random: Random, transferMs: number): Ending {
  const drawn = random.next();
  if (drawn < 0.75) return { at: "all done" };
  if (drawn < 0.85) return { at: "interrupted when done" };
  if (drawn < 0.93) return { at: "one done" };
  return { at: drawn < 0.97 ? "interrupted" : "killed", when: random.real(0, transferMs) };
}

function drawFaults(random: Random, receivers: number, shares: number, span: number): Fault[] {
  const faults = Array.from({ length: random.whole(0, 10) }, (): Fault => {
    const at = random.real(0, Math.min(1.3 * span, 60_000));
    const target = random.whole(0, 99);
    const receiver = target % receivers;
    const sender = target % shares;
    const prompt = (): number => random.real(0, 300);
    // One side may notice late: as late as its watch allows.
    const late = (): number => (random.chance(0.6) ? prompt() : random.real(2000, 30_000));
    const clientNotices = late();
    const notices = { clientNotices, relayNotices: clientNotices > 300 ? prompt() : late() };
    const drawn = random.whole(0, 15);
    if (drawn < 4) return { at, kind: "cut receiver", target: receiver, ...notices };
    if (drawn < 8) return { at, kind: "cut sender", target: sender, ...notices };
    if (drawn < 9) return { at, kind: "crash worker", target: target % 3 };
    if (drawn < 10) {
      const gracefully = random.chance(0.5);
      return { at, kind: "restart relay", gracefully, lasts: random.scale(500, 8000) };
    }
    if (drawn < 12) {
      return { at, kind: "kill receiver", target: receiver, lasts: random.scale(20, 8000) };
    }
    if (drawn < 15) {
      return { at, kind: "freeze receiver", target: receiver, lasts: random.scale(100, 45_000) };
    }
    return { at, kind: "freeze sender", target: sender, lasts: random.scale(100, 45_000) };
  });
  return faults.toSorted((a, b) => a.at - b.at);
}
