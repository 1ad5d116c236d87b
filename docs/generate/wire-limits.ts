/** The limits of `protocol/wire/limits.ts` with the unit and the reason that stand in their comments. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as values from "../../protocol/wire/limits.ts";

export interface WireLimit {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly reason: string;
}

const SOURCE = readFileSync(join(import.meta.dir, "../../protocol/wire/limits.ts"), "utf8");
const COMMENTED = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport const (\w+) =/g;
const UNIT = /^(bytes|bytes\/s|records|items|characters|ms|s|attempts): (.+)$/;

/** In the order of the file. @throws Error for a limit without a unit or a reason */
export const wireLimits: readonly WireLimit[] = [...SOURCE.matchAll(COMMENTED)].map(
  ([, comment = "", name = ""]) => {
    const text = comment.replaceAll(/\s*\n \*\s?/g, " ").trim();
    const [, unit, reason] = UNIT.exec(text) ?? [];
    const value = (values as Readonly<Record<string, number>>)[name];
    if (unit === undefined || reason === undefined || value === undefined) {
      throw new Error(`${name} has no unit and reason in its comment`);
    }
    return { name, value, unit, reason };
  },
);

const uncommented = Object.keys(values).filter(
  (name) => !wireLimits.some((limit) => limit.name === name),
);
if (uncommented.length > 0) throw new Error(`limits without a comment: ${uncommented.join(", ")}`);
