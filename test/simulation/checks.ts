import { LOG_IDLE_MS } from "../../relay/share/log-trimming.ts";
import { recordsPerBlock } from "../../relay/log/block-log.ts";

import { checkWhole } from "./copies.ts";
import type { Party } from "./party.ts";
import type { ReceiverHome } from "./receiver.ts";
import { frameBytes, isAble, isCalm, type Scenario } from "./scenario.ts";
import type { SimSender } from "./sender.ts";
import { Violation } from "./world.ts";

/** A sender has heard by then of who joined: a tick of the relay, and the way. ms */
const JOINED_MS = 300;
/** And a sender has heard by then what a receiver does. ms */
const HEARD_MS = 500;

/**
 * Checks what everybody ended with.
 * @param mayDrop whether records of a receiver that is alone do not stay in the log
 * @throws Violation
 */
export function checkEnds(
  scenario: Scenario,
  parties: readonly Party[],
  senders: readonly SimSender[],
  mayDrop: boolean,
): void {
  const { ending, stream } = scenario;
  const strict = ending.at === "all done" || ending.at === "interrupted when done";
  for (const party of parties) {
    for (const sender of senders) checkCopy(party, sender, strict);
  }
  if (stream) {
    for (const sender of senders) checkStream(scenario, parties, sender);
    return;
  }
  if (strict) for (const sender of senders) checkOutcome(ending, parties, sender);
  const killed = ending.at === "killed" && senders.every(({ outcome }) => outcome === undefined);
  if (killed) for (const party of parties) checkLeftBehind(party);
  if (!isCalm(scenario.seed)) return;
  for (const sender of senders) {
    checkUploadedOnce(scenario, parties, sender, mayDrop);
    if (ending.at === "one done") checkNobodyAttached(parties, sender);
    else checkFailedExactly(parties, sender);
  }
}

/** A receiver that calls itself done has every record; a receiver that can have them all gets them. */
export function checkCopy({ home, plan }: Party, { share }: SimSender, strict: boolean): void {
  const end = home.ends.get(share.key);
  const copy = home.disk.get(share.key);
  if (end !== undefined && end.fault === undefined) {
    if (copy === undefined) throw new Violation(`${home.name} has nothing and says it is done`);
    checkWhole(copy, share);
  } else if (end?.fault === "too-late" && !share.offer.seekable) {
    // Whether rightly so was checked when it was told.
    return;
  } else if (strict && isAble(plan)) {
    if (copy === undefined || end !== undefined) {
      throw new Violation(`${home.name} ended with ${end?.fault ?? "nothing"}`);
    }
    checkWhole(copy, share);
  }
}

/** @param wasRestarted the sender was started again: a process knows of its own receivers alone */
export function checkOutcome(
  ending: Scenario["ending"],
  parties: readonly Party[],
  { name, share, outcome }: SimSender,
  wasRestarted = false,
): void {
  if (outcome === undefined) throw new Violation(`${name} has no outcome`);
  const { fault, verified, failed } = outcome;
  const isStream = !share.offer.seekable;
  const able = parties.filter(({ plan }) => isAble(plan)).length;
  const whole = parties.filter(({ home }) => home.wholeAt.has(share.key)).length;
  if (isStream ? verified > whole : verified < able && !wasRestarted) {
    throw new Violation(`${name} knows of ${verified} of ${isStream ? whole : able}`);
  }
  const isWell = failed === 0 && (verified > 0 || !isStream);
  const due = isWell ? undefined : ending.at === "all done" ? "some-failed" : "interrupted";
  if (fault !== due && !wasRestarted) {
    throw new Violation(`${name} ends with ${fault ?? "success"} and ${failed} failed`);
  }
  const most = parties.length - able;
  // An interrupted sender may not have heard yet that a receiver only looked.
  if (!isStream && ending.at === "all done" && failed > most) {
    throw new Violation(`${name} counts ${failed} failed, at most ${most} did`);
  }
}

/** A receiver of every record could prove it, and no record leaves a sender twice without a reason. */
function checkStream(
  scenario: Scenario,
  parties: readonly Party[],
  { name, share, verified, uploads }: SimSender,
): void {
  const whole = parties.filter(({ home }) => home.wholeAt.has(share.key)).length;
  const strict = scenario.ending.at === "interrupted when done";
  if (strict ? verified !== whole : verified > whole) {
    throw new Violation(`${name} knows of ${verified} of ${whole}`);
  }
  if (isCalm(scenario.seed) && uploads > share.records) {
    throw new Violation(`${name} sent ${uploads} records of ${share.records}`);
  }
}

/** A receiver that had begun ends because the sender is gone, and for no other reason. */
function checkLeftBehind({ home }: Party): void {
  for (const { fault } of home.ends.values()) {
    if (fault === undefined || fault === "declined" || fault === "sender-gone") continue;
    throw new Violation(`${home.name} ended with ${fault}`);
  }
}

/** A sender that ends by itself leaves nobody behind that it could know of. */
function checkNobodyAttached(
  parties: readonly Party[],
  { name, share, finishedAt }: SimSender,
): void {
  for (const { home, plan } of parties) {
    if (!isAble(plan) || !wasThere(home, share.key, finishedAt - JOINED_MS)) continue;
    if (!home.wholeAt.has(share.key)) throw new Violation(`${name} ended without ${home.name}`);
  }
}

/**
 * With memory for all of a share nothing is read twice, unless nobody was there for a while, or a receiver was alone
 * before others came.
 */
function checkUploadedOnce(
  { relay, lobby }: Scenario,
  parties: readonly Party[],
  { name, share, uploads }: SimSender,
  mayDrop: boolean,
): void {
  // In the lobby all may be busy with another share for a while.
  if (lobby) return;
  const perBlock = recordsPerBlock(relay, frameBytes(share.offer));
  if (share.records > relay.blocks * perBlock) return;
  const opened = parties.flatMap(({ home }) => home.openedAt.get(share.key) ?? []);
  if (Math.max(...opened) - Math.min(...opened) >= LOG_IDLE_MS) return;
  if (uploads > share.records * (mayDrop ? 2 : 1)) {
    throw new Violation(`${name} sent ${uploads} records of ${share.records}`);
  }
}

function wasThere({ openedAt, ways }: ReceiverHome, share: string, by: number): boolean {
  return (openedAt.get(share) ?? Infinity) + ways.up.latency < by;
}

/** Failed are exactly those that agreed and stopped. */
function checkFailedExactly(
  parties: readonly Party[],
  { name, share, outcome, finishedAt }: SimSender,
): void {
  const stopped = parties.filter(
    ({ home, plan }) =>
      !isAble(plan) && home.disk.has(share.key) && wasThere(home, share.key, finishedAt - HEARD_MS),
  );
  if (outcome?.failed === stopped.length) return;
  throw new Violation(`${name} counts ${outcome?.failed} failed, ${stopped.length} are`);
}
