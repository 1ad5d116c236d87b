/** Figures and text of the page. Whatever comes from a result file passes through here. */

export const KIB = 1024;
export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;

/** The number itself; undefined for what is none, also when a file has something else in its place. */
export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** Three digits that count: `0.0420`, `4.21`, `421`, `42,100`; a whole number as it is. */
export function figure(value: unknown): string {
  const known = number(value);
  if (known === undefined) return "–";
  if (Number.isInteger(known) || Math.abs(known) >= 100) {
    return Math.round(known).toLocaleString("en-GB");
  }
  return Math.abs(known) < 0.001 ? known.toExponential(1) : known.toPrecision(3);
}

/** A whole number of bytes in the largest unit that keeps it above 1: `64 MiB`. */
export function bytes(value: unknown): string {
  const known = number(value);
  if (known === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let rest = known;
  while (rest >= KIB && unit < units.length - 1) {
    rest /= KIB;
    unit += 1;
  }
  return `${figure(rest)} ${units[unit]}`;
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for an element's content or a quoted attribute. */
export function escape(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** JSON that can stand inside a `script` element. */
export function embedded(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
