/** Runs tests against a mutant until one of them catches it. */
import { FILE_MS, type Outcome } from "./copy.ts";

/** A file hangs that takes so many times as long with a mutation; less may be a busy machine. */
const SLOWER = 4;

/** A tree in which test files run. */
export interface Runner {
  test(path: string, signal: AbortSignal): Promise<Outcome>;
}

export interface Verdict {
  /** The test file that caught it; undefined: it survived. */
  readonly by: string | undefined;
  /** The test in that file; undefined too if the file hung or did not load. */
  readonly test: string | undefined;
  readonly ran: number;
}

/** The files that fail or hang, of which `jobs` run at once. */
export async function failing(
  tests: readonly string[],
  mutant: Runner,
  jobs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  const left = tests.values();
  const work = async (): Promise<void> => {
    for (const path of left) {
      const { kind } = await mutant.test(path, signal);
      signal.throwIfAborted();
      if (kind !== "passed") found.push(path);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return found;
}

/** Tests that fail without any mutation do not count: each is tried once, when it first matters. */
export class CleanRuns {
  readonly #runner: Runner;
  readonly #times = new Map<string, Promise<number | undefined>>();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** @returns how many ms the file takes; undefined: it does not pass */
  async time(path: string): Promise<number | undefined> {
    let known = this.#times.get(path);
    if (known === undefined) {
      known = this.#run(path);
      this.#times.set(path, known);
    }
    return known;
  }

  async #run(path: string): Promise<number | undefined> {
    const startedAt = performance.now();
    // Never broken off, since its answer is kept.
    const { kind } = await this.#runner.test(path, new AbortController().signal);
    return kind === "passed" ? performance.now() - startedAt : undefined;
  }

  /** The files that failed without a mutation. */
  async failing(): Promise<string[]> {
    const all = await Promise.all([...this.#times].map(async ([path, it]) => [path, await it]));
    return all.flatMap(([path, time]) => (time === undefined ? [String(path)] : [])).toSorted();
  }
}

/**
 * A mutant is caught by a file that fails twice with it, or hangs, and passes without.
 * @param jobs how many files run at once
 */
export async function judge(
  tests: readonly string[],
  mutant: Runner,
  clean: CleanRuns,
  jobs: number,
  signal: AbortSignal,
): Promise<Verdict> {
  const done = new AbortController();
  const either = AbortSignal.any([done.signal, signal]);
  let verdict: Verdict | undefined;
  let ran = 0;
  const left = tests.values();
  const work = async (): Promise<void> => {
    for (const path of left) {
      if (either.aborted) return;
      ran += 1;
      const first = await mutant.test(path, either);
      if (first.kind === "passed" || either.aborted) continue;
      const time = await clean.time(path);
      if (time === undefined) continue;
      if (first.kind === "hung" && time > FILE_MS / SLOWER) continue;
      // A file that hangs had so much time that a second try would tell no more.
      const second = first.kind === "hung" ? first : await mutant.test(path, either);
      if (second.kind === "passed" || either.aborted) continue;
      verdict = { by: path, test: second.kind === "failed" ? second.test : undefined, ran };
      done.abort();
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  signal.throwIfAborted();
  return verdict ?? { by: undefined, test: undefined, ran };
}
