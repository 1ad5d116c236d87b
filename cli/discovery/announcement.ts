/**
 * The announcement of a relay as records of DNS-SD (RFC 6763). docs/reference/discovery.md describes it for others.
 *
 *   _fileshare._tcp.local              PTR  <instance>._fileshare._tcp.local
 *   <instance>._fileshare._tcp.local   SRV  <port> <instance>.local
 *   <instance>._fileshare._tcp.local   TXT  v=1 n=<nonce> i0=<ids> i1=<ids> ...
 *   <instance>.local                   A, AAAA
 *
 * The instance is random: it names neither a user nor a machine. Everything that is read here comes
 * from strangers, so `readAnnouncements` believes one strict form and leaves out the rest.
 */
import type { Answer, Packet, StringAnswer } from "dns-packet";
import { isIP } from "node:net";

import { NETWORK_ID_BYTES, NETWORK_NONCE_BYTES } from "../../protocol/crypto/network-id.ts";
import type { NetworkInterface } from "./network-interfaces.ts";

export const SERVICE = "_fileshare._tcp.local";
/** The name by which browsers of DNS-SD list all kinds of services. */
export const ALL_SERVICES = "_services._dns-sd._udp.local";
/** Path of a relay's socket where its announcement names none. */
export const USUAL_PATH = "/ws";

/** s; a relay that was killed is forgotten after it. RFC 6762 has this for records of a host. */
export const RECORD_SECONDS = 120;
/** Ids in one TXT string, which has at most 255 bytes: `i0=` and 11 times 16 characters. */
const IDS_PER_STRING = 11;
const ID_STRINGS = 4;
/** Ids of one announcement: with them and all addresses its packet is below 1,400 bytes, which Ethernet takes in one piece. */
export const IDS_PER_ANNOUNCEMENT = IDS_PER_STRING * ID_STRINGS;
/** Addresses that are believed of one announcement. */
export const ADDRESSES_PER_ANNOUNCEMENT = 4;
/** Announcements that are read from one packet. */
const ANNOUNCEMENTS_PER_PACKET = 4;
/** Characters of an instance's name, which is a label of DNS. */
const INSTANCE_CHARACTERS = 63;

const VERSION = "1";
const ID_CHARACTERS = (NETWORK_ID_BYTES * 4) / 3;
const NONCE_CHARACTERS = Math.ceil((NETWORK_NONCE_BYTES * 4) / 3);
/** At most four steps of plain characters before the name of the socket. */
const PATH = /^(?:\/[\w.~-]{1,32}){0,4}\/ws$/;
const BASE64URL = /^[\w-]*$/;

export interface Announced {
  readonly port: number;
  readonly tls: boolean;
  readonly path: string;
  readonly nonce: Uint8Array;
  readonly ids: readonly Uint8Array[];
}

export interface Announcement extends Announced {
  readonly instance: string;
  /** It says that it ends (TTL 0). */
  readonly isGoodbye: boolean;
  /** As its records say, unchecked beyond their form. */
  readonly addresses: readonly string[];
}

/** The records with which a relay answers on one link. @param flush they replace what a cache has of them */
export function recordsOf(
  instance: string,
  announced: Announced,
  { ipv4, ipv6 }: Pick<NetworkInterface, "ipv4" | "ipv6">,
  { ttl, flush }: { readonly ttl: number; readonly flush: boolean },
): { readonly pointer: StringAnswer; readonly others: Answer[] } {
  const name = `${instance}.${SERVICE}`;
  const host = `${instance}.local`;
  const target = { port: announced.port, target: host, priority: 0, weight: 0 };
  return {
    pointer: { type: "PTR", name: SERVICE, ttl, data: name },
    others: [
      { type: "SRV", name, ttl, flush, data: target },
      { type: "TXT", name, ttl, flush, data: textsOf(announced) },
      ...ipv4.map((data): Answer => ({ type: "A", name: host, ttl, flush, data })),
      ...ipv6.map((data): Answer => ({ type: "AAAA", name: host, ttl, flush, data })),
    ],
  };
}

function textsOf({ nonce, ids, tls, path }: Announced): string[] {
  const texts = [`v=${VERSION}`, `n=${base64url(nonce)}`];
  if (tls) texts.push("t=1");
  if (path !== USUAL_PATH) texts.push(`p=${path}`);
  for (let at = 0; at < ids.length && at < IDS_PER_ANNOUNCEMENT; at += IDS_PER_STRING) {
    const part = ids.slice(at, Math.min(at + IDS_PER_STRING, IDS_PER_ANNOUNCEMENT));
    texts.push(`i${at / IDS_PER_STRING}=${part.map(base64url).join("")}`);
  }
  return texts;
}

/** The announcements of relays in a response; those of another form are left out. */
export function readAnnouncements(packet: Packet): Announcement[] {
  const records = [...(packet.answers ?? []), ...(packet.additionals ?? [])];
  const found: Announcement[] = [];
  for (const record of records) {
    if (found.length >= ANNOUNCEMENTS_PER_PACKET) break;
    if (record.type !== "SRV") continue;
    const instance = instanceOf(record.name);
    const { port, target } = record.data;
    const isPort = Number.isInteger(port) && port > 0 && port <= 65_535;
    if (instance === undefined || !isPort) continue;
    const texts = records.find((one) => one.type === "TXT" && same(one.name, record.name));
    const known = texts?.type === "TXT" ? readTexts(texts.data) : undefined;
    if (known === undefined) continue;
    const isGoodbye = record.ttl === 0;
    const addresses = addressesOf(records, target);
    found.push({ instance, port, ...known, isGoodbye, addresses });
  }
  return found;
}

function addressesOf(records: readonly Answer[], host: string): string[] {
  const found = new Set<string>();
  for (const record of records) {
    if (found.size >= ADDRESSES_PER_ANNOUNCEMENT) break;
    if ((record.type !== "A" && record.type !== "AAAA") || !same(record.name, host)) continue;
    if (isIP(record.data) === (record.type === "A" ? 4 : 6)) found.add(record.data);
  }
  return [...found];
}

function readTexts(data: unknown): Omit<Announced, "port"> | undefined {
  const texts = new Map<string, string>();
  for (const part of Array.isArray(data) ? (data as unknown[]) : [data]) {
    const text = part instanceof Uint8Array ? Buffer.from(part).toString("latin1") : part;
    if (typeof text !== "string") return undefined;
    const [, key, value = ""] = /^([^=]+)=?(.*)$/s.exec(text) ?? [];
    // Of a key that comes twice the first counts (RFC 6763, 6.4).
    if (key !== undefined && !texts.has(key)) texts.set(key, value);
  }
  const path = texts.get("p") ?? USUAL_PATH;
  const nonce = readBytes(texts.get("n"), NONCE_CHARACTERS);
  if (texts.get("v") !== VERSION || nonce === undefined || !PATH.test(path)) return undefined;
  const ids: Uint8Array[] = [];
  for (let at = 0; at < ID_STRINGS; at++) {
    const text = texts.get(`i${at}`) ?? "";
    for (let from = 0; from + ID_CHARACTERS <= text.length; from += ID_CHARACTERS) {
      const id = readBytes(text.slice(from, from + ID_CHARACTERS), ID_CHARACTERS);
      if (id !== undefined) ids.push(id);
    }
  }
  return { nonce, ids, path, tls: texts.get("t") === "1" };
}

function readBytes(text: string | undefined, characters: number): Uint8Array | undefined {
  if (text?.length !== characters || !BASE64URL.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, "base64url"));
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function instanceOf(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (!lower.endsWith(`.${SERVICE}`)) return undefined;
  const instance = lower.slice(0, -SERVICE.length - 1);
  return instance.length > 0 && instance.length <= INSTANCE_CHARACTERS ? instance : undefined;
}

/** Whether two texts are one name of DNS. */
export function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
