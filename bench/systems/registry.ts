/** All systems by name. */
import type { SystemName } from "../result.ts";
import type { System } from "./system.ts";

const systems = new Map<SystemName, System>();

/** Each system's file is imported and added here. */
function add(system: System): void {
  systems.set(system.name, system);
}

export function systemOf(name: SystemName): System {
  const found = systems.get(name);
  if (found === undefined) throw new RangeError(`no system ${name}`);
  return found;
}

/** Takes the place of one: `--relay` is a fileshare that runs elsewhere. */
export const replaceSystem = add;
