/** The test files near a source file: those that reach it by the fewest imports. */
import { posix } from "node:path";

/** The files that each file of the repository imports or names, by path. */
export type Imports = ReadonlyMap<string, ReadonlySet<string>>;

/** @param files all paths, with what {@link namedFiles} found in each */
export function importsOf(files: ReadonlyMap<string, readonly string[]>): Imports {
  return new Map(
    [...files].map(([path, names]) => {
      const targets = names.map((name) => targetOf(path, name, files));
      return [path, new Set(targets.filter((target) => target !== undefined))];
    }),
  );
}

function targetOf(
  from: string,
  name: string,
  files: ReadonlyMap<string, unknown>,
): string | undefined {
  if (name === "fileshare") return "cli/mod.ts";
  const beside = posix.join(posix.dirname(from), name);
  if (files.has(beside)) return beside;
  // Tests also name scripts from the root, which they put before it.
  const fromRoot = posix.normalize(name).replace(/^(?:\.\.)?\//, "");
  return files.has(fromRoot) ? fromRoot : undefined;
}

export const isTest = (path: string): boolean => path.endsWith(".test.ts");

/**
 * All test files: the nearest first; of equally near ones the one that reaches least, which says
 * most about the file. Those that do not reach it come last.
 */
export function testsByDistance(path: string, imports: Imports): string[] {
  const distances = distancesFrom(path, reversed(imports));
  const tests = [...imports.keys()].filter(isTest).map((test) => {
    const distance = distances.get(test) ?? Infinity;
    return { test, distance, reach: distancesFrom(test, imports).size };
  });
  return tests
    .toSorted(
      (a, b) =>
        (a.distance === b.distance ? 0 : a.distance - b.distance) ||
        a.reach - b.reach ||
        a.test.localeCompare(b.test),
    )
    .map(({ test }) => test);
}

/** Puts the file first that has the test which caught the mutant in another tree, or else its name. */
export function catcherFirst(
  tests: readonly string[],
  past: { readonly by: string | null; readonly test: string | null } | undefined,
  texts: ReadonlyMap<string, string>,
): string[] {
  const name = past?.by && posix.basename(past.by);
  const title = past?.test?.split(" > ").at(-1);
  const rank = (path: string): number => {
    if (title !== undefined && texts.get(path)?.includes(title) === true) return 0;
    return posix.basename(path) === name ? 1 : 2;
  };
  return tests.toSorted((a, b) => rank(a) - rank(b));
}

function reversed(imports: Imports): Imports {
  const result = new Map<string, Set<string>>();
  for (const [from, targets] of imports) {
    for (const to of targets) {
      const sources = result.get(to) ?? new Set();
      result.set(to, sources.add(from));
    }
  }
  return result;
}

function distancesFrom(path: string, imports: Imports): Map<string, number> {
  const distances = new Map([[path, 0]]);
  // A map can be added to while it is walked: this is the queue, too.
  for (const [at, distance] of distances) {
    for (const next of imports.get(at) ?? []) {
      if (!distances.has(next)) distances.set(next, distance + 1);
    }
  }
  return distances;
}
