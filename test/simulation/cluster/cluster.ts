/**
 * Plays a cluster in virtual time: several relays with the real book, one directory, senders that move between relays, and
 * receivers that ask at any of them. When the faults end, each share must be owned where its sender is, each relay with
 * receivers must read from the owners, and nothing else may be left.
 */
import { Clock } from "../clock.ts";
import { Random } from "../random.ts";
import type { Trace } from "../failure.ts";
import { Violation } from "../world.ts";
import { checkEmpty, checkSettled } from "./checks.ts";
import { MemoryDirectory } from "./memory-directory.ts";
import { SimRelay, WORKERS } from "./relay.ts";
import type { ClusterFault, ClusterScenario } from "./scenario.ts";

/** When faults end all is right within this: relays are found gone, links that linger end, claims wait. ms */
const SETTLE_MS = 150_000;
/** When all clients have left nothing is kept after this. ms */
const EMPTY_MS = 160_000;
/** A sender without an answer tries elsewhere. ms */
const PATIENCE_MS = 45_000;

/** A sender that comes again when all is calm has its share by then. ms */
const AGAIN_MS = 30_000;

export interface SimSender {
  readonly key: string;
  readonly channel: string;
  readonly random: Random;
  /** Its relay shall store the share. */
  readonly isStored: boolean;
  /** Of its connection now; undefined: it has none. */
  socket: number | undefined;
  relay: SimRelay | undefined;
  /** The relay that it came to, which forwards it to `relay`. */
  via: SimRelay | undefined;
  isAccepted: boolean;
  isOver: boolean;
  /** Not before. */
  restartAt: number;
}

export interface SimReceiver {
  readonly channel: string;
  readonly random: Random;
  at: { readonly relay: SimRelay; readonly worker: number } | undefined;
  isOver: boolean;
}

export interface ClusterOutcome {
  readonly virtualMs: number;
  readonly steps: number;
  readonly counts: ReadonlyMap<string, number>;
}

export class ClusterWorld {
  readonly clock = new Clock();
  readonly scenario: ClusterScenario;
  readonly directory: MemoryDirectory;
  readonly relays: SimRelay[];
  isDirectoryAway = false;
  /** Writes that were done are lost since. */
  hasLost = false;
  isQuiet = false;
  readonly #trace: Trace | undefined;
  readonly #counts = new Map<string, number>();
  readonly senders: SimSender[];
  readonly receivers: SimReceiver[];
  readonly #random: Random;
  #sockets = 0;
  #kept = 0;

  constructor(scenario: ClusterScenario, trace?: Trace) {
    this.scenario = scenario;
    this.#trace = trace;
    this.#random = this.fork("world");
    this.directory = new MemoryDirectory(this.clock, this.fork("directory"), scenario.directory);
    this.relays = Array.from({ length: scenario.relays }, (_, place) => new SimRelay(this, place));
    this.senders = scenario.shares.map((channel, index) => ({
      key: `s${index}`,
      channel: `c${channel}`,
      random: this.fork(`sender ${index}`),
      isStored: scenario.stored[index] === true,
      socket: undefined,
      relay: undefined,
      via: undefined,
      isAccepted: false,
      isOver: false,
      restartAt: 0,
    }));
    this.receivers = scenario.receivers.map((channel, index) => ({
      channel: `c${channel}`,
      random: this.fork(`receiver ${index}`),
      at: undefined,
      isOver: false,
    }));
  }

  fork(part: string): Random {
    return new Random(`cluster ${this.scenario.seed} ${part}`);
  }

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  trace(text: () => string): void {
    this.#trace?.(`${(this.clock.now / 1000).toFixed(3)} ${text()}`);
  }

  run(): ClusterOutcome {
    for (const relay of this.relays) {
      const isLate = this.#random.chance(0.2);
      this.clock.after(isLate ? this.#random.real(0, 20_000) : 0, () => relay.start());
    }
    for (const sender of this.senders) this.#connectIn(sender, this.#random.real(0, 3000));
    for (const receiver of this.receivers) this.#joinIn(receiver, this.#random.real(0, 5000));
    for (const fault of this.scenario.faults) this.clock.after(fault.at, () => this.#fault(fault));
    this.#until(Math.max(this.scenario.quietAt, 21_000));
    this.#calm();
    this.#until(this.clock.now + SETTLE_MS);
    checkSettled(this);
    this.#comeAgain();
    this.#leave();
    this.#until(this.clock.now + EMPTY_MS);
    checkEmpty(this);
    return { virtualMs: this.clock.now, steps: this.clock.steps, counts: this.#counts };
  }

  /** Senders of shares that stores have come to any relay, and the owners stay. */
  #comeAgain(): void {
    const senders = this.senders.filter(({ isStored, isOver }) => isStored && !isOver);
    if (senders.length === 0) return;
    const before = ownersOf(this.directory);
    for (const sender of senders) this.#move(sender, 100);
    this.#until(this.clock.now + AGAIN_MS);
    checkSettled(this);
    const moved = before.difference(ownersOf(this.directory));
    if (moved.size > 0) throw new Violation(`no more are: ${[...moved].join(", ")}`);
  }

  relayOf(id: string): SimRelay | undefined {
    return this.relays.find((relay) => relay.id === id && relay.isAlive);
  }

  /** Another relay has a link to this one. */
  isRead({ id }: SimRelay, channel: string): boolean {
    const isTo = (link: { relay: string; channel: string; isUp: boolean }): boolean =>
      link.relay === id && link.channel === channel && link.isUp;
    return this.relays.some(({ links, isAlive }) => isAlive && [...links.all].some(isTo));
  }

  // Senders

  /** @returns whether the sender is still there, as far as its relay knows */
  accepted(relay: SimRelay, socket: number): boolean {
    const sender = this.senders.find((each) => each.socket === socket);
    if (sender !== undefined && sender.relay === relay) {
      this.trace(() => `${sender.key} is accepted at ${relay.id}`);
      this.count("accepted");
      sender.isAccepted = true;
      return true;
    }
    // A connection that is over, which the relay may not know yet.
    return !this.#closed.has(socket);
  }

  readonly #closed = new Set<number>();

  socketFailed(relay: SimRelay, socket: number, how: "again" | "replaced"): void {
    this.#closed.add(socket);
    const sender = this.senders.find((each) => each.socket === socket);
    if (sender === undefined || sender.relay !== relay) return;
    this.trace(() => `${sender.key} is told ${how} at ${relay.id}`);
    // A write that is lost may be told late, and then looks like a later one. Its sender must be started again.
    if (how === "replaced" && this.hasLost) this.count("replaced by a lost write");
    else if (how === "replaced") {
      throw new Violation(`${sender.key} is told at ${relay.id} that it was replaced`);
    }
    this.count("told again");
    this.#gone(sender);
    // Behind a load balancer it comes to any relay, by its list to the same one first.
    const same = sender.random.chance(0.5) ? relay : undefined;
    this.#connectIn(sender, sender.random.real(200, 2000), same);
  }

  /** Another relay stores the share of the sender at this socket. */
  forwarded(from: SimRelay, socket: number, id: string): void {
    const isHere = ({ relay, socket: own }: SimSender): boolean => own === socket && relay === from;
    if (!this.senders.some(isHere)) return;
    this.clock.after(this.#random.real(0, this.scenario.linkMs), () => {
      const sender = this.senders.find(isHere);
      if (sender === undefined) return;
      const to = this.relayOf(id);
      if (to?.isServing !== true || to === from) {
        this.socketFailed(from, socket, "again");
        return;
      }
      this.trace(() => `${sender.key} goes on to ${to.id} as ${socket}`);
      this.count("forwarded");
      sender.via = from;
      sender.relay = to;
      to.run(() => to.claim(socket, sender));
    });
  }

  /** The relay that forwards a sender is gone, and the other one notices. */
  #viaDied(isGone: (sender: SimSender) => boolean): void {
    for (const sender of this.senders) {
      if (sender.via === undefined || !isGone(sender)) continue;
      this.#move(sender, sender.random.scale(10, 3000));
    }
  }

  relayDied(relay: SimRelay): void {
    this.#viaDied(({ via }) => via === relay);
    for (const sender of this.senders) {
      if (sender.relay !== relay) continue;
      this.#gone(sender);
      this.#connectIn(sender, sender.random.scale(10, 10_000));
    }
    for (const receiver of this.receivers) {
      if (receiver.at?.relay !== relay) continue;
      receiver.at = undefined;
      this.#joinIn(receiver, receiver.random.scale(10, 10_000));
    }
  }

  workerDied(relay: SimRelay, worker: number): void {
    this.#viaDied(({ via, socket = 0 }) => via === relay && socket % WORKERS === worker);
    for (const sender of this.senders) {
      if (sender.relay !== relay || sender.socket === undefined) continue;
      if (sender.socket % WORKERS !== worker) continue;
      this.#closed.add(sender.socket);
      this.#gone(sender);
      this.#connectIn(sender, sender.random.scale(10, 3000));
    }
    for (const receiver of this.receivers) {
      if (receiver.at?.relay !== relay || receiver.at.worker !== worker) continue;
      receiver.at = undefined;
      this.#joinIn(receiver, receiver.random.scale(10, 3000));
    }
  }

  #gone(sender: SimSender): void {
    sender.socket = undefined;
    sender.relay = undefined;
    sender.via = undefined;
    sender.isAccepted = false;
  }

  #connectIn(sender: SimSender, ms: number, same?: SimRelay): void {
    this.clock.after(ms, () => {
      if (sender.isOver || sender.socket !== undefined || this.clock.now < sender.restartAt) return;
      const alive = this.relays.filter(({ isServing }) => isServing);
      const relay =
        same?.isServing === true ? same : alive[sender.random.whole(0, alive.length - 1)];
      if (relay === undefined) {
        this.#connectIn(sender, 1000);
        return;
      }
      const socket = ++this.#sockets;
      sender.socket = socket;
      sender.relay = relay;
      this.trace(() => `${sender.key} comes to ${relay.id} as ${socket}`);
      relay.run(() => relay.claim(socket, sender));
      this.clock.after(PATIENCE_MS, () => {
        if (sender.socket === socket && !sender.isAccepted) this.#move(sender, 0);
      });
    });
  }

  /** Its connection breaks, and its relay notices later. */
  #move(sender: SimSender, noticedMs: number): void {
    const { socket, relay } = sender;
    if (socket === undefined || relay === undefined) return;
    this.trace(() => `${sender.key} leaves ${relay.id}`);
    this.#gone(sender);
    this.clock.after(noticedMs, () => {
      this.#closed.add(socket);
      relay.run(() => relay.socketClosed(socket));
    });
    this.#connectIn(sender, sender.random.scale(5, 2000));
  }

  #end(sender: SimSender): void {
    const { socket, relay } = sender;
    if (socket === undefined || relay === undefined) return;
    this.trace(() => `${sender.key} ends at ${relay.id}`);
    this.#gone(sender);
    this.#closed.add(socket);
    relay.run(() => relay.senderEnds(socket));
  }

  // Receivers

  #joinIn(receiver: SimReceiver, ms: number): void {
    this.clock.after(ms, () => {
      if (receiver.isOver || receiver.at !== undefined) return;
      const alive = this.relays.filter(({ isServing }) => isServing);
      const relay = alive[receiver.random.whole(0, alive.length - 1)];
      if (relay === undefined) {
        this.#joinIn(receiver, 1000);
        return;
      }
      const worker = receiver.random.whole(0, WORKERS - 1);
      receiver.at = { relay, worker };
      relay.run(() => relay.joined(worker, receiver.channel));
    });
  }

  #leaveRelay(receiver: SimReceiver): void {
    const { at } = receiver;
    receiver.at = undefined;
    at?.relay.run(() => at.relay.left(at.worker, receiver.channel));
  }

  // Faults

  #fault(fault: ClusterFault): void {
    this.count(fault.kind);
    this.trace(() => `fault: ${JSON.stringify(fault)}`);
    const relay = this.relays[("target" in fault ? fault.target : 0) % this.relays.length]!;
    switch (fault.kind) {
      case "move sender":
        this.#move(this.senders[fault.target % this.senders.length]!, fault.noticedMs);
        return;
      case "end sender": {
        const sender = this.senders[fault.target % this.senders.length]!;
        if (!sender.isAccepted) return;
        this.#end(sender);
        sender.restartAt = this.clock.now + fault.lasts;
        this.#connectIn(sender, fault.lasts);
        return;
      }
      case "quit sender": {
        const sender = this.senders[fault.target % this.senders.length]!;
        // One is left, so that there is something to see.
        if (this.senders.filter(({ isOver }) => !isOver).length < 2) return;
        sender.isOver = true;
        this.#move(sender, fault.noticedMs);
        return;
      }
      case "move receiver": {
        const receiver = this.receivers[fault.target % this.receivers.length]!;
        this.#leaveRelay(receiver);
        this.#joinIn(receiver, receiver.random.scale(10, 5000));
        return;
      }
      case "kill relay":
        if (!relay.isAlive) return;
        relay.kill();
        this.clock.after(fault.lasts, () => {
          if (!relay.isAlive) relay.start();
        });
        return;
      case "pause relay":
        if (!relay.isServing) return;
        relay.pause();
        this.clock.after(fault.lasts, () => {
          if (relay.isAlive && relay.isPaused) relay.resume();
        });
        return;
      case "cut off relay":
        this.#cutOff(relay, true);
        this.clock.after(fault.lasts, () => this.#cutOff(relay, false));
        return;
      case "directory away":
        this.#away(true);
        this.clock.after(fault.lasts, () => this.#away(false));
        return;
      case "directory mute":
        this.directory.isMute = true;
        this.clock.after(fault.lasts, () => (this.directory.isMute = false));
        return;
      case "lose writes":
        this.hasLost = true;
        this.directory.lose(fault.lasts);
        return;
      case "crash worker":
        if (relay.isServing) relay.crashWorker(fault.target % WORKERS);
        return;
      case "keep share": {
        if (!relay.isServing) return;
        const key = `k${this.#kept++}`;
        const channel = `c${fault.target % 3}`;
        relay.run(() => relay.keep(key, channel, true));
        return;
      }
      case "release share":
        if (relay.isServing) relay.run(() => relay.releaseOne(fault.target));
        return;
      case "ask":
        if (relay.isServing) relay.run(() => relay.inquire(`s${fault.target % 7}`));
        return;
      case "look up": {
        const key = `s${fault.target % (this.senders.length + 1)}`;
        if (relay.isServing) relay.run(() => relay.lookUp(key));
        return;
      }
    }
  }

  #cutOff(relay: SimRelay, isCutOff: boolean): void {
    relay.isCutOff = isCutOff;
    if (relay.isAlive) relay.client.networkChanged();
  }

  #away(isAway: boolean): void {
    this.isDirectoryAway = isAway;
    for (const relay of this.relays) if (relay.isAlive) relay.client.networkChanged();
  }

  #calm(): void {
    this.trace(() => "all faults end");
    this.isQuiet = true;
    this.directory.isCalm = true;
    this.directory.isMute = false;
    this.isDirectoryAway = false;
    for (const relay of this.relays) {
      relay.isCutOff = false;
      if (!relay.isAlive) relay.start();
      if (relay.isPaused) relay.resume();
      relay.client.networkChanged();
    }
  }

  #leave(): void {
    this.trace(() => "all clients leave");
    for (const sender of this.senders) {
      sender.isOver = true;
      this.#end(sender);
    }
    for (const receiver of this.receivers) {
      receiver.isOver = true;
      this.#leaveRelay(receiver);
    }
    for (const relay of this.relays) relay.run(() => relay.releaseAll());
  }

  #until(at: number): void {
    const end = { isHere: false };
    this.clock.after(at - this.clock.now, () => (end.isHere = true));
    while (!end.isHere && this.clock.step());
  }

  /** Where all are. */
  standing(): string[] {
    return [
      ...this.senders.map(({ key, channel, relay, socket, isAccepted }) => {
        return `${key} of ${channel}: at ${relay?.id} as ${socket}${isAccepted ? ", accepted" : ""}`;
      }),
      ...this.relays.map((relay) => {
        const local = [...relay.local.values()].map((each) => JSON.stringify(each)).join(" ");
        return `${relay.id}: ${JSON.stringify(relay.book?.left)} ${local}`;
      }),
      ...[...this.directory.shares].map(([key, { value, revision }]) => {
        return `${key} = ${value.relay} at ${revision}`;
      }),
    ];
  }
}

/** Of stored shares. */
function ownersOf({ shares }: MemoryDirectory): Set<string> {
  const owners = [...shares].flatMap(([name, { value }]) => {
    return value.stored === undefined ? [] : `${name} at ${value.relay}`;
  });
  return new Set(owners);
}
