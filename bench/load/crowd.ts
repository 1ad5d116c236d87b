/** The receivers of a load process: starts them, notes how far they are, says when they are through. */
import { Board } from "./board.ts";
import { say, type Load } from "./child.ts";
import {
  clock,
  type Group,
  type LoadReceiver,
  type Part,
  type Plan,
  type ReceiverKind,
} from "./contract.ts";

/**
 * Receivers of all processes that connect at the same time; more would fill the relay's queue of
 * connections.
 */
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
  /** The run is over: it disconnects, and says nothing more. */
  leave(): void;
}

/** Slow and stopped ones hold nobody up, nor do those for whom there is nothing. */
export function completes(kind: ReceiverKind): boolean {
  return kind !== "slow" && kind !== "stopped" && kind !== "waiting";
}

export class Crowd implements Load {
  readonly #plan: Plan;
  readonly #part: Part;
  readonly #board: Board;
  readonly #extra: () => Record<string, number>;
  #members: readonly Member[] = [];
  #open = 0;

  /** @param extra figures for the run's `extra`, asked for at the end */
  constructor(plan: Plan, extra: () => Record<string, number> = () => ({})) {
    const { part } = plan;
    if (part === undefined) throw new Error("a plan for receivers says which");
    this.#plan = plan;
    this.#part = part;
    this.#board = Board.open(part.board, part.of);
    this.#extra = extra;
  }

  /** bytes of the source that the most advanced one has, over all processes */
  get furthest(): number {
    return this.#board.furthest;
  }

  /** One member for each receiver that this process has. */
  enlist<T>(make: (group: Group, groupIndex: number, number: number) => T): T[] {
    return enlist(this.#plan.groups, this.#part, make);
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
    await Promise.all(Array.from({ length: Math.ceil(CONNECTING / this.#part.of) }, some));
    say({ t: "ready" });
  }

  go(): void {
    for (const member of this.#members) if (member.tally.kind !== "late") this.#begin(member);
    if (this.#open === 0) say({ t: "through" });
  }

  join(group: number): void {
    for (const member of this.#members) if (member.group === group) this.#begin(member);
  }

  stop(): void {
    say({
      t: "done",
      receivers: this.#members.map(({ tally }) => tally),
      extra: this.#extra(),
    });
  }

  leave(): void {
    for (const member of this.#members) member.leave();
  }

  /** A member has `tally.bytes` now, the last `bytes` of them new. */
  took(tally: Tally, bytes: number): void {
    if (bytes > 0) tally.firstByteAt ??= clock();
    tally.bytes += bytes;
    this.#board.note(this.#part.index, tally.number, tally.bytes);
    if (tally.kind === "late" && tally.head === undefined) {
      const { furthest } = this;
      if (tally.bytes + HEAD_BYTES >= furthest) {
        tally.head = { at: clock(), bytes: tally.bytes, furthest };
      }
    }
    if (tally.bytes < this.#plan.size || tally.doneAt !== undefined) return;
    tally.doneAt = clock();
    if (completes(tally.kind) && --this.#open === 0) say({ t: "through" });
  }

  #begin(member: Member): void {
    const { tally } = member;
    if (tally.kind === "late") tally.furthestAtStart = this.furthest;
    tally.startedAt = clock();
    member.start();
  }
}

export function newTally(kind: ReceiverKind, number: number): Tally {
  return { number, kind, bytes: 0, bytesTwice: 0, gaps: 0 };
}

/** One member for each receiver of each group that is of this part. */
export function enlist<T>(
  groups: readonly Group[],
  { index, of }: Pick<Part, "index" | "of">,
  make: (group: Group, groupIndex: number, number: number) => T,
): T[] {
  const own: T[] = [];
  let number = 0;
  for (const [groupIndex, group] of groups.entries()) {
    for (let each = 0; each < group.count; each++, number++) {
      if (number % of === index) own.push(make(group, groupIndex, number));
    }
  }
  return own;
}
