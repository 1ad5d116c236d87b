/** A comparison as text for a terminal. */
import type { Compared, Peer, Spread } from "./comparison.ts";

export function guardTable(compared: readonly Compared[]): string {
  const peers = [...new Set(compared.flatMap((each) => each.peers.map(({ name }) => name)))];
  const titles = ["row", "figure", "before", "after", "after/before", ...peers, ""];
  const rows = compared.map((each) => [
    each.row,
    `${each.figure}, ${each.unit}`,
    value(each.before),
    value(each.after),
    spread(each.ratio),
    ...peers.map((name) => peer(each.peers.find((one) => one.name === name))),
    each.worse === undefined ? "" : `! ${each.worse}`,
  ]);
  const all = [titles, ...rows];
  const widths = titles.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, at) => (at < 2 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Of a peer: its own value, and ours as a multiple of it. */
function peer(of: Peer | undefined): string {
  if (of === undefined) return "-";
  return `${value(of.value)} (x${of.ratio === undefined ? "-" : figure(of.ratio.median)})`;
}

function spread(ratio: Spread | undefined): string {
  if (ratio === undefined) return "-";
  const { median, least, most } = ratio;
  return `${figure(median)} (${figure(least)}-${figure(most)})`;
}

function value(of: number | undefined): string {
  return of === undefined ? "-" : of >= 100 ? of.toFixed(0) : String(Number(of.toPrecision(3)));
}

function figure(of: number): string {
  return of >= 100 ? of.toFixed(0) : of.toFixed(2);
}
