/**
 * One relay of the simulated cluster: the real book of the cluster, and around it a plain directory, workers and links that
 * carry its effects out as the real ones do.
 */
import type { ClusterEffect } from "../../../relay/cluster/book-effects.ts";
import { ClusterBook } from "../../../relay/cluster/cluster-book.ts";
import { CLUSTER_VERSION } from "../../../relay/cluster/wire.ts";
import { QUESTION_MS } from "../../../relay/cluster/open-questions.ts";
import { CLAIM_WAIT_MS } from "../../../relay/cluster/waiting-claims.ts";
import type { ShareClaim } from "../../../relay/store/book-effects.ts";
import type { Random } from "../random.ts";
import { Violation } from "../world.ts";
import type { ClusterWorld, SimSender } from "./cluster.ts";
import { OFFER, SimLinks } from "./links.ts";
import { DirectoryClient, SILENT_MS } from "./memory-directory.ts";
import { Waits } from "./waits.ts";

export const WORKERS = 2;
const TICK_MS = 1000;
/** A share without its sender ends after so long; less than of a real one, to see that too. ms */
const GRACE_MS = 40_000;
const POLL_MS = 700;
const WISH = { life: 3600 };

interface LocalShare {
  readonly key: string;
  readonly channel: string;
  /** The sender's; undefined: it is away, or is a link. */
  socket: number | undefined;
  link: number | undefined;
  orphanedAt: number | undefined;
  /** It was a sender's, and the book does not know of its end. */
  isClaimed: boolean;
}

/** A share in the store of a relay, which outlives the relay. */
interface OnDisk {
  readonly key: string;
  readonly channel: string;
  readonly place: string;
  isWhole: boolean;
}

/** Most that the upload of a share takes. ms */
const UPLOAD_MS = 20_000;
/** Of ticks: a share without receivers is unloaded. */
const UNLOADS = 0.05;

export const blinded = (id: string): string => `~${id}`;
const masked = (channel: string, share: string): string =>
  channel.startsWith("=") ? channel.slice(1 + share.length) : `=${share}${channel}`;

export class SimRelay {
  readonly place: number;
  id = "";
  book!: ClusterBook;
  client!: DirectoryClient;
  isAlive = false;
  isPaused = false;
  isCutOff = false;
  readonly local = new Map<string, LocalShare>();
  readonly disk = new Map<string, OnDisk>();
  /** Shares of the disk that another relay serves. */
  readonly quiet = new Set<string>();
  readonly links: SimLinks;
  /** By socket. */
  readonly claims = new Waits("a claim");
  readonly #world: ClusterWorld;
  readonly #random: Random;
  readonly #diskRandom: Random;
  #places = 0;
  #life = 0;
  #inbox: (() => void)[] = [];
  #pausedAt = 0;
  #pausedMs = 0;
  /** Receivers, by worker and channel. */
  readonly #receivers = new Map<string, number>();
  readonly #questions = new Waits("a look-up");
  #numbers = 0;
  /** Claims that the store holds up. */
  readonly #stored: (() => void)[] = [];
  #storeUntil = 0;
  /** Told last by the watch in this session, and done last by this relay. */
  readonly #told = new Map<string, { readonly relay: string; readonly revision: number }>();
  readonly #done = new Map<string, number>();
  #isTold = false;
  /** It can't know whether a sender came here last. */
  #hasDoubt = false;

  constructor(world: ClusterWorld, place: number) {
    this.#world = world;
    this.links = new SimLinks(world, this);
    this.place = place;
    this.#random = world.fork(`relay ${place}`);
    this.#diskRandom = world.fork(`disk ${place}`);
  }

  /** Without the time in which it stood still. ms */
  get uptime(): number {
    return this.#world.clock.now - this.#pausedMs;
  }

  get isServing(): boolean {
    return this.isAlive && !this.isPaused;
  }

  start(): void {
    const world = this.#world;
    const { clock } = world;
    const life = ++this.#life;
    this.id = `r${this.place}.${life}`;
    world.trace(() => `${this.id} starts`);
    this.isAlive = true;
    this.isPaused = false;
    this.#inbox = [];
    this.#pausedMs = 0;
    this.#told.clear();
    this.#done.clear();
    this.#isTold = false;
    this.#hasDoubt = false;
    this.local.clear();
    this.#receivers.clear();
    this.links.clear();
    this.claims.forget(() => true);
    this.#questions.forget(() => true);
    const book = new ClusterBook(
      {
        me: this.id,
        blinded,
        masked,
        maskedPlace: (id) => `=${id}`,
        random: () => this.#random.next(),
        report: ({ event, fields }) =>
          world.trace(() => `${this.id} reports ${event} ${JSON.stringify(fields)}`),
      },
      clock.now,
    );
    this.book = book;
    this.quiet.clear();
    for (const each of this.disk.values()) this.#tellKept(each);
    /** A session says no word after its end, also where one waited in a relay that stood still. */
    const events = (run: () => void): void => {
      const { session } = this.client;
      this.run(() => {
        if (this.client.session === session) run();
      }, life);
    };
    this.client = new DirectoryClient(
      world.directory,
      {
        share: (entry) =>
          events(() => {
            const { key, value, revision } = entry;
            world.trace(() => `${this.id} is told ${key} = ${value?.relay} at ${revision}`);
            if (value === undefined) this.#told.delete(key);
            else this.#told.set(key, { relay: value.relay, revision });
            book.share(entry, clock.now);
          }),
        relay: (entry) => events(() => book.relay(entry, clock.now)),
        synced: (keys) =>
          events(() => {
            world.trace(() => `${this.id} is synced`);
            this.#isTold = true;
            book.synced(keys, clock.now);
          }),
        connected: (isConnected) =>
          this.run(() => {
            world.trace(() => `${this.id} is ${isConnected ? "" : "not "}connected`);
            this.#isTold = false;
            this.#hasDoubt ||= !isConnected;
            this.#told.clear();
            book.connected(isConnected, clock.now);
          }, life),
      },
      () => !this.isCutOff && !world.isDirectoryAway,
    );
    this.#tickIn(this.#random.real(0, TICK_MS), life);
    this.#pollIn(life);
  }

  kill(): void {
    this.#world.trace(() => `${this.id} is killed`);
    this.#life++;
    this.isAlive = false;
    this.client.close();
    this.#world.relayDied(this);
  }

  pause(): void {
    this.#world.trace(() => `${this.id} stands still`);
    this.isPaused = true;
    this.#hasDoubt = true;
    this.#pausedAt = this.#world.clock.now;
  }

  resume(): void {
    const { clock } = this.#world;
    const pausedFor = clock.now - this.#pausedAt;
    this.#world.trace(() => `${this.id} goes on after ${pausedFor | 0} ms`);
    this.isPaused = false;
    this.#pausedMs += pausedFor;
    const inbox = this.#inbox;
    this.#inbox = [];
    // The client of NATS notices its own silence first; now and then it does not.
    const notices = pausedFor > SILENT_MS && this.#random.chance(0.8);
    if (this.#random.chance(0.7)) this.#tick();
    if (notices) this.client.cut();
    for (const run of inbox) run();
  }

  /** Of this life; later if it stands still. */
  run(what: () => void, life = this.#life): void {
    if (!this.isAlive || life !== this.#life) return;
    if (this.isPaused) {
      this.#inbox.push(() => this.run(what, life));
      return;
    }
    what();
    this.settle();
  }

  // Clients

  /** A sender at this socket offers its share. */
  claim(socket: number, { key, channel, isStored, via }: SimSender): void {
    this.claims.begin(socket, this.uptime, CLAIM_WAIT_MS);
    const worker = socket % WORKERS;
    const isForwarded = via !== undefined;
    const common = { t: "claim", worker, socket, channel, key, offer: OFFER } as const;
    const more = { ...(isStored && { store: WISH }), ...(isForwarded && { isForwarded }) };
    this.book.claim({ ...common, ...more }, this.#world.clock.now);
  }

  // The disk

  keep(key: string, channel: string, isWhole: boolean): void {
    const { clock } = this.#world;
    const known = this.disk.get(key);
    const one = known ?? { key, channel, place: `${this.place}.${++this.#places}`, isWhole };
    this.disk.set(key, one);
    if (known === undefined) this.#tellKept(one);
    if (this.hasReceivers(channel)) this.load(channel);
    if (!one.isWhole) {
      clock.after(this.#diskRandom.real(0, UPLOAD_MS), () => {
        // Its sender gives the rest.
        if (this.disk.get(key) === one && this.local.get(key)?.socket !== undefined)
          one.isWhole = true;
      });
    }
  }

  #tellKept({ key, channel, place }: OnDisk): void {
    this.book.kept({ key, channel, place, stored: "disk" }, this.#world.clock.now);
  }

  releaseAll(): void {
    for (const one of this.disk.values()) this.#release(one);
  }

  /** One without a sender here. */
  releaseOne(target: number): void {
    const free = [...this.disk.values()].filter(
      ({ key }) => this.local.get(key)?.socket === undefined,
    );
    const one = free[target % Math.max(1, free.length)];
    if (one !== undefined) this.#release(one);
  }

  #release(one: OnDisk): void {
    const { key, channel } = one;
    this.#world.trace(() => `${this.id} releases ${key}`);
    this.#world.count("released");
    const share = this.local.get(key);
    this.disk.delete(key);
    this.quiet.delete(key);
    this.book.released(key, channel, this.#world.clock.now);
    if (share !== undefined && share.link === undefined) this.close(share);
  }

  /** Whether receivers get it without a sender. */
  serves(key: string): boolean {
    return this.disk.get(key)?.isWhole === true && !this.quiet.has(key);
  }

  /** Somebody asks for shares of the channel. */
  load(channel: string): void {
    for (const { key, channel: own } of this.disk.values()) {
      const share = this.local.get(key);
      const isFree = share === undefined || share.orphanedAt !== undefined;
      if (own !== channel || !isFree || !this.serves(key)) continue;
      this.#world.count("loaded");
      const isClaimed = share?.isClaimed === true;
      const none = { socket: undefined, link: undefined, orphanedAt: undefined };
      this.local.set(key, { key, channel, ...none, isClaimed });
    }
  }

  #unload(): void {
    for (const share of this.local.values()) {
      const { key, channel, socket, link } = share;
      if (socket !== undefined || link !== undefined || !this.serves(key)) continue;
      if (this.hasReceivers(channel) || this.#world.isRead(this, channel)) continue;
      if (this.#diskRandom.chance(UNLOADS)) this.close(share);
    }
  }

  inquire(key: string): void {
    this.book.inquire({ worker: 0, socket: 0, key, question: "inspect" }, this.#world.clock.now);
  }

  /** The relay notices that the sender's connection is over. */
  socketClosed(socket: number): void {
    for (const share of this.local.values()) if (share.socket === socket) this.#orphan(share);
  }

  /** The sender ends its share. */
  senderEnds(socket: number): void {
    for (const share of this.local.values()) {
      if (share.socket !== socket) continue;
      if (this.serves(share.key)) this.#orphan(share);
      else this.close(share);
    }
  }

  joined(worker: number, channel: string): void {
    const id = `${worker} ${channel}`;
    const count = (this.#receivers.get(id) ?? 0) + 1;
    this.#receivers.set(id, count);
    if (count === 1) this.book.asked(worker, channel, this.#world.clock.now);
    this.load(channel);
  }

  left(worker: number, channel: string): void {
    const id = `${worker} ${channel}`;
    const count = (this.#receivers.get(id) ?? 0) - 1;
    if (count > 0) this.#receivers.set(id, count);
    else this.#receivers.delete(id);
    if (count === 0) this.book.unasked(worker, channel, this.#world.clock.now);
  }

  hasReceivers(channel: string): boolean {
    return [...this.#receivers.keys()].some((id) => id.endsWith(` ${channel}`));
  }

  lookUp(key: string): void {
    const question = ++this.#numbers;
    if (this.local.has(key)) return;
    this.#questions.begin(question, this.uptime, QUESTION_MS);
    this.#world.count("look-ups");
    this.book.lookUp(this.#random.whole(0, WORKERS - 1), question, key, this.#world.clock.now);
  }

  crashWorker(worker: number): void {
    const { clock } = this.#world;
    this.#world.trace(() => `worker ${worker} of ${this.id} crashes`);
    this.claims.forget((socket) => socket % WORKERS === worker);
    for (const id of this.#receivers.keys()) {
      if (id.startsWith(`${worker} `)) this.#receivers.delete(id);
    }
    // Questions of either may be lost with it.
    this.#questions.forget(() => true);
    this.book.workerLost(worker, clock.now);
    this.links.workerLost(worker);
    for (const share of this.local.values()) {
      if (share.socket !== undefined && share.socket % WORKERS === worker) this.#orphan(share);
    }
    this.settle();
    this.#world.workerDied(this, worker);
  }

  // Effects

  settle(): void {
    for (;;) {
      const effects = this.book.take();
      if (effects.length === 0) break;
      for (const effect of effects) this.#do(effect);
    }
    this.#check();
  }

  #do(effect: ClusterEffect): void {
    const { clock } = this.#world;
    const life = this.#life;
    this.#world.count(effect.t);
    if (effect.t !== "put-relay") this.#world.trace(() => `${this.id}: ${shown(effect)}`);
    switch (effect.t) {
      case "put-share": {
        const { op, key, value, revision } = effect;
        this.client.change(
          (to) => to.putShare(key, value, revision),
          (outcome) =>
            this.run(() => {
              this.#world.trace(() => `${this.id}: put ${key} ${JSON.stringify(outcome)}`);
              if (outcome.t === "done") this.#done.set(key, outcome.revision);
              if (outcome.t === "unknown") this.#hasDoubt = true;
              this.book.outcome(op, outcome, clock.now);
            }, life),
        );
        return;
      }
      case "remove-share": {
        const { op, key, revision } = effect;
        this.client.change(
          (to) => to.removeShare(key, revision),
          (outcome) =>
            this.run(() => {
              this.#world.trace(() => `${this.id}: remove ${key} ${JSON.stringify(outcome)}`);
              this.book.outcome(op, outcome, clock.now);
            }, life),
        );
        return;
      }
      case "put-relay": {
        const value = { address: this.id, version: CLUSTER_VERSION };
        const { id } = this;
        this.client.change(
          (to) => to.putRelay(id, value),
          () => undefined,
        );
        return;
      }
      case "remove-relay":
        this.client.change(
          (to) => to.putRelay(effect.id, undefined),
          () => undefined,
        );
        return;
      case "claim":
        this.#claimed(effect.claim);
        return;
      case "refuse":
        this.claims.answered(effect.claim.socket);
        if (effect.claim.uplink === undefined) {
          this.#world.socketFailed(this, effect.claim.socket, "again");
        }
        return;
      case "link":
        this.links.begin(effect);
        return;
      case "unlink":
        this.links.over(effect.link);
        return;
      case "yield": {
        if (effect.again && !this.#hasDoubt && !this.#world.hasLost) {
          throw new Violation(`${this.id} yields ${effect.key} without need`);
        }
        const share = this.local.get(effect.key);
        if (share !== undefined) share.isClaimed = false;
        if (share?.socket === undefined) return;
        const { socket } = share;
        this.#orphan(share);
        this.#world.socketFailed(this, socket, effect.again ? "again" : "replaced");
        return;
      }
      case "drop": {
        const share = this.local.get(effect.key);
        if (share?.link !== undefined) this.#orphan(share);
        return;
      }
      case "forward":
        if (effect.question !== undefined) return;
        this.claims.answered(effect.socket);
        this.#world.forwarded(this, effect.socket, effect.relay);
        return;
      case "quiet": {
        this.quiet.add(effect.key);
        const share = this.local.get(effect.key);
        if (share === undefined || share.link !== undefined) return;
        const { socket } = share;
        this.close(share);
        if (socket !== undefined) this.#world.socketFailed(this, socket, "again");
        return;
      }
      case "loud": {
        this.quiet.delete(effect.key);
        const channel = this.disk.get(effect.key)?.channel;
        if (channel !== undefined && this.hasReceivers(channel)) this.load(channel);
        return;
      }
      case "over":
      case "unknown-share":
      case "unasked-share":
        return;
      case "adopt":
      case "disown":
        throw new Violation(`${this.id} says ${effect.t} of a share on a disk`);
      case "looked-up":
        this.#questions.answered(effect.question);
        return;
    }
  }

  /** As the store and the directory of a relay do, one after the other. */
  #claimed(claim: ShareClaim): void {
    const { refused, storeMs } = this.#world.scenario;
    const { clock } = this.#world;
    const isCalm = this.#world.isQuiet;
    const life = this.#life;
    const isRefused = !isCalm && !this.local.has(claim.key) && this.#random.chance(refused);
    if (!isRefused && claim.store !== undefined) this.keep(claim.key, claim.channel, false);
    const decide = (): void => {
      this.claims.answered(claim.socket);
      if (isRefused) {
        this.book.refused(claim.key);
        if (claim.uplink === undefined) this.#world.socketFailed(this, claim.socket, "again");
        return;
      }
      this.#open(claim);
      this.book.opened(claim.key);
    };
    if (claim.uplink !== undefined || storeMs === 0) decide();
    else {
      // The store lets claims through in their order.
      this.claims.answered(claim.socket);
      this.#storeUntil = Math.max(this.#storeUntil, clock.now + this.#random.real(0, storeMs));
      this.#stored.push(() => this.run(decide, life));
      clock.after(this.#storeUntil - clock.now, () => this.#stored.shift()?.());
    }
  }

  #open({ key, channel, socket, uplink }: ShareClaim): void {
    const before = this.local.get(key);
    if (uplink !== undefined && this.links.get(uplink.link) === undefined) {
      throw new Violation(`${this.id} opens a share of a link that is over`);
    }
    if (uplink !== undefined && before?.socket !== undefined) {
      throw new Violation(`${this.id} gives a link a share whose sender is here`);
    }
    const here = uplink === undefined ? socket : undefined;
    if (uplink !== undefined && before?.link === undefined && this.serves(key)) {
      throw new Violation(`${this.id} gives a link a share that its disk serves`);
    }
    const isClaimed = uplink === undefined;
    const common = { key, channel, isClaimed, orphanedAt: undefined };
    this.local.set(key, { ...common, socket: here, link: uplink?.link });
    if (here === undefined) return;
    if (before?.socket !== undefined) this.#world.socketFailed(this, before.socket, "replaced");
    if (!this.#world.accepted(this, here)) this.#orphan(this.local.get(key)!);
  }

  #orphan(share: LocalShare): void {
    share.socket = undefined;
    share.link = undefined;
    share.orphanedAt = this.serves(share.key) ? undefined : this.#world.clock.now;
  }

  /** It is over here. */
  close({ key, channel }: LocalShare): void {
    this.local.delete(key);
    this.book.ended(key, channel, this.#world.clock.now);
  }

  linkOver(id: number): void {
    for (const share of this.local.values()) if (share.link === id) this.#orphan(share);
    this.claims.linkOver(id);
  }

  // Time

  #pollIn(life: number): void {
    const { clock, scenario } = this.#world;
    clock.after(POLL_MS + this.#random.real(0, scenario.linkMs), () => {
      if (life !== this.#life) return;
      if (!this.isPaused) this.run(() => this.links.poll(), life);
      this.#pollIn(life);
    });
  }

  #tickIn(ms: number, life: number): void {
    this.#world.clock.after(ms, () => {
      if (life !== this.#life) return;
      if (!this.isPaused) this.#tick();
      this.#tickIn(TICK_MS, life);
    });
  }

  #tick(): void {
    const { clock } = this.#world;
    for (const share of this.local.values()) {
      if (share.orphanedAt !== undefined && clock.now - share.orphanedAt >= GRACE_MS) {
        this.close(share);
      }
    }
    this.#unload();
    this.book.tick(clock.now);
    this.settle();
    this.claims.check(this.uptime);
    this.#questions.check(this.uptime);
  }

  /** A relay that knows of a newer owner serves the share no more. */
  #check(): void {
    if (!this.#isTold || this.#world.hasLost) return;
    for (const { key, channel, socket } of this.local.values()) {
      const name = `${blinded(channel)}.${blinded(key)}`;
      const told = this.#told.get(name);
      if (socket === undefined || told === undefined || told.relay === this.id) continue;
      if (told.revision > (this.#done.get(name) ?? 0) && this.book.counts.isConnected) {
        throw new Violation(`${this.id} serves ${key}, which ${told.relay} owns`);
      }
    }
  }
}

function shown(effect: ClusterEffect): string {
  switch (effect.t) {
    case "claim":
    case "refuse": {
      const { key, socket, uplink } = effect.claim;
      const why = effect.t === "refuse" ? ` (${effect.fault.detail})` : "";
      return `${effect.t} ${key} of ${uplink === undefined ? "sender" : "link"} ${socket}${why}`;
    }
    default:
      return JSON.stringify(effect);
  }
}
