/** A look at the local networks for `doctor`: relays that announce themselves, and whether multicast comes through. */
import { setTimeout as sleep } from "node:timers/promises";

import { SERVICE } from "./announcement.ts";
import { MulticastSockets, type Place } from "./multicast-sockets.ts";
import { announcementsIn, relaysOf } from "./seeker.ts";

/** Relays answer within 120 ms, or a second after their last answer. ms */
const LISTEN_MS = 1300;
/** Relays that are listed; a person reads a few. */
const RELAYS = 16;

const RESPONSE_BIT = 0x80;
const NEEDLE = Buffer.from("_fileshare");

export interface SurveyedPlace {
  /** Of the interface. */
  readonly name: string;
  readonly family: 4 | 6;
  /** Port 5353 is shared with the other responders of this machine. */
  readonly isBound: boolean;
  /** Its own question came back, as the system gives it to all who listen. */
  readonly isHeard: boolean;
}

export interface Survey {
  readonly places: readonly SurveyedPlace[];
  /** Addresses of announced relays, whatever their channels. */
  readonly relays: readonly string[];
  readonly troubles: readonly string[];
}

export async function survey(): Promise<Survey> {
  const heard = new Set<Place>();
  const relays = new Set<string>();
  const troubles: string[] = [];
  // It tells its own question from those of other programs.
  const id = 1 + Math.floor(Math.random() * 65_534);
  const ask = (place: Place): void =>
    void sockets.send(
      () => ({ type: "query", id, questions: [{ type: "PTR", name: SERVICE }] }),
      place,
    );
  const sockets = new MulticastSockets({
    wants: (bytes) => (bytes[2]! & RESPONSE_BIT) === 0 || bytes.includes(NEEDLE),
    packet: (packet, from, place) => {
      if (packet.type === "query") {
        if (packet.id === id) heard.add(place);
        return;
      }
      for (const one of announcementsIn(packet)) {
        if (one.isGoodbye) continue;
        for (const { address } of relaysOf(one, from, place)) {
          if (relays.size < RELAYS) relays.add(address);
        }
      }
    },
    opened: ask,
    trouble: (sentence) => troubles.push(sentence),
  });
  await sleep(LISTEN_MS);
  const places = sockets.places.map((place) => ({
    name: place.at.name,
    family: place.family,
    isBound: place.isBound,
    isHeard: heard.has(place),
  }));
  await sockets.close();
  return { places, relays: [...relays], troubles };
}
