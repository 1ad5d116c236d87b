import { FaultError } from "../../../protocol/mod.ts";
import type { ClusterEffect } from "../../../relay/cluster/book-effects.ts";
import { ClusterBook, type ClusterBookOptions } from "../../../relay/cluster/cluster-book.ts";
import type { Outcome, RelayValue } from "../../../relay/cluster/directory-kv.ts";
import { CLUSTER_VERSION } from "../../../relay/cluster/wire.ts";
import type { ShareClaim } from "../../../relay/store/book-effects.ts";
import { claimOf } from "./book-play.ts";
import { hexOf } from "./stored-shares.ts";

export const CHANNEL = hexOf(0xc0);

const blinded = (id: string): string => `~${Number.parseInt(id.slice(0, 2), 16)}`;
const numberOf = (key: string): number => Number.parseInt(key.slice(0, 2), 16);

/** The name of share `number` in the directory. */
export function nameOf(number: number, channel = CHANNEL): string {
  return `${blinded(channel)}.${blinded(hexOf(number))}`;
}

/** The book of relay `me`, and what it says. Its relay's directory gives each share to its claim at once. */
export class ClusterPlay {
  now = 1_000_000;
  readonly book: ClusterBook;
  readonly reports: string[] = [];
  /** The answer of the relay's directory to a claim that is passed on. */
  onClaim: "open" | "refuse" | "wait" = "open";
  #tickAt = this.now;
  #ops = new Map<string, number>();

  constructor(options: Partial<ClusterBookOptions> = {}) {
    this.book = new ClusterBook(
      {
        me: "me",
        blinded,
        random: () => 0.5,
        report: ({ event }) => this.reports.push(event),
        ...options,
      },
      this.now,
    );
  }

  /** Connected, and told all: these shares by their owner and revision. */
  connect(shares: Readonly<Record<number, readonly [relay: string, revision: number]>> = {}): void {
    this.book.connected(true, this.now);
    for (const [number, [relay, revision]] of Object.entries(shares)) {
      this.told(Number(number), relay, revision);
    }
    this.book.synced(new Set(Object.keys(shares).map((each) => nameOf(Number(each)))), this.now);
  }

  disconnect(): void {
    this.book.connected(false, this.now);
  }

  claim(number: number, more: Partial<ShareClaim> = {}): void {
    this.book.claim(claimOf(number, { store: undefined, ...more }), this.now);
  }

  /** The watch tells of a share. */
  told(number: number, relay: string | undefined, revision: number, channel = CHANNEL): void {
    const value = relay === undefined ? undefined : { relay };
    this.book.share({ key: nameOf(number, channel), value, revision }, this.now);
  }

  /** A heartbeat. */
  heard(relay: string, version = CLUSTER_VERSION, more: Partial<RelayValue> = {}): void {
    const value = { address: `${relay}:1`, version, ...more };
    this.book.relay({ key: relay, value, revision: 1 }, this.now);
  }

  /** The last change of the share has its outcome. @param revision of one that is done */
  outcome(number: number, outcome: number | "conflict" | "unknown"): void {
    const op = this.#ops.get(nameOf(number));
    if (op === undefined) throw new Error(`share ${number} has no change on its way`);
    this.#ops.delete(nameOf(number));
    this.book.outcome(op, outcomeOf(outcome), this.now);
  }

  /** The sender of share `number` has it here, as revision 10 + `number`. */
  own(number: number, more: Partial<ShareClaim> = {}): void {
    this.claim(number, more);
    this.effects();
    this.outcome(number, 10 + number);
    this.told(number, "me", 10 + number);
    this.effects();
  }

  ended(number: number): void {
    this.book.ended(hexOf(number), CHANNEL, this.now);
  }

  /**
   * Ticks once a second until then.
   * @param alive a relay that is heard all the time, or several with their sites
   * @returns what is said, in short
   */
  later(ms: number, alive?: string | Readonly<Record<string, string>>): string[] {
    const said: string[] = [];
    const until = this.now + ms;
    for (let at = this.#tickAt + 1000; at <= until; at += 1000) {
      this.now = at;
      this.#tickAt = at;
      if (typeof alive === "string") this.heard(alive);
      else
        for (const [id, site] of Object.entries(alive ?? {})) this.heard(id, undefined, { site });
      this.book.tick(at);
      said.push(...this.effects());
    }
    this.now = until;
    return said;
  }

  /** Stands still, and ticks then. */
  pause(ms: number): string[] {
    this.now += ms;
    this.#tickAt = this.now;
    this.book.tick(this.now);
    return this.effects();
  }

  /** The effects of now, without heartbeats. */
  effects(): string[] {
    return this.all().filter((each) => each !== "heartbeat");
  }

  take(): readonly ClusterEffect[] {
    return this.book.take();
  }

  all(): string[] {
    const said: string[] = [];
    for (let list = this.take(); list.length > 0; list = this.take()) {
      for (const effect of list) {
        said.push(describeCluster(effect));
        if ("op" in effect) this.#ops.set(effect.key, effect.op);
        if (effect.t !== "claim") continue;
        if (this.onClaim === "open") this.book.opened(effect.claim.key);
        if (this.onClaim === "refuse") this.book.refused(effect.claim.key);
      }
    }
    return said;
  }
}

function outcomeOf(outcome: number | "conflict" | "unknown"): Outcome {
  if (outcome === "conflict") return { t: "conflict" };
  if (outcome === "unknown") return { t: "unknown", why: "no answer" };
  return { t: "done", revision: outcome };
}

function describeCluster(effect: ClusterEffect): string {
  switch (effect.t) {
    case "put-share":
      return `put ${effect.key.split("~")[2]} over ${effect.revision}`;
    case "remove-share":
      return `remove ${effect.key.split("~")[2]} at ${effect.revision}`;
    case "put-relay":
      return "heartbeat";
    case "remove-relay":
      return `remove relay ${effect.id}`;
    case "claim":
      return `${numberOf(effect.claim.key)} for socket ${effect.claim.socket}`;
    case "refuse": {
      const { claim, fault } = effect;
      if (!(fault instanceof FaultError)) throw new Error("no fault");
      return `${numberOf(claim.key)} refused to socket ${claim.socket}: ${fault.code}`;
    }
    case "link": {
      const { link, worker, channel, relay, address, level } = effect;
      const at = level === 0 ? relay : `${relay} on level ${level}`;
      return `link ${link} of worker ${worker}: ${numberOf(channel)} at ${at} (${address})`;
    }
    case "unlink":
      return `unlink ${effect.link} of worker ${effect.worker}`;
    case "yield":
      return `${numberOf(effect.key)} yields${effect.again ? ", may come again" : ""}`;
    case "drop":
      return `${numberOf(effect.key)} dropped`;
    case "looked-up":
      return `answer ${effect.question} to ${effect.worker}`;
    case "over": {
      const { worker, channel, relay, list } = effect;
      const shown = list.map(({ share, reason }) => `${share[0]} ${reason}`).join(", ");
      return `over in ${numberOf(channel)} of ${relay} to ${worker}: ${shown}`;
    }
    case "forward": {
      const { key, socket, channel, relay, address, question = "claim" } = effect;
      const of = channel === undefined ? "" : ` of ${numberOf(channel)}`;
      return `${question} of ${numberOf(key)}${of} at socket ${socket} goes to ${relay} (${address})`;
    }
    case "unknown-share":
      return `${effect.question} of ${numberOf(effect.key)} at socket ${effect.socket}: unknown`;
    case "unasked-share": {
      const { question, key, socket, fault } = effect;
      return `${question} of ${numberOf(key)} at socket ${socket} failed: ${fault.code}`;
    }
    case "quiet":
    case "loud":
    case "disown":
      return `${numberOf(effect.key)} ${effect.t}`;
    case "adopt":
      return `adopt ${effect.name.split("~")[2]} at ${effect.place} in epoch ${effect.epoch}`;
  }
}
