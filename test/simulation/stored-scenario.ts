/** Scenarios whose shares are stored, made from others: what goes wrong with clients and relay goes wrong here too. */
import { Random } from "./random.ts";
import { drawScenario, isCalm, type Fault, type ReceiverPlan, type Scenario } from "./scenario.ts";
import type { DiskHabits } from "./stored-file.ts";

/** A sender's wish to the store, and its outcome. */
export interface StorePlan {
  readonly disk: DiskHabits;
  /** s */
  readonly life: number;
  readonly downloads: number | undefined;
  /** The sender revokes the share, so long after it was stored. ms */
  readonly revokedAfter: number | undefined;
}

/** Longer than any scenario. s */
const LONG_LIFE_S = 6 * 24 * 60 * 60;
const RESTART_MS = 8000;

export function isShortLived({ life }: StorePlan): boolean {
  return life < LONG_LIFE_S;
}

export function storedScenario(seed: number): Scenario {
  const { lobby: _, startWhen: _when, ...base } = drawScenario(seed);
  const random = new Random(`stored ${seed}`);
  const calm = isCalm(seed);
  const [share] = base.shares;
  if (share === undefined) throw new RangeError(`seed ${seed} has no share`);
  const { records } = share.size;
  const disk = drawDisk(random, calm);
  const store = drawStore(random, disk, base);
  const storingMs = records * (disk.writeMs + disk.readMs + disk.syncMs) + 30_000;
  const transferMs = base.transferMs + storingMs;
  const receivers = base.receivers.map((plan) => drawLate(random, plan, base.transferMs));
  // A sender that can't read again has nothing to go on with.
  const kills = calm || !share.size.seekable ? [] : drawKills(random, base.transferMs);
  const late =
    calm || seed % 3 > 0
      ? []
      : drawLateFaults({ ...base, shares: [share], lobby: false, startWhen: undefined });
  const faults = [...base.faults.map(ofOneShare), ...kills, ...late].toSorted(
    (a, b) => a.at - b.at,
  );
  const killedUntil = Math.max(0, ...[...kills, ...late].map(({ at }) => at + RESTART_MS));
  return {
    ...base,
    lobby: false,
    startWhen: undefined,
    admits: false,
    strangers: [],
    shares: [share],
    receivers,
    faults,
    store,
    ending: { at: random.chance(0.25) ? "interrupted when done" : "all done" },
    transferMs,
    quietAt: Math.max(base.quietAt, killedUntil),
  };
}

function drawDisk(random: Random, calm: boolean): DiskHabits {
  const some = (most: number): number => (calm || random.chance(0.5) ? 0 : random.real(0, most));
  return {
    writeMs: random.scale(0.05, 50),
    readMs: random.scale(0.05, 50),
    syncMs: random.scale(0.5, 1000),
    saveMs: random.scale(0.5, 500),
    queue: random.chance(0.5) ? random.whole(1, 4) : random.whole(5, 64),
    unsynced: random.whole(1, 64),
    failedSave: some(0.3),
    failedWrite: some(0.05),
    failedRemoval: some(0.5),
  };
}

function drawStore(
  random: Random,
  disk: DiskHabits,
  { receivers, transferMs }: Pick<Scenario, "receivers" | "transferMs">,
): StorePlan {
  const isShort = random.chance(0.12);
  const shortS = Math.ceil(random.real(0.5, 3) * (transferMs / 1000)) + 10;
  return {
    disk,
    life: isShort ? shortS : LONG_LIFE_S,
    downloads: random.chance(0.4) ? random.whole(1, receivers.length) : undefined,
    revokedAfter: random.chance(0.12) ? random.scale(10, transferMs) : undefined,
  };
}

/** Some come when the sender has gone. */
function drawLate(random: Random, plan: ReceiverPlan, transferMs: number): ReceiverPlan {
  const { habits } = plan;
  const joinAt = random.chance(0.4) ? transferMs * random.real(1, 2) + 5000 : plan.joinAt;
  return { ...plan, joinAt, habits: { ...habits, lobby: false } };
}

function drawKills(random: Random, transferMs: number): Fault[] {
  return Array.from({ length: random.chance(0.5) ? 0 : random.whole(1, 3) }, () => ({
    at: random.real(0, Math.min(1.3 * transferMs, 60_000)),
    kind: "kill sender" as const,
    target: 0,
    lasts: random.scale(20, RESTART_MS),
  }));
}

/** Also while receivers are served without the sender: from chance of its own. */
function drawLateFaults({ seed, receivers, transferMs }: Scenario): Fault[] {
  const random = new Random(`late faults ${seed}`);
  return Array.from({ length: random.whole(2, 12) }, (): Fault => {
    const at = random.real(0, 2.2 * transferMs + 8000);
    const target = random.whole(0, 99);
    const lasts = random.scale(500, RESTART_MS);
    const drawn = random.whole(0, 9);
    if (drawn < 3) return { at, kind: "crash worker", target: target % 3 };
    if (drawn < 5) return { at, kind: "restart relay", gracefully: random.chance(0.3), lasts };
    if (drawn < 8) return { at, kind: "kill receiver", target: target % receivers.length, lasts };
    const notices = { clientNotices: random.real(0, 300), relayNotices: random.real(0, 300) };
    return { at, kind: "cut receiver", target: target % receivers.length, ...notices };
  });
}

/** Others have several shares. */
function ofOneShare(fault: Fault): Fault {
  if (fault.kind === "cut sender" || fault.kind === "freeze sender") return { ...fault, target: 0 };
  return fault;
}
