/**
 * The failures of a run, for the reader of a log of which only the end was kept: `bun run test` and `check` print them
 * just before their sum. The runner's own lines are no source for it: with several workers, an error and the name of
 * its test stand far apart. Its report in JUnit's form has them together, with the file and the line.
 */

export interface Failure {
  /** A file with its line, or a step that is no test */
  readonly where: string;
  readonly name: string;
  readonly error: string;
}

/** Failures that are shown. A run with more has one cause, or needs its whole log. */
const MOST_SHOWN = 30;
/** Lines of an error: the message of a comparison, and where it was. */
const MOST_LINES = 16;
/** Characters of a line */
const MOST_WIDTH = 240;

/** The tests that failed according to a report of `bun test --reporter=junit`. */
export function failedTests(report: string): Failure[] {
  const failed: Failure[] = [];
  for (const [, tag, inside] of report.matchAll(/<testcase ([^>]*[^/])>(.*?)<\/testcase>/gs)) {
    const failure = /<failure ([^>]*?)(?:\/>|>(.*?)<\/failure>)/s.exec(inside ?? "");
    if (tag === undefined || failure === null) continue;
    const [, why, text] = failure;
    const line = attribute(tag, "line");
    // The runner names the innermost group first.
    const groups = attribute(tag, "classname").split(" > ").toReversed();
    const name = [...groups, attribute(tag, "name")].filter((part) => part !== "").join(" > ");
    failed.push({
      where: `${attribute(tag, "file")}${line === "" ? "" : `:${line}`}`,
      name,
      error: text === undefined ? attribute(why ?? "", "message") : plain(text),
    });
  }
  return failed;
}

/** Errors of a run whose report names no test for them, as of a file that does not load. */
export function errorsOutsideTests(output: string): string {
  const lines = Bun.stripANSI(output).split("\n");
  return lines.filter((line) => /^(?:error|panic|✗)/.test(line)).join("\n");
}

/** The last lines of an output */
export function lastLines(output: string): string {
  return Bun.stripANSI(output).trimEnd().split("\n").slice(-MOST_LINES).join("\n");
}

/** Text for the end of a log; empty if nothing failed. */
export function describeFailures(failed: readonly Failure[]): string {
  if (failed.length === 0) return "";
  const shown = failed.slice(0, MOST_SHOWN).map(({ where, name, error }) => {
    const lines = error
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(0, MOST_LINES);
    return [`${where}: ${name}`, ...lines.map((line) => `    ${line}`)]
      .map((line) => (line.length > MOST_WIDTH ? `${line.slice(0, MOST_WIDTH)}…` : line))
      .join("\n");
  });
  const more = failed.length - shown.length;
  if (more > 0) shown.push(`and ${more} more`);
  return ["# failed", ...shown].join("\n");
}

function attribute(tag: string, name: string): string {
  return plain(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(tag)?.[1] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
};

function plain(xml: string): string {
  return xml.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(String(hex), 16));
    return ENTITIES[String(name)] ?? whole;
  });
}
