/** The tables of the page: rows stay the same elements while what is in them changes. */
import type { Ban } from "../../access/bans.ts";
import type { Overview, ShareOverview } from "../overview.ts";
import { byId, element, setText, type PageElement } from "./dom.ts";
import type { History } from "./history.ts";
import { count, duration, rate, size } from "./words.ts";

export interface ShareActions {
  readonly remove: (share: ShareOverview) => void;
  readonly ban: (address: string) => void;
}

interface Row {
  readonly row: PageElement;
  readonly cells: readonly PageElement[];
  readonly bar: PageElement;
  readonly done: PageElement;
  /** How fast it comes in and goes out, and how much did so far. */
  readonly rates: readonly [PageElement, PageElement];
  readonly sums: readonly [PageElement, PageElement];
  readonly ban: PageElement;
  share: ShareOverview;
}

const HEADS = ["Share", "Sender", "Receivers", "Progress", "In", "Out", "Log", "Age"];

export class ShareTable {
  readonly #rows = new Map<number, Row>();
  readonly #body: PageElement;
  readonly #actions: ShareActions;

  constructor(actions: ShareActions) {
    this.#actions = actions;
    const body = byId("shares").querySelector("tbody");
    if (body === null) throw new Error("no rows");
    this.#body = body;
  }

  show(shares: readonly ShareOverview[], all: number, history: History): void {
    byId("shares").hidden = shares.length === 0;
    setText(byId("shares-note"), noteOf(shares.length, all));
    const here = new Set(shares.map(({ number }) => number));
    for (const [number, { row }] of this.#rows) {
      if (here.has(number)) continue;
      row.remove();
      this.#rows.delete(number);
    }
    for (const share of shares) {
      const row = this.#rows.get(share.number) ?? this.#create(share);
      row.share = share;
      fill(row, share, history);
    }
  }

  #create(share: ShareOverview): Row {
    const row = element("tr");
    const cells = HEADS.map((head, at) => {
      const cell = element(at === 0 ? "th" : "td");
      if (at === 0) cell.setAttribute("scope", "row");
      cell.dataset["head"] = head;
      return cell;
    });
    const remove = element("button", "danger", "End…");
    remove.setAttribute("type", "button");
    remove.setAttribute("aria-label", `End share ${share.number}`);
    const ban = element("button", "", "Ban…");
    ban.setAttribute("type", "button");
    ban.setAttribute("aria-label", `Ban the sender of share ${share.number}`);
    const last = element("td", "actions");
    last.append(remove, ban);
    const sums = [element("small"), element("small")] as const;
    const rates = [element("span"), element("span")] as const;
    cells[4]?.append(rates[0], sums[0]);
    cells[5]?.append(rates[1], sums[1]);
    const bar = element("span", "bar");
    const done = element("span", "soft");
    cells[3]?.append(bar, done);
    row.append(...cells, last);
    const made: Row = { row, cells, bar, done, rates, sums, ban, share };
    remove.addEventListener("click", () => this.#actions.remove(made.share));
    ban.addEventListener("click", () => this.#actions.ban(made.share.sender ?? ""));
    this.#rows.set(share.number, made);
    this.#body.append(row);
    return made;
  }
}

function noteOf(shown: number, all: number): string {
  if (all === 0) return "There are no shares now.";
  if (shown < all) return `The ${shown} with most bytes of ${count(all, "share", "shares")}.`;
  return count(all, "share", "shares");
}

function fill(
  { cells, bar, done, rates, sums, ban }: Row,
  share: ShareOverview,
  history: History,
): void {
  const { live, catchUp, paused } = share.lanes;
  const { inRate, outRate } = history.rateOf(share.number);
  const texts = [
    `#${share.number}`,
    senderOf(share),
    lanesOf(live, catchUp, paused),
    undefined,
    undefined,
    undefined,
    size(share.kept),
    duration(share.age),
  ];
  for (const [at, text] of texts.entries()) {
    const cell = cells[at];
    if (cell !== undefined && text !== undefined) setText(cell, text);
  }
  setText(rates[0], rate(inRate));
  setText(rates[1], rate(outRate));
  setText(sums[0], size(share.bytesIn));
  setText(sums[1], size(share.bytesOut));
  const { least, most, records, size: whole } = share;
  bar.hidden = whole === undefined || most === undefined;
  bar.style.setProperty("--least", `${(100 * (least ?? 0)) / records}%`);
  bar.style.setProperty("--most", `${(100 * (most ?? 0)) / records}%`);
  setText(done, progressOf(share));
  ban.hidden = share.sender === undefined;
}

function senderOf({ senderHere, sender, owner }: ShareOverview): string {
  if (!senderHere) return "away";
  return owner === undefined ? (sender ?? "here") : `at ${owner.address ?? owner.id}`;
}

function lanesOf(live: number, catchUp: number, paused: number): string {
  const parts = [
    live > 0 ? `${live} live` : "",
    catchUp > 0 ? `${catchUp} catching up` : "",
    paused > 0 ? `${paused} paused` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "none" : parts.join(", ");
}

function progressOf({ least, most, records, size: whole }: ShareOverview): string {
  if (whole === undefined) return most === undefined ? "open" : `open, ${most} records`;
  const of = size(whole);
  if (least === undefined || most === undefined) return of;
  const [from, to] = [percent(least, records), percent(most, records)];
  return `${from === to ? `${to} %` : `${from}–${to} %`} of ${of}`;
}

export function showStored(
  { list, whole, unfinished, bytes, most, now }: NonNullable<Overview["store"]>,
  remove: (number: number) => void,
): void {
  const all = whole + unfinished;
  const table = byId("stored");
  table.hidden = all === 0;
  const more = list.length < all ? `The ${list.length} largest of ` : "";
  const open = unfinished === 0 ? "" : `, ${unfinished} unfinished`;
  setText(
    byId("store-note"),
    `${more}${count(all, "share", "shares")}${open}; ${size(bytes)} of ${size(most)}`,
  );
  const rows = list.map((share) => {
    const { number, durable, records, downloads, downloadsMost, until } = share;
    const done = records === undefined ? `${durable} records` : `${percent(durable, records)} %`;
    const texts = [
      ["Share", `#${number}`],
      ["Size", share.size === undefined ? "open" : size(share.size)],
      ["State", share.isWhole ? "whole" : `unfinished, ${done}`],
      [
        "Downloads",
        downloadsMost === undefined ? `${downloads}` : `${downloads} of ${downloadsMost}`,
      ],
      ["Stays", duration(Math.max(0, until - now) / 1000)],
    ] as const;
    return rowOf(texts, `Remove stored share ${number}`, "Remove…", () => remove(number));
  });
  table.querySelector("tbody")?.replaceChildren(...rows);
}

function percent(done: number, all: number): number {
  return Math.floor((100 * done) / all);
}

export function showCluster({ relays, ...cluster }: NonNullable<Overview["cluster"]>): void {
  const { name, me, address, isConnected, since, roundTrip, shares, owned, waiting } = cluster;
  const answers = roundTrip === undefined ? "" : `, answers in ${roundTrip.toFixed(1)} ms`;
  const nats = `${isConnected ? "connected" : "away"} for ${duration(since)}${answers}`;
  const facts = [
    `${name}: this relay is ${me} at ${address}`,
    `NATS ${nats}`,
    `${count(relays.length, "relay", "relays")} with ${count(shares, "share", "shares")}`,
    `here ${owned} own and ${cluster.remote} of other relays by ${count(cluster.links, "link", "links")}`,
  ];
  if (waiting > 0) facts.push(count(waiting, "claim waits", "claims wait"));
  setText(byId("cluster-note"), facts.join(" · "));
  byId("nats").hidden = isConnected;
  setText(
    byId("nats"),
    isConnected ? "" : "NATS is away. Transfers go on; new shares wait for it.",
  );
  const rows = relays.map((relay) =>
    cellsOf([
      ["Relay", relay.id],
      [
        "Address",
        [relay.address ?? "not known", relay.site ?? [], relay.isStranger ? "other secret" : []]
          .flat()
          .join(", "),
      ],
      ["Shares", `${relay.shares}`],
      ["Heartbeat", relay.id === me ? "this relay" : `${duration(relay.seen)} ago`],
    ]),
  );
  byId("relays")
    .querySelector("tbody")
    ?.replaceChildren(...rows);
}

/** Cells with their heads, and a button behind them. */
function rowOf(texts: Texts, label: string, name: string, click: () => void): PageElement {
  const row = cellsOf(texts);
  const button = element("button", "", name);
  button.setAttribute("type", "button");
  button.setAttribute("aria-label", label);
  button.addEventListener("click", click);
  const last = element("td", "actions");
  last.append(button);
  row.append(last);
  return row;
}

type Texts = readonly (readonly [head: string, text: string])[];

function cellsOf(texts: Texts): PageElement {
  const row = element("tr");
  for (const [at, [head, text]] of texts.entries()) {
    const cell = element(at === 0 ? "th" : "td", "", text);
    if (at === 0) cell.setAttribute("scope", "row");
    cell.dataset["head"] = head;
    row.append(cell);
  }
  return row;
}

/** @param now ms since 1970 */
export function showBans(bans: readonly Ban[], now: number, lift: (range: string) => void): void {
  const table = byId("bans");
  table.hidden = bans.length === 0;
  setText(byId("bans-note"), bans.length === 0 ? "No address is banned." : "");
  const rows = bans.map(({ range, until }) => {
    const time =
      until === undefined ? "for ever" : `${duration(Math.max(0, until - now) / 1000)} more`;
    const texts = [
      ["Range", range],
      ["Until", time],
    ] as const;
    return rowOf(texts, `Lift the ban of ${range}`, "Lift", () => lift(range));
  });
  table.querySelector("tbody")?.replaceChildren(...rows);
}

export function showCounts(id: string, counts: Readonly<Record<string, number>>): void {
  const known = Object.entries(counts)
    .filter(([, number]) => number > 0)
    .toSorted(([, one], [, other]) => other - one);
  setText(byId(`${id}-note`), known.length === 0 ? "None." : "");
  const entries = known.map(([name, number]) => {
    const entry = element("div");
    entry.append(element("dt", "", name), element("dd", "", number.toLocaleString("en")));
    return entry;
  });
  byId(id).replaceChildren(...entries);
}
