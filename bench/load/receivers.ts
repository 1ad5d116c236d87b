/** All receivers of a run, spread over load processes, as if they were in one. */
import { join } from "node:path";

import { TemporaryFolder } from "../temporary.ts";
import { Board } from "./board.ts";
import type { Done, Group, Plan } from "./contract.ts";
import { LoadProcess } from "./process.ts";

export class Receivers implements AsyncDisposable {
  readonly board: Board;
  readonly #plan: Plan;
  readonly #path: string;
  readonly #folder = new TemporaryFolder("board");
  readonly #processes: readonly LoadProcess[];

  /**
   * @param command of one process
   * @param most processes; there are never more than receivers
   */
  constructor(command: readonly string[], plan: Plan, most: number) {
    const receivers = countOf(plan.groups);
    const processes = Math.min(most, receivers);
    this.#plan = plan;
    this.#path = join(this.#folder.path, "board");
    this.board = Board.create(this.#path, processes, receivers);
    this.#processes = Array.from({ length: processes }, () => new LoadProcess(command));
  }

  get pids(): number[] {
    return this.#processes.map(({ pid }) => pid);
  }

  /** Has all connect. @throws Error when one says that something is wrong, or ends */
  async prepare(): Promise<void> {
    const [of, board] = [this.#processes.length, this.#path];
    for (const [index, each] of this.#processes.entries()) {
      each.say({ ...this.#plan, part: { index, of, board } });
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

  /** The results of all. @throws Error as `prepare` */
  async stop(): Promise<Done> {
    for (const each of this.#processes) each.say({ t: "stop" });
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
