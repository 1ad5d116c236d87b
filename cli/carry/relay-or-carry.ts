/**
 * Whether a send or a receive needs a relay of its own: it does where none is named, none for everybody answers on this
 * machine, and, for a code that others have already, none in the local network announces it.
 */
import { isLobby, type Code } from "../../protocol/code/code.ts";
import { firstRelay } from "../connection/find-relay.ts";
import type { RelayChoice } from "../connection/relay-choice.ts";
import { endpointOf, shownAddress } from "../connection/relay-address.ts";
import { seek } from "../discovery/seeker.ts";
import { channelOfMaster, masterBeside } from "../job/job-keys.ts";
import { startCarried, type CarriedRelay } from "./carried-relay.ts";

/** On this machine a relay answers at once; another program may accept and say nothing. ms */
const LOOK_MS = 1000;
/** A relay answers a question in the network within a fifth of a second; one packet may be lost. ms */
const SEEK_MS = 1500;

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
    const address = await announced(channelOfMaster(master));
    if (address !== undefined) return { relay: foundAt(address), master };
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

/** The address of a relay in the network that announces the channel, and answers. */
async function announced(channel: Uint8Array): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(undefined), SEEK_MS);
  const search = new AbortController();
  const tried = new Set<string>();
  seek(channel, {
    signal: search.signal,
    onFound: ({ address }) => {
      if (tried.has(address) || tried.size >= ADDRESSES_TRIED) return;
      tried.add(address);
      void firstRelay([address], undefined, LOOK_MS).then((found) => {
        if (found.address !== undefined) resolve(address);
      });
    },
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    search.abort();
  }
}

/** Announcements may lie, and each address costs a connection. */
const ADDRESSES_TRIED = 8;

function foundAt(address: string): RelayChoice {
  return { route: "network", address, ca: undefined, args: ["--relay", shownAddress(address)] };
}
