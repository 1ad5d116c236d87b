/** The check of `doctor` in the local network: announced relays, and whether a firewall is in the way. */
import type { Survey, SurveyedPlace } from "../../discovery/survey.ts";
import { shownAddress } from "../../connection/relay-address.ts";
import { findings, type Finding } from "./machine.ts";

const OTHERWISE = "Without it, receivers need --relay with the address that the sender shows.";

export function networkFindings({ places, relays, troubles }: Survey): Finding[] {
  const { fine, warning } = findings("network");
  const found: Finding[] = troubles
    .slice(0, places.length + 1)
    .map((one) => warning(one, OTHERWISE));
  if (places.length === 0) {
    found.push(
      warning("No interface leads to other machines", "Connect this machine to a network."),
    );
    return found;
  }
  const unbound = places.filter(({ isBound }) => !isBound);
  const deaf = places.filter(({ isBound, isHeard }) => isBound && !isHeard);
  const good = places.filter(({ isBound, isHeard }) => isBound && isHeard);
  if (unbound.length > 0) {
    found.push(
      warning(
        `Another program has UDP port 5353 for itself (${named(unbound)}), so no relay can be announced`,
        `ss -ulpn 'sport = :5353' names it. ${OTHERWISE}`,
      ),
    );
  }
  if (deaf.length > 0) {
    found.push(
      warning(
        `Multicast does not come back (${named(deaf)}); a firewall is likely in the way`,
        `Let UDP port 5353 in: ufw allow 5353/udp, or firewall-cmd --add-service=mdns. ${OTHERWISE}`,
      ),
    );
  }
  if (good.length > 0) found.push(fine(`Relays can be found and announced (${named(good)})`));
  const list = relays.map(shownAddress).join(", ");
  found.push(fine(list === "" ? "No relay announces itself" : `Announced relays: ${list}`));
  return found;
}

function named(places: readonly SurveyedPlace[]): string {
  const families = new Map<string, string[]>();
  for (const { name, family } of places) {
    families.set(name, [...(families.get(name) ?? []), `IPv${family}`]);
  }
  return [...families].map(([name, list]) => `${name} ${list.join(" and ")}`).join(", ");
}
