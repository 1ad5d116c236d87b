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
  if (shares.size !== senders.length) {
    throw new Violation(`${shares.size} entries for ${senders.length} shares`);
  }
  const alive = world.relays.map(({ id }) => id).toSorted();
  const since = world.clock.now - HEARD_MS;
  const heard = [...relays].filter(([, { at }]) => at > since).map(([id]) => id);
  if (alive.join(" ") !== heard.toSorted().join(" ")) {
    throw new Violation(`the directory has relays ${heard.join(" ")}`);
  }
  for (const relay of world.relays) {
    checkReading(senders, relay);
    checkLinks(senders, relay);
    const owned = [...relay.local.values()].filter(({ socket }) => socket !== undefined).length;
    if (relay.book.counts.owned !== owned) throw new Violation(`${relay.id} owns ${owned}`);
  }
}

function checkReading(senders: readonly SimSender[], relay: SimRelay): void {
  for (const { key, channel, relay: owner } of senders) {
    if (owner === relay || !relay.hasReceivers(channel)) continue;
    const link = relay.links.get(relay.local.get(key)?.link);
    if (link?.relay === owner?.id) continue;
    throw new Violation(`${relay.id} has receivers of ${key} and does not read it`);
  }
}

/** One to each owner. Those for receivers that left are kept for a while. */
function checkLinks(senders: readonly SimSender[], relay: SimRelay): void {
  const links = [...relay.links.all].map(({ channel, relay: id }) => `${channel} at ${id}`);
  const owned = new Set(senders.map((each) => `${each.channel} at ${each.relay?.id}`));
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
