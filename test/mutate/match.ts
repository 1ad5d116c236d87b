/** Finds a site of one tree in another, where code was moved, renamed or rewritten between the two. */
import type { Site } from "./sites.ts";

/** The facts about a site by which another tree is searched for it. */
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
/** Above this the function is the same but for some names. */
const SAME_FUNCTION = 0.9;

/** The site most like the wanted one, if it is like enough. */
export function find(wanted: Wanted, sites: readonly Site[]): Found | undefined {
  const context = words(wanted.context);
  const statement = words(wanted.statement);
  const shape = shapeOf(wanted.statement);
  const names = new Set(namesOf(wanted.statement));
  const basename = wanted.path.split("/").at(-1);
  const likenessOf = (site: Site): number => {
    const ofWords = overlap(statement, words(site.statement));
    const hasShape = site.ordinal === wanted.ordinal && shapeOf(site.statement) === shape;
    return hasShape ? 0.8 + ofWords / 10 : ofWords;
  };
  let best: Found | undefined;
  let bestScore = 0;
  for (const site of sites) {
    if (site.kind !== wanted.kind || shapeOf(site.before) !== shapeOf(wanted.before)) continue;
    const isSame = site.statement === wanted.statement && site.ordinal === wanted.ordinal;
    const ofStatement = isSame ? 1 : likenessOf(site);
    const ofContext = overlap(context, words(site.context));
    const likeness = isSame ? 1 : (ofStatement + ofContext) / 2;
    if (ofStatement < ALIKE || ofContext < AT_HOME || likeness < ALIKE) continue;
    // `this.a = a` has the shape of `this.b = b`.
    const hasNewNames = !namesOf(site.statement).some((name) => names.has(name));
    if (hasNewNames && ofContext < SAME_FUNCTION) continue;
    // The function says more than a statement that many have: `state.at = now` in a second place.
    const named = site.path.split("/").at(-1) === basename ? 0.05 : 0;
    const score = ofStatement + 2 * ofContext + named;
    if (score <= bestScore) continue;
    best = { site, likeness };
    bestScore = score;
  }
  return best;
}

/** The statement with each name as `x`: renaming leaves it as it is. */
function shapeOf(text: string): string {
  return text.replaceAll(/[A-Za-z_$#][\w$]*/g, "x");
}

const KEYWORDS = new Set(["this", "return", "const", "let", "if", "throw", "new", "await", "void"]);

function namesOf(text: string): string[] {
  return (text.match(/[A-Za-z_$][\w$]*/g) ?? []).filter((name) => !KEYWORDS.has(name));
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
