/** All systems by name. */
import type { SystemName } from "../result.ts";
import { asSystem } from "./carrier.ts";
import { croc } from "./croc.ts";
import {
  fileshare,
  fileshareCopy,
  fileshareLobby,
  fileshareS3,
  fileshareStored,
  fileshareTls,
} from "./fileshare.ts";
import { fileshareCluster } from "./fileshare-cluster.ts";
import { naive } from "./naive.ts";
import { nginx } from "./nginx.ts";
import { original } from "./original.ts";
import { pipingServer } from "./piping-server.ts";
import { sendme } from "./sendme.ts";
import type { System } from "./system.ts";
import { wormhole } from "./wormhole.ts";

const systems = new Map<SystemName, System>(
  [
    fileshare,
    fileshareLobby,
    fileshareCopy,
    fileshareTls,
    fileshareStored,
    fileshareS3,
    fileshareCluster,
    nginx,
    pipingServer,
    original,
    naive,
    ...[croc, wormhole, sendme].map(asSystem),
  ].map((each) => [each.name, each]),
);

export function systemOf(name: SystemName): System {
  const found = systems.get(name);
  if (found === undefined) throw new RangeError(`no system ${name}`);
  return found;
}

/** Takes the place of one: `--relay` is a fileshare that runs elsewhere. */
export function replaceSystem(system: System): void {
  systems.set(system.name, system);
}
