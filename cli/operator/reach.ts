/** The addresses at which other machines reach a relay that listens at every address of this one. */
import { isIPv6 } from "node:net";

import { answers } from "../connection/relay-address.ts";
import { inUrl, ownAddresses } from "../connection/own-addresses.ts";

const SIX_ALONE =
  "Other machines do not reach it: this one has IPv6 alone, for which --host :: listens";

/** Sentences that say where a relay at a wildcard is reached. */
export async function reachNotes(
  hostname: string,
  scheme: string,
  port: number,
): Promise<string[]> {
  const list = (hosts: readonly string[]): string =>
    hosts.map((host) => `${scheme}//${inUrl(host)}:${port}`).join(" or ");
  if (hostname !== "0.0.0.0" && hostname !== "::") return [];
  const all = await ownAddresses();
  const [four, six] =
    hostname === "::"
      ? await Promise.all([answers("127.0.0.1", port), answers("::1", port)])
      : [true, false];
  const hosts = all.filter((host) => (isIPv6(host) ? six : four));
  const notes = hosts.length === 0 ? [] : [`From other machines: ${list(hosts)}`];
  if (hostname === "0.0.0.0") {
    return hosts.length > 0 || all.length === 0 ? notes : [SIX_ALONE];
  }
  if (!four) notes.push("It takes IPv6 alone; --host 0.0.0.0 listens for IPv4");
  if (!six) {
    notes.push(`It takes IPv4 alone, as this machine has no IPv6: here at ${list(["127.0.0.1"])}`);
  }
  return notes;
}
