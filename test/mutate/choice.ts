/** The sites that a seed takes: some of each room, in proportion to its lines. */
import type { Kind } from "./operators.ts";
import type { Site } from "./sites.ts";

/**
 * How often a kind is taken, against its number of sites: kinds that programs are full of would
 * leave little room for others.
 */
const WEIGHTS: Readonly<Record<Kind, number>> = {
  comparison: 1.5,
  arithmetic: 2,
  logic: 1.5,
  condition: 1.5,
  statement: 1,
  exit: 1,
  await: 0.5,
  number: 0.5,
  boolean: 0.5,
  call: 2,
};

/** Shares `count` out over rooms in proportion to their lines, at least one to each. */
export function quotas(lines: ReadonlyMap<string, number>, count: number): Map<string, number> {
  const total = [...lines.values()].reduce((sum, each) => sum + each, 0);
  const parts = [...lines].map(([room, each]) => {
    const exact = (count * each) / total;
    const whole = Math.max(1, Math.floor(exact));
    return { room, whole, rest: exact - whole };
  });
  let left = count - parts.reduce((sum, { whole }) => sum + whole, 0);
  for (const part of parts.toSorted((a, b) => b.rest - a.rest)) {
    if (left <= 0) break;
    part.whole += 1;
    left -= 1;
  }
  return new Map(parts.map(({ room, whole }) => [room, whole]));
}

export const roomOf = (path: string): string => path.split("/")[0] ?? "";

/**
 * All sites in the order in which a seed takes them. A site's rank comes from its text and kind alone:
 * it stays where files move, and where other code comes and goes.
 */
export function inOrder(sites: readonly Site[], seed: string): Site[] {
  const copies = new Map<string, number>();
  const ranked = sites
    .toSorted((a, b) => compare(a.context, b.context))
    .map((site) => {
      const key = [seed, site.kind, site.ordinal, site.before, site.statement].join("\n");
      const copy = copies.get(key) ?? 0;
      copies.set(key, copy + 1);
      return { site, rank: rankOf(`${copy}\n${key}`, WEIGHTS[site.kind]) };
    });
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ site }) => site);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Weighted sampling without replacement (Efraimidis and Spirakis): the smallest ranks are taken. */
function rankOf(key: string, weight: number): number {
  const hash = Bun.hash.xxHash64(key) >> 11n;
  const chance = (Number(hash) + 1) / 2 ** 53;
  return -Math.log(chance) / weight;
}
