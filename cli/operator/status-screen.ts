/**
 * The overview of a running relay as lines for `fileshare relay status`: a head, then a table of its shares or of the
 * relays of its cluster, cut to the width and height that the caller names. Pure: rates come from two overviews (`ratesBetween`). Names and addresses of
 * other people are escaped here.
 */
import type { RelayCluster, RelayOverview, RelayShare, RelayStore } from "./overview.ts";
import { count, duration, fill, rate, shown, size } from "../screen/format.ts";
import type { Room } from "../screen/receivers.ts";
import type { Style } from "../screen/style.ts";

/** Bytes per second between two overviews; undefined after the first. */
export interface Rates {
  readonly in: number | undefined;
  readonly out: number | undefined;
  /** By the share's number. */
  readonly shares: ReadonlyMap<number, { readonly in: number; readonly out: number }>;
}

export const NO_RATES: Rates = { in: undefined, out: undefined, shares: new Map() };

/** @param before an older overview of the same relay; an overview from before a restart gives no rates */
export function ratesBetween(before: RelayOverview | undefined, now: RelayOverview): Rates {
  const seconds = before === undefined ? 0 : now.at - before.at;
  if (before === undefined || seconds <= 0 || now.uptime < before.uptime) return NO_RATES;
  const per = (later: number, sooner: number): number => Math.max(0, later - sooner) / seconds;
  const old = new Map(before.shares.list.map((share) => [share.number, share]));
  const shares = now.shares.list.flatMap(({ number, bytesIn, bytesOut }) => {
    const known = old.get(number);
    if (known === undefined) return [];
    const rates = { in: per(bytesIn, known.bytesIn), out: per(bytesOut, known.bytesOut) };
    return [[number, rates] as const];
  });
  return {
    in: per(now.bytesIn, before.bytesIn),
    out: per(now.bytesOut, before.bytesOut),
    shares: new Map(shares),
  };
}

const HEADS = ["share", "sender", "receivers", "progress", "in", "out", "log", "age"] as const;
const STORED_HEADS = ["stored", "size", "state", "downloads", "stays"] as const;
const RELAY_HEADS = ["relay", "address", "shares", "heartbeat"] as const;
/** Of an address of IPv6 the end is cut. */
const SENDER_COLUMNS = 22;
const ID_COLUMNS = 16;

export function relayStatusLines(
  url: string,
  overview: RelayOverview,
  rates: Rates,
  room: Room,
  style: Style,
): string[] {
  const head = headLines(url, overview, rates, style);
  const left = Math.max(0, room.lines - head.length - 1);
  const rows = shareLines(overview, rates, left, style);
  const stored = storedLines(overview.store, Math.max(0, left - rows.length - 1), style);
  return fitted([head, rows, stored], room);
}

/** The same head, and the relays of the cluster as this relay knows them. */
export function clusterLines(
  url: string,
  overview: RelayOverview,
  rates: Rates,
  room: Room,
  style: Style,
): string[] {
  const { cluster } = overview;
  const head = headLines(url, overview, rates, style);
  const left = Math.max(0, room.lines - head.length - 1);
  if (cluster === undefined) {
    const none = "This relay is in no cluster. fileshare relay --cluster nats://HOST joins one.";
    return fitted([head, [none]], room);
  }
  const { relays } = cluster;
  const version = relays.find(({ id }) => id === cluster.me)?.version;
  const placeOf = (relay: RelayCluster["relays"][number]): string => {
    if (relay.address === undefined) return "not known";
    const site = relay.site === undefined ? "" : `, ${shown(relay.site)}`;
    const other = relay.isStranger === true ? ", other secret" : "";
    return `${shown(relay.address)}${site}${relay.version === version ? other : ", other version"}`;
  };
  const cells = (relay: RelayCluster["relays"][number]): string[] => [
    shown(relay.id, ID_COLUMNS),
    placeOf(relay),
    `${relay.shares}`,
    relay.id === cluster.me ? "this relay" : `${duration(relay.seen)} ago`,
  ];
  return fitted(
    [head, table(RELAY_HEADS, relays, cells, ["relay", "relays"], relays.length, left, style)],
    room,
  );
}

function fitted([head = [], ...parts]: readonly string[][], { columns, lines }: Room): string[] {
  const all = [...head];
  for (const part of parts) if (part.length > 0) all.push("", ...part);
  return all.slice(0, lines).map((line) => Bun.sliceAnsi(line, 0, columns));
}

function headLines(url: string, overview: RelayOverview, rates: Rates, style: Style): string[] {
  const { bold, dim, green, red, yellow } = style;
  const { workers, lanes, clients, log, memory, delays, shares, bans } = overview;
  const missing = workers.wanted - workers.answering;
  const state = overview.isDraining
    ? yellow("draining")
    : missing > 0
      ? red(`${count(missing, "worker", "workers")} missing`)
      : green("running");
  const speed = (perSecond: number | undefined, all: number): string =>
    perSecond === undefined ? size(all) : `${bold(rate(perSecond))} ${dim(`(${size(all)})`)}`;
  const here = Object.values(clients)
    .flatMap((roles) => Object.values(roles))
    .reduce((sum, each) => sum + each, 0);
  const late = Math.round(Math.max(0, ...delays));
  const own = memory === undefined ? "" : `   memory ${size(memory.own)}`;
  const lines = [
    `${bold("relay")} ${shown(url)}  ${state}  up ${duration(overview.uptime)}, ${count(workers.up, "worker", "workers")}`,
    `out ${speed(rates.out, overview.bytesOut)}   in ${speed(rates.in, overview.bytesIn)}`,
    `${count(shares.all, "share", "shares")}, ${count(here, "client", "clients")}, receivers ${lanesOf(lanes)}`,
    `log ${size(log.held)} of ${size(log.most)}   buffered ${size(overview.buffered)}${own}   late ${late} ms`,
  ];
  if (overview.store !== undefined) lines.push(storeLine(overview.store, red));
  if (overview.cluster !== undefined) lines.push(...clusterHead(overview.cluster, style));
  const over = mostOf(overview.refusals);
  if (over !== "") lines.push(`${yellow("over a limit")} ${over}`);
  const faults = mostOf(overview.faults);
  if (faults !== "") lines.push(`faults ${faults}`);
  if (bans.length > 0) lines.push(count(bans.length, "ban", "bans"));
  return lines;
}

function storeLine({ whole, unfinished, ...store }: RelayStore, red: Style["red"]): string {
  const open = unfinished === 0 ? "" : `, ${unfinished} unfinished`;
  const failed = store.failed === 0 ? "" : `   ${red(`${store.failed} saves failed`)}`;
  const shares = count(whole + unfinished, "share", "shares");
  return `stored ${shares}${open}, ${size(store.bytes)} of ${size(store.most)}   ${count(store.downloads, "download", "downloads")}${failed}`;
}

function clusterHead(cluster: RelayCluster, { green, red }: Style): string[] {
  const { name, me, address, isConnected, since, roundTrip, relays, waiting } = cluster;
  const answers = roundTrip === undefined ? "" : `, answers in ${roundTrip.toFixed(1)} ms`;
  const nats = isConnected
    ? `NATS ${green("connected")} for ${duration(since)}${answers}`
    : `NATS ${red(`away for ${duration(since)}`)}`;
  const claims = waiting === 0 ? "" : `   ${red(count(waiting, "claim waits", "claims wait"))}`;
  const remote = `${cluster.remote} of other relays by ${count(cluster.links, "link", "links")}`;
  return [
    `cluster ${shown(name)}   this relay ${shown(me, ID_COLUMNS)} at ${shown(address)}   ${nats}`,
    `${count(relays.length, "relay", "relays")} with ${count(cluster.shares, "share", "shares")}, here ${cluster.owned} own and ${remote}${claims}`,
  ];
}

function lanesOf({ live, catchUp, paused }: RelayShare["lanes"]): string {
  const parts = [
    live > 0 ? `${live} live` : "",
    catchUp > 0 ? `${catchUp} catching up` : "",
    paused > 0 ? `${paused} paused` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** `too-many 3, banned 1`, the most first. */
function mostOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, number]) => number > 0)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, number]) => `${shown(name, 40)} ${number}`)
    .join(", ");
}

const SHARES = ["share", "shares"] as const;

function shareLines({ shares }: RelayOverview, rates: Rates, room: number, style: Style): string[] {
  const cells = (share: RelayShare): string[] => cellsOf(share, rates);
  return table(HEADS, shares.list, cells, SHARES, shares.all, room, style);
}

function storedLines(store: RelayStore | undefined, room: number, style: Style): string[] {
  if (store === undefined) return [];
  const { list, whole, unfinished } = store;
  const cells = (share: RelayStore["list"][number]): string[] => storedCells(share, store.now);
  return table(STORED_HEADS, list, cells, SHARES, whole + unfinished, room, style);
}

function table<Item>(
  heads: readonly string[],
  list: readonly Item[],
  cellsOfItem: (item: Item) => readonly string[],
  [one, many]: readonly [one: string, many: string],
  all: number,
  room: number,
  { bold, dim }: Style,
): string[] {
  if (list.length === 0 || room < 2) return [];
  const fitting = all > room - 1 ? Math.max(0, room - 2) : list.length;
  const cells = list.slice(0, fitting).map(cellsOfItem);
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...cells.map((row) => Bun.stringWidth(row[at] ?? ""))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => fill(cell, widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  const more = all - cells.length;
  return [
    bold(line(heads)),
    ...cells.map(line),
    ...(more > 0 ? [dim(`and ${count(more, one, many)} more`)] : []),
  ];
}

function cellsOf(share: RelayShare, rates: Rates): string[] {
  const { number, owner, senderHere, bytesIn, bytesOut, kept, age } = share;
  const speed = rates.shares.get(number);
  const sender = owner === undefined ? share.sender : `at ${owner.address ?? owner.id}`;
  return [
    `${number}`,
    senderHere ? shown(sender ?? "here", SENDER_COLUMNS) : "away",
    lanesOf(share.lanes),
    progressOf(share),
    speed === undefined ? size(bytesIn) : rate(speed.in),
    speed === undefined ? size(bytesOut) : rate(speed.out),
    size(kept),
    duration(age),
  ];
}

function storedCells(share: RelayStore["list"][number], now: number): string[] {
  const { number, isWhole, durable, records, downloads, downloadsMost, until } = share;
  const part = records === undefined ? "" : `, ${Math.floor((100 * durable) / records)} %`;
  return [
    `${number}`,
    share.size === undefined ? "open" : size(share.size),
    isWhole ? "whole" : `unfinished${part}`,
    downloadsMost === undefined ? `${downloads}` : `${downloads} of ${downloadsMost}`,
    duration(Math.max(0, until - now) / 1000),
  ];
}

function progressOf({ least, most, records, size: whole }: RelayShare): string {
  if (whole === undefined) return "open";
  const of = size(whole);
  if (least === undefined || most === undefined || records === 0) return of;
  const percent = (done: number): number => Math.floor((100 * done) / records);
  const [from, to] = [percent(least), percent(most)];
  return `${from === to ? `${to} %` : `${from}-${to} %`} of ${of}`;
}
