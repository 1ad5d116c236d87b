/** Invariants of a cluster when its faults ended, and when all its clients have left. */
import { Violation } from "../world.ts";
import type { ClusterWorld, SimSender } from "./cluster.ts";
import { blinded, type SimRelay } from "./relay.ts";

/** Relays that are alive say so more often. ms */
const HEARD_MS = 30_000;

/** Each share is owned where its sender is, and read from there alone. */
export function checkSettled(world: ClusterWorld): void {
  const { shares, relays } = world.directory;
  const senders = world.senders.filter(({ isOver }) => !isOver);
  for (const { key, channel, relay, socket, isAccepted } of senders) {
    const owner = shares.get(`${blinded(channel)}.${blinded(key)}`)?.value.relay;
    if (!isAccepted || relay === undefined) throw new Violation(`${key} has no relay`);
    if (owner !== relay.id) throw new Violation(`${key} is at ${relay.id}, owned by ${owner}`);
    const holders = world.relays.filter(({ local }) => local.get(key)?.socket !== undefined);
    if (holders.length !== 1) throw new Violation(`${key} is at ${holders.length} relays`);
    if (relay.local.get(key)?.socket !== socket) throw new Violation(`${key} has another socket`);
  }
  checkEntries(world, senders);
  const alive = world.relays.map(({ id }) => id).toSorted();
  const since = world.clock.now - HEARD_MS;
  const heard = [...relays].filter(([, { at }]) => at > since).map(([id]) => id);
  if (alive.join(" ") !== heard.toSorted().join(" ")) {
    throw new Violation(`the directory has relays ${heard.join(" ")}`);
  }
  for (const relay of world.relays) {
    checkReading(world, relay);
    checkLinks(world, relay);
    const owned = [...relay.local.values()].filter(({ isClaimed }) => isClaimed).length;
    if (relay.book.counts.owned !== owned) throw new Violation(`${relay.id} owns ${owned}`);
  }
}

/** An entry for each share that a sender or a store has, and for no other. */
function checkEntries(world: ClusterWorld, senders: readonly SimSender[]): void {
  const { shares } = world.directory;
  const due = new Set(senders.map(({ key, channel }) => nameOf(key, channel)));
  for (const { id, disk, quiet } of world.relays) {
    for (const { key, channel, place } of disk.values()) {
      const name = nameOf(key, channel);
      due.add(name);
      const { relay, stored, place: named } = shares.get(name)?.value ?? {};
      if (relay === undefined) throw new Violation(`${key}, which ${id} keeps, has no entry`);
      const isMine = relay === id;
      if (isMine && (stored !== "disk" || named !== `=${place}`)) {
        throw new Violation(`the entry of ${key} does not say that ${id} keeps it`);
      }
      if (isMine === quiet.has(key)) throw new Violation(`${id} is wrong about ${key}: ${relay}`);
    }
  }
  for (const [name, { value }] of shares) {
    if (!due.has(name)) throw new Violation(`${name} is an entry of ${value.relay} for no share`);
    const owner = world.relayOf(value.relay);
    const has = owner?.disk.has(keyIn(name)) === true || owner?.local.has(keyIn(name)) === true;
    if (!has) throw new Violation(`${name} is owned by ${value.relay}, which does not have it`);
  }
  if (shares.size !== due.size)
    throw new Violation(`${shares.size} entries for ${due.size} shares`);
}

function nameOf(key: string, channel: string): string {
  return `${blinded(channel)}.${blinded(key)}`;
}

/** As `blinded` made them. */
function keyIn(name: string): string {
  return name.split(".")[1]?.slice(1) ?? "";
}

function channelIn(name: string): string {
  return name.split(".")[0]?.slice(1) ?? "";
}

function checkReading(world: ClusterWorld, relay: SimRelay): void {
  for (const [name, { value }] of world.directory.shares) {
    const key = keyIn(name);
    const owner = world.relayOf(value.relay);
    if (owner === relay || !relay.hasReceivers(channelIn(name))) continue;
    const isServed = owner?.local.get(key)?.socket !== undefined || owner?.serves(key) === true;
    const link = relay.links.get(relay.local.get(key)?.link);
    if (!isServed || link?.relay === owner?.id) continue;
    throw new Violation(`${relay.id} has receivers of ${key} and does not read it`);
  }
}

/** One to each owner. Those for receivers that left are kept for a while. */
function checkLinks({ directory }: ClusterWorld, relay: SimRelay): void {
  const links = [...relay.links.all].map(({ channel, relay: id }) => `${channel} at ${id}`);
  const owned = new Set(
    [...directory.shares].map(([name, { value }]) => `${channelIn(name)} at ${value.relay}`),
  );
  const isOne = new Set(links).size === links.length && links.every((each) => owned.has(each));
  if (!isOne) throw new Violation(`${relay.id} has links ${links.join(", ")}`);
}

export function checkEmpty({ directory, relays: all }: ClusterWorld): void {
  if (directory.shares.size > 0) throw new Violation("entries of shares are left");
  for (const { book, id, links, local } of all) {
    const kept = Object.entries(book.left).filter(([, count]) => count !== 0);
    if (kept.length > 0) throw new Violation(`${id} keeps ${JSON.stringify(kept)}`);
    const { shares, owned, relays } = book.counts;
    const isEmpty = shares + owned + [...links.all].length + local.size === 0;
    if (!isEmpty) throw new Violation(`${id} is not empty`);
    if (relays !== all.length) throw new Violation(`${id} knows ${relays} relays`);
  }
}
