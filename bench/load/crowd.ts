/** All receivers of a load process: starts them, samples them, and says when they are through. */
import { sampledReceivers } from "../result.ts";
import { say, type Load } from "./child.ts";
import {
  SAMPLE_MS,
  clock,
  type Group,
  type LoadReceiver,
  type Plan,
  type ReceiverKind,
} from "./contract.ts";

/** Receivers that connect at the same time; more would fill the relay's queue of connections. */
const CONNECTING = 64;

/** bytes behind the most advanced one within which a late one is with it */
const HEAD_BYTES = 2 * 1024 * 1024;

export type Tally = { -readonly [Key in keyof LoadReceiver]: LoadReceiver[Key] };

/** One receiver. It writes down in its tally what happens to it. */
export interface Member {
  readonly tally: Tally;
  readonly group: number;
  /** Connects as far as it can without taking a byte. */
  prepare(): Promise<void>;
  /** From now on it takes. */
  start(): void;
}

/** Slow and stopped ones hold nobody up. */
export function completes(kind: ReceiverKind): boolean {
  return kind !== "slow" && kind !== "stopped";
}

export class Crowd implements Load {
  readonly #size: number;
  readonly #extra: () => Record<string, number>;
  #members: readonly Member[] = [];
  #open = 0;
  #furthest = 0;
  #timer: NodeJS.Timeout | undefined;
  #isDone = false;

  /** @param extra figures for the run's `extra`, asked for at the end */
  constructor(plan: Plan, extra: () => Record<string, number> = () => ({})) {
    this.#size = plan.size;
    this.#extra = extra;
  }

  /** bytes of the source that the most advanced one has */
  get furthest(): number {
    return this.#furthest;
  }

  /** Connects all and says so. */
  async gather(members: readonly Member[]): Promise<void> {
    this.#members = members;
    this.#open = members.filter(({ tally }) => completes(tally.kind)).length;
    let next = 0;
    const some = async (): Promise<void> => {
      for (let member = members[next++]; member !== undefined; member = members[next++]) {
        await member.prepare();
      }
    };
    await Promise.all(Array.from({ length: CONNECTING }, some));
    say({ t: "ready" });
  }

  go(): void {
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    for (const member of this.#members) if (member.tally.kind !== "late") begin(member);
  }

  join(group: number): void {
    for (const member of this.#members) if (member.group === group) begin(member);
  }

  stop(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearInterval(this.#timer);
    this.#sample();
    say({
      t: "done",
      receivers: this.#members.map(({ tally }) => tally),
      extra: this.#extra(),
    });
  }

  /** A member has `tally.bytes` now, the last `bytes` of them new. */
  took(tally: Tally, bytes: number): void {
    if (bytes > 0) tally.firstByteAt ??= clock();
    tally.bytes += bytes;
    if (tally.bytes > this.#furthest) this.#furthest = tally.bytes;
    if (tally.kind === "late" && tally.bytes + HEAD_BYTES >= this.#furthest) {
      tally.headAt ??= clock();
    }
    if (tally.bytes < this.#size || tally.doneAt !== undefined) return;
    tally.doneAt = clock();
    if (completes(tally.kind) && --this.#open === 0) this.stop();
  }

  #sample(): void {
    const chosen = sampledReceivers(this.#members.length);
    const received = chosen.map((at) => this.#members[at]?.tally.bytes ?? 0);
    say({ t: "sample", at: clock(), received, furthest: this.#furthest });
  }
}

export function newTally(kind: ReceiverKind): Tally {
  return { kind, bytes: 0, startedAt: 0, bytesTwice: 0, gaps: 0 };
}

/** One member for each receiver of each group. */
export function enlist<T>(
  groups: readonly Group[],
  make: (group: Group, groupIndex: number, number: number) => T,
): T[] {
  const all: T[] = [];
  for (const [index, group] of groups.entries()) {
    for (let each = 0; each < group.count; each++) all.push(make(group, index, all.length));
  }
  return all;
}

function begin(member: Member): void {
  member.tally.startedAt = clock();
  member.start();
}
