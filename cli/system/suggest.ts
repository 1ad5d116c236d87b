import { editDistance } from "../../protocol/code/edit-distance.ts";

/** The candidate that was probably meant: one that the input begins, or few slips away. */
export function suggest(input: string, candidates: readonly string[]): string | undefined {
  const typed = input.toLowerCase();
  if (typed.length > 40) return undefined;
  const begun = typed.length < 2 ? [] : candidates.filter((name) => name.startsWith(typed));
  if (begun.length === 1) return begun[0];
  const slips = Math.max(1, Math.floor(typed.length / 3));
  const near = candidates
    .map((name) => ({ name, distance: editDistance(typed, name) }))
    .filter(({ name, distance }) => distance <= slips && distance < name.length)
    .toSorted((a, b) => a.distance - b.distance);
  return near[0]?.name;
}
