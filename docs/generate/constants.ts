/**
 * The values of constants that a document names. A constant stands beside its only use, so nothing
 * exports them together: the source is searched for `const NAME = ...;`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { table } from "./markdown.ts";
import { wireLimits } from "./wire-limits.ts";

const ROOT = join(import.meta.dir, "../..");
/** Numbers and arithmetic alone. */
const DEFINITION = /\bconst ([A-Z]+(?:_[A-Z]+)+) = ([\d_ .*()+-]+);/g;
const TABLES = /<!-- table: \w+ -->[^]*?<!-- end -->/g;
const NAME = /(?<![\w$/])[A-Z]+(?:_[A-Z]+)+\b/g;

function unitOf(name: string): string {
  if (name.endsWith("_MS")) return "ms";
  return /_BYTES(?:_|$)|MEMORY_MOST$/.test(name) ? "bytes" : "";
}

/** A product, a power or a plain number. */
function valueOf(expression: string): number {
  const factors = expression.replaceAll("_", "").split(/(?<!\*)\*(?!\*)/);
  return factors.reduce((product, factor) => {
    const [base = NaN, power = 1] = factor.split("**").map((text) => Number(text.trim()));
    return product * base ** power;
  }, 1);
}

/** The values of all constants in these files, by name. One name with two values is left out. */
function constants(files: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const twice = new Set<string>();
  for (const path of new Bun.Glob(files).scanSync(ROOT)) {
    const text = readFileSync(join(ROOT, path), "utf8");
    for (const [, name = "", expression = ""] of text.matchAll(DEFINITION)) {
      const value = valueOf(expression);
      if (found.has(name) && found.get(name) !== value) twice.add(name);
      found.set(name, value);
    }
  }
  for (const name of twice) found.delete(name);
  return found;
}

/** Of the terminal and the relay, and of the page, which may use the same name for another thing. */
const VALUES = {
  constants: constants("{protocol,relay,cli}/**/*.ts"),
  pageConstants: constants("web/**/*.{ts,tsx}"),
} as const;
export type ConstantTable = keyof typeof VALUES;
const listed = new Set<string>(wireLimits.map(({ name }) => name));

/** Names of constants in the text of a page that the table of limits does not have. */
export function constantsOf(page: string): string[] {
  const names = page.replaceAll(TABLES, "").match(NAME) ?? [];
  return [...new Set(names)].filter((name) => !listed.has(name)).toSorted();
}

export function constantTable(page: string, name: ConstantTable): string {
  const values = VALUES[name];
  return table(
    ["name", "value", "unit"],
    constantsOf(page).flatMap((each) => {
      const value = values.get(each);
      return value === undefined ? [] : [[each, value.toString(), unitOf(each)]];
    }),
  );
}

/** Whether a page may name it: its value is known. */
export function isConstant(name: string, of: ConstantTable): boolean {
  return VALUES[of].has(name);
}
