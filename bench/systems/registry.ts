/** All systems by name. */
import type { SystemName } from "../result.ts";
import { fileshare } from "./fileshare.ts";
import { naive } from "./naive.ts";
import type { System } from "./system.ts";

const systems = new Map<SystemName, System>([fileshare, naive].map((each) => [each.name, each]));

export function systemOf(name: SystemName): System {
  const found = systems.get(name);
  if (found === undefined) throw new RangeError(`no system ${name}`);
  return found;
}

/** Takes the place of one: `--relay` is a fileshare that runs elsewhere. */
export function replaceSystem(system: System): void {
  systems.set(system.name, system);
}
