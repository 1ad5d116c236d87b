/** Finds a site of one tree in another, where code was moved, renamed or rewritten between the two. */
import type { Site } from "./sites.ts";

/** What is kept of a site to find it again. */
export type Wanted = Pick<
  Site,
  "path" | "kind" | "before" | "after" | "statement" | "ordinal" | "context"
>;

export interface Found {
  readonly site: Site;
  /** From 0 to 1; 1 is the very same statement. */
  readonly likeness: number;
}

/** Below this a statement is another one. Measured: what was moved and renamed is above 0.9. */
const ALIKE = 0.7;
/** Below this the function around it is another one, even if it has the very same statement. */
const AT_HOME = 0.4;

/** The site most like the wanted one, if it is like enough. */
export function find(wanted: Wanted, sites: readonly Site[]): Found | undefined {
  const context = words(wanted.context);
  const statement = words(wanted.statement);
  const shape = shapeOf(wanted.statement);
  const basename = wanted.path.split("/").at(-1);
  let best: Found | undefined;
  let bestScore = 0;
  for (const site of sites) {
    if (site.kind !== wanted.kind || shapeOf(site.before) !== shapeOf(wanted.before)) continue;
    const isSame = site.statement === wanted.statement && site.ordinal === wanted.ordinal;
    const hasShape = site.ordinal === wanted.ordinal && shapeOf(site.statement) === shape;
    const ofStatement = hasShape ? 1 : overlap(statement, words(site.statement));
    if (!isSame && ofStatement < ALIKE) continue;
    const ofContext = overlap(context, words(site.context));
    if (ofContext < AT_HOME) continue;
    const likeness = isSame ? 1 : (ofStatement + ofContext) / 2;
    // Of equal ones, the one in the most similar function of a file of that name.
    const named = site.path.split("/").at(-1) === basename ? 0.1 : 0;
    const score = (isSame ? 1 : 0) + likeness + ofContext + named;
    if (likeness < ALIKE || score <= bestScore) continue;
    best = { site, likeness };
    bestScore = score;
  }
  return best;
}

/** The statement with each name as `x`: renaming leaves it as it is. */
function shapeOf(text: string): string {
  return text.replaceAll(/[A-Za-z_$#][\w$]*/g, "x");
}

function words(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [word] of text.matchAll(/[A-Za-z]+|\d+|[^\sA-Za-z\d]/g)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** Twice the words that both have, of all words (Dice). */
function overlap(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let common = 0;
  let all = 0;
  for (const count of b.values()) all += count;
  for (const [word, count] of a) {
    all += count;
    common += Math.min(count, b.get(word) ?? 0);
  }
  return all === 0 ? 0 : (2 * common) / all;
}
