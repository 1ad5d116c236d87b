/** Runs tests against a mutant until one of them catches it. */
import type { Outcome } from "./copy.ts";

/** A tree in which test files run. */
export interface Bench {
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
  mutant: Bench,
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
  readonly #bench: Bench;
  readonly #passes = new Map<string, Promise<boolean>>();

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async passes(path: string): Promise<boolean> {
    let known = this.#passes.get(path);
    if (known === undefined) {
      // Never broken off, since its answer is kept.
      known = this.#bench
        .test(path, new AbortController().signal)
        .then(({ kind }) => kind === "passed");
      this.#passes.set(path, known);
    }
    return known;
  }

  /** The files that failed without a mutation. */
  async failing(): Promise<string[]> {
    const all = await Promise.all([...this.#passes].map(async ([path, it]) => [path, await it]));
    return all.flatMap(([path, passed]) => (passed === false ? [String(path)] : [])).toSorted();
  }
}

/**
 * A mutant is caught by a file that fails twice with it, or hangs, and passes without.
 * @param jobs how many files run at once
 */
export async function judge(
  tests: readonly string[],
  mutant: Bench,
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
      if (first.kind === "passed" || either.aborted || !(await clean.passes(path))) continue;
      // A file that hangs is given so much time that a second try would tell no more.
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
