import type { ClientEvent } from "../job/event-schema.ts";
import { count, shown } from "./format.ts";
import type { Setting } from "./screen.ts";

/** The sentences about a relay that this command carries, and its addresses if they are asked for. */
export function carryingLines(
  { port, wanted, addresses, note }: Extract<ClientEvent, { event: "carrying" }>,
  { listsAddresses = false, lobby }: Setting,
): string[] {
  if (note !== undefined) return [`The relay of this command: ${shown(note)}`];
  const alone = lobby ? "the lobby" : "this code";
  const taken = wanted === undefined ? "" : ` (another program has port ${wanted})`;
  const more = addresses.length - 1;
  const others = `; --addresses lists ${count(more, "more address", "more addresses")}`;
  const about = `This command runs a relay at port ${port}${taken}, for ${alone} alone`;
  if (!listsAddresses) return [more > 0 ? about + others : about];
  return [
    `${about}. Its addresses:`,
    ...addresses.map((one) => `  ${shown(one.relay)}  (${shown(one.interface)})`),
  ];
}
