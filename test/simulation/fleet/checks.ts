/** Checks of a fleet when everybody ended. */
import { recordsPerBlock } from "../../../relay/log/block-log.ts";
import { LOG_IDLE_MS } from "../../../relay/share/log-trimming.ts";
import { checkCopy, checkOutcome } from "../checks.ts";
import type { Party } from "../party.ts";
import { frameBytes } from "../scenario.ts";
import type { SimSender } from "../sender.ts";
import type { Streams } from "../streams.ts";
import { Violation } from "../world.ts";
import type { FleetScenario } from "./scenario.ts";

export interface FleetFacts {
  /** Places of senders whose share was lost by no fault of a relay. */
  readonly excused: ReadonlySet<number>;
  /** Places of senders that were started again: a process knows of its own receivers alone. */
  readonly restarted: ReadonlySet<number>;
  /** From all owners to all edges. */
  readonly framesToEdges: number;
  /** A worker gives records past its log. */
  readonly isDropping: boolean;
  /** Of each life of a relay. */
  readonly streams: readonly Streams[];
}

/** All relays on the way know of a receiver so long after it joined. ms */
const JOINED_MS = 1000;

/** @throws Violation */
export function checkFleetEnds(
  scenario: FleetScenario,
  parties: readonly Party[],
  senders: readonly SimSender[],
  facts: FleetFacts,
): void {
  const { ending, isCalm } = scenario;
  const isStrict = ending.at === "all done" || ending.at === "interrupted when done";
  for (const [index, sender] of senders.entries()) {
    if (facts.excused.has(index)) continue;
    for (const party of parties) checkCopy(party, sender, isStrict);
    if (isCalm) for (const party of parties) checkInTime(scenario, party, sender, facts);
    if (isStrict) checkOutcome(ending, parties, sender, facts.restarted.has(index));
    const isOnce = isCalm && !facts.isDropping && facts.restarted.size === 0;
    if (isOnce) checkUploads(scenario, parties, sender);
  }
  if (isCalm && !facts.isDropping && facts.restarted.size === 0) {
    checkCrossings(scenario, senders, facts);
  }
}

/**
 * The logs lose nothing of a stream while they have room for all that was asked for, and then nothing that a receiver
 * needs, at whatever relay it is.
 */
function checkInTime(
  { relays, admits }: FleetScenario,
  { home, plan }: Party,
  { share }: SimSender,
  { streams }: FleetFacts,
): void {
  const end = home.ends.get(share.key);
  if (end?.fault !== "too-late") return;
  // No log keeps records for a receiver that thinks, or was not admitted yet.
  const isPrompt = plan.habits.thinkMs === 0 && !admits;
  const joinedAt = home.openedAt.get(share.key) ?? Infinity;
  const by = isPrompt ? Math.min(joinedAt + JOINED_MS, end.at) : end.at;
  const rooms = relays.map(
    (relay) => Math.floor(relay.blocks / 2) * recordsPerBlock(relay, frameBytes(share.offer)),
  );
  const asked = Math.max(...streams.map((each) => each.askedBy(share.key, by)));
  if (asked > Math.min(...rooms)) return;
  throw new Violation(`${home.name} is too late, and the logs had room for all ${asked} records`);
}

/** With memory for all of a share its sender reads no record twice, wherever its receivers are. */
function checkUploads(
  { lobby }: FleetScenario,
  parties: readonly Party[],
  { name, share, uploads }: SimSender,
): void {
  const opened = parties.flatMap(({ home }) => home.openedAt.get(share.key) ?? []);
  if (lobby || Math.max(...opened) - Math.min(...opened) >= LOG_IDLE_MS) return;
  if (uploads > share.records)
    throw new Violation(`${name} sent ${uploads} records of ${share.records}`);
}

/** A record crosses to each edge once. */
function checkCrossings(
  { relays, lobby, shares }: FleetScenario,
  senders: readonly SimSender[],
  { framesToEdges }: FleetFacts,
): void {
  const records = senders.reduce((sum, { share }) => sum + share.records, 0);
  const least = Math.min(
    ...shares.map(({ size }) => relays[0]!.blocks * recordsPerBlock(relays[0]!, frameBytes(size))),
  );
  if (lobby || least < records) return;
  const most = records * (relays.length - 1);
  if (framesToEdges > most) {
    throw new Violation(`${framesToEdges} records crossed between relays, at most ${most} need to`);
  }
}
