/** All receivers of a run, spread over load processes, as if they were in one. */
import { join } from "node:path";

import { TemporaryFolder } from "../temporary.ts";
import { Board } from "./board.ts";
import type { Done, Group, Plan } from "./contract.ts";
import { LoadProcess } from "./process.ts";

export class Receivers implements AsyncDisposable {
  readonly #folder = new TemporaryFolder("board");
  readonly #processes: readonly LoadProcess[];
  #board: Board | undefined;
  #runs = 0;

  /** @param command of one process */
  constructor(command: readonly string[], processes: number) {
    this.#processes = Array.from({ length: processes }, () => new LoadProcess(command));
  }

  /** Of the run that was prepared last. */
  get board(): Board {
    if (this.#board === undefined) throw new Error("no receivers were prepared");
    return this.#board;
  }

  get pids(): number[] {
    return this.#processes.map(({ pid }) => pid);
  }

  /** Has all of a run connect. @throws Error when one says that something is wrong, or ends */
  async prepare(plan: Plan): Promise<void> {
    const of = this.#processes.length;
    const board = join(this.#folder.path, `board-${this.#runs++}`);
    this.#board = Board.create(board, of, countOf(plan.groups));
    for (const [index, each] of this.#processes.entries()) {
      each.say({ ...plan, part: { index, of, board } });
    }
    await Promise.all(this.#processes.map(({ ready }) => ready));
  }

  /** From now on they take. Resolves when all are through. @throws Error as `prepare` */
  async go(): Promise<void> {
    for (const each of this.#processes) each.say({ t: "go" });
    await Promise.all(this.#processes.map(({ through }) => through));
  }

  join(group: number): void {
    for (const each of this.#processes) each.say({ t: "join", group });
  }

  /** The results of all. @param leaves see `ToLoad` @throws Error as `prepare` */
  async stop(leaves: boolean): Promise<Done> {
    for (const each of this.#processes) each.say({ t: "stop", leaves });
    return merge(await Promise.all(this.#processes.map(({ done }) => done)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((each) => each[Symbol.asyncDispose]()));
    this.#folder[Symbol.dispose]();
  }
}

/** The results of several load processes as of one: in the order of the groups, figures added up. */
export function merge(parts: readonly Done[]): Done {
  const extra: Record<string, number> = {};
  for (const [name, value] of parts.flatMap((part) => Object.entries(part.extra))) {
    extra[name] = (extra[name] ?? 0) + value;
  }
  const receivers = parts.flatMap((part) => part.receivers);
  return { t: "done", receivers: receivers.toSorted((a, b) => a.number - b.number), extra };
}

/** How many receivers there are in all. */
export function countOf(groups: readonly Group[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}
