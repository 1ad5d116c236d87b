/**
 * Whether a send or a receive needs a relay of its own: it does where none is named, none for everybody answers on this
 * machine, and, for a code that others have already, none serves it here or in the local network.
 */
import { isLobby, type Code } from "../../protocol/code/code.ts";
import { firstRelay } from "../connection/find-relay.ts";
import type { RelayChoice } from "../connection/relay-choice.ts";
import { endpointOf } from "../connection/relay-address.ts";
import { masterBeside } from "../job/job-keys.ts";
import { usage } from "../arguments/command-line.ts";
import { startCarried, type CarriedRelay } from "./carried-relay.ts";
import { servingRelay } from "./serving-relay.ts";

/** On this machine a relay answers at once; another program may accept and say nothing. ms */
const LOOK_MS = 1000;

export interface CarryWish {
  /** The relay that options, environment, configuration or the text with the code name; else that of this machine. */
  readonly named: RelayChoice;
  readonly code: Code;
  /** `--carry` or `--port`: start one, whatever else is there. */
  readonly insists: boolean;
  /** The port that has to be. */
  readonly port: number | undefined;
  /** The port that is tried first. */
  readonly wanted: number | undefined;
  /** Others have the code already, so one of them may carry a relay for it. */
  readonly isShared: boolean;
  /** The share is to be stored, which a relay in this process can't do. */
  readonly stores: boolean;
}

export interface RelayToUse {
  readonly relay: RelayChoice;
  /** Of the code, if it was needed. */
  readonly master?: string;
  /** The relay in this process; undefined: another is used. */
  readonly carried?: CarriedRelay;
}

/** @throws FaultError as `startCarried` */
export async function relayOrCarry(wish: CarryWish): Promise<RelayToUse> {
  const { named, code, insists, port, isShared } = wish;
  if (!insists && (await takesEverybody(named.address))) {
    return { relay: { ...named, route: "this-machine" } };
  }
  const deriving = masterBeside(code);
  if (isShared && !insists) {
    const master = await deriving;
    const relay = await servingRelay(master, named);
    if (relay !== undefined) return { relay, master };
  }
  if (wish.stores) {
    throw usage(
      "--store needs a relay with a store, and no relay was found; name one with --relay",
    );
  }
  const before = named.route === "carried" ? endpointOf(named.address).port : undefined;
  // Beside scrypt, which takes as long.
  const starting = startCarried({
    exact: port,
    wanted: before ?? wish.wanted,
    lobby: isLobby(code),
  });
  const [master, carried] = await Promise.all([deriving, starting]);
  return { relay: carried.choice, master, carried };
}

async function takesEverybody(address: string): Promise<boolean> {
  const found = await firstRelay([address], undefined, LOOK_MS, true);
  return found.address !== undefined;
}
