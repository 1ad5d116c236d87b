/**
 * Plays a fleet in virtual time: relays of one cluster with all that is real of them (directory, keeper and book of the
 * cluster, hubs, uplinks, edges, the wire between relays), their directory in memory, and the simulated senders and receivers,
 * which come to any relay. When the faults end, everyone ends, with whole copies; when all have left, nothing is left.
 */
import { SENDER_GRACE_MS, channelOf, toHex, type Signer } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import { RELAY_ID_BYTES } from "../../../relay/cluster/wire.ts";
import { MemoryDirectory } from "../cluster/memory-directory.ts";
import { Clock } from "../clock.ts";
import { Copies } from "../copies.ts";
import type { Trace } from "../failure.ts";
import { newParty, standingOf, type Party } from "../party.ts";
import { Random } from "../random.ts";
import { CONFIRM_MS, SimReceiver } from "../receiver.ts";
import { SimRelay } from "../relay.ts";
import { runUntil } from "../run-until.ts";
import { isAble, stopsForEver } from "../scenario.ts";
import { SimSender } from "../sender.ts";
import { SimShare } from "../share.ts";
import { Streams } from "../streams.ts";
import { Violation, type World } from "../world.ts";
import { checkFleetEnds } from "./checks.ts";
import { RelayWorld } from "./host.ts";
import { FleetNetwork, type Place } from "./network.ts";
import { goalOf, type FleetFault, type FleetScenario } from "./scenario.ts";
import { DirectorySeat } from "./seat.ts";

export interface FleetOutcome {
  readonly virtualMs: number;
  readonly steps: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Relays are found gone, claims wait, lines are opened again, stalls end. ms */
const SLACK_MS = 180_000;
/** The sender's last message has arrived by then, if it does at all. ms */
const LAST_WORD_MS = 8000;
/** A link is kept for a minute, and a share whose sender's last word was lost for the grace. ms */
const CLOSING_MS = SENDER_GRACE_MS + 90_000;
/** Receivers hear within that time whether their sender is there, behind records on their way. ms */
const HEARD_MS = 8000;
/** And its relay knows of a receiver by then. ms */
const JOINED_MS = 1000;
/** While nothing but the end of all is waited for. ms */
const CLOSING_TICK_MS = 2500;
const SECRET_BYTES = 32;

export class Fleet {
  readonly #scenario: FleetScenario;
  readonly #clock = new Clock();
  readonly #counts = new Map<string, number>();
  readonly #world: World & { tickMs: number | undefined };
  readonly #network: FleetNetwork;
  readonly #directory: MemoryDirectory;
  readonly #secret: ClusterSecret;
  readonly #seats: (DirectorySeat | undefined)[] = [];
  readonly #isCutOff: boolean[];
  #isDirectoryAway = false;
  #hasLostWrites = false;
  readonly #lives: number[];
  readonly #signer: Signer;
  readonly #channel: string;
  readonly #copies = new Copies();
  readonly #streams: Streams[] = [];
  readonly #shares: SimShare[];
  readonly #senders: SimSender[];
  readonly #parties: Party[];
  /** Shares whose stream was lost with a sender that was told wrongly that it was replaced. */
  readonly #excused = new Set<number>();
  /** Processes of senders that were started, and those that are started again in a while. */
  #starts = 0;
  /** Processes that another one with the same share came after; by share, the newest last. */
  readonly #rivals = new Map<number, SimSender[]>();
  readonly #restarted = new Set<number>();
  #awaited = 0;
  #isEnding = false;
  #over = false;

  constructor(scenario: FleetScenario, trace?: Trace) {
    this.#scenario = scenario;
    const { seed, chances } = scenario;
    const counts = this.#counts;
    const clock = this.#clock;
    const fork = (part: string): Random => new Random(`fleet ${seed} ${part}`);
    this.#world = {
      clock,
      chances,
      streams: new Streams(clock),
      store: undefined,
      faulty: !scenario.isCalm,
      tickMs: undefined,
      fork,
      count: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
      trace:
        trace === undefined
          ? () => undefined
          : (text) => trace(`${clock.now.toFixed(2).padStart(11)}  ${text()}`),
    };
    this.#network = new FleetNetwork(this.#world, scenario.relays.length, {
      between: (from, to) => scenario.between[from + to]!,
      sticks: scenario.sticks,
    });
    this.#directory = new MemoryDirectory(clock, fork("directory"), scenario.directory);
    this.#secret = new ClusterSecret(fork("secret").bytes(SECRET_BYTES), nodePrimitives);
    this.#isCutOff = scenario.relays.map(() => false);
    this.#lives = scenario.relays.map(() => 0);
    this.#signer = nodePrimitives.signer(fork("channel").bytes(32));
    this.#channel = toHex(channelOf(this.#signer.publicKey, nodePrimitives));
    this.#shares = scenario.shares.map(
      ({ size }, index) => new SimShare(fork(`share ${index}`), size, scenario.admits),
    );
    if (!scenario.isCalm) this.#loseStreams();
    for (const place of this.#network.places) this.#start(place);
    this.#senders = scenario.shares.map(({ startAt }, index) => this.#sender(index, startAt));
    this.#parties = scenario.receivers.map((plan, index) => this.#party(plan, index));
    for (const party of this.#parties) clock.after(party.plan.joinAt, () => this.#join(party));
    for (const fault of scenario.faults) clock.after(fault.at, () => this.#apply(fault));
    const { ending } = scenario;
    if (ending.at === "interrupted") {
      clock.after(ending.when, () => {
        for (const sender of this.#senders) sender.interrupt();
      });
    }
    clock.after(scenario.quietAt, () => this.#calm());
  }

  /** @throws Violation, or whatever the code under test threw */
  run(): FleetOutcome {
    this.#runUntil(() => this.#receiversDone(), this.#deadline(), "receivers are done");
    this.#isEnding = true;
    for (const rival of [...this.#rivals.values()].flat()) {
      if (!this.#senders.includes(rival)) rival.kill();
    }
    if (this.#scenario.ending.at === "interrupted when done") {
      for (const sender of this.#senders) sender.interrupt();
    }
    this.#runUntil(() => this.#sendersGone, this.#clock.now + SLACK_MS, "senders are done");
    this.#over = true;
    checkFleetEnds(this.#scenario, this.#parties, this.#senders, {
      excused: this.#excused,
      restarted: this.#restarted,
      framesToEdges: this.#counts.get("frames to edges") ?? 0,
      isDropping: this.#counts.has("worker that drops records"),
      streams: this.#streams,
    });
    this.#checkNothingLeft();
    const { now: virtualMs, steps } = this.#clock;
    return { virtualMs, steps, counts: this.#counts };
  }

  /** Where everybody is, for who reads a failure. */
  standing(): string[] {
    return [
      ...this.#senders.map(
        ({ name, verified, outcome, standing }) =>
          `${name}: ${verified} verified, ${JSON.stringify(outcome) ?? "at work"}; ${standing}`,
      ),
      ...this.#network.places.flatMap(({ index, relay, host }) => [
        `relay ${index}: ${host?.isPaused === true ? "stands still, " : ""}${JSON.stringify(relay?.cluster?.counts)}`,
        ...(relay?.standing().map((line) => `  ${line}`) ?? []),
      ]),
      ...this.#parties.map((party) => standingOf(party, this.#isDone(party))),
      ...[...this.#directory.shares].map(
        ([key, { value, revision }]) => `${key.slice(-8)} = ${value.relay} at ${revision}`,
      ),
    ];
  }

  // Relays

  #start(place: Place): void {
    const { index } = place;
    if (place.relay !== undefined) return;
    const settings = this.#scenario.relays[index]!;
    const life = (this.#lives[index] = (this.#lives[index] ?? 0) + 1);
    const world = new RelayWorld(this.#world, `relay ${index}.${life}`);
    const random = world.fork("seat");
    const id = toHex(random.bytes(RELAY_ID_BYTES));
    const isReached = (): boolean => this.#isCutOff[index] !== true && !this.#isDirectoryAway;
    const seat = new DirectorySeat(
      id,
      world,
      this.#directory,
      isReached,
      () => this.#hasLostWrites,
      this.#scenario.connections > 1,
    );
    this.#seats[index] = seat;
    this.#streams.push(world.streams);
    place.host = world.clock;
    world.trace(() => `starts as ${id}`);
    place.relay = new SimRelay(world, settings, {
      relay: id,
      secret: this.#secret,
      address: `${index}`,
      site: this.#scenario.sites[index],
      open: seat.open,
      random: () => random.next(),
      connect: (address, end) => this.#network.link(index, address, end),
      wrote: (key) => seat.wrote(this.#nameOf(key)),
    });
  }

  readonly #names = new Map<string, string>();

  #nameOf(key: string): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `${this.#secret.blinded(this.#channel)}.${this.#secret.blinded(key)}`;
    this.#names.set(key, name);
    return name;
  }

  #end(place: Place, fault: Extract<FleetFault, { kind: "end relay" }>): void {
    const { relay, host } = place;
    if (relay === undefined || host === undefined || host.isPaused) return;
    this.#world.count(fault.gracefully ? "relay ended" : "relay killed");
    this.#world.trace(() => `relay ${place.index} ends, gracefully ${fault.gracefully}`);
    relay.stop(fault.gracefully, fault.gracefully ? undefined : fault.noticedMs);
    const seat = this.#seats[place.index];
    place.relay = undefined;
    this.#clock.after(fault.gracefully ? 600 : 1, () => {
      // Promises of the keeper end with it.
      seat?.close();
      host.kill();
    });
    this.#clock.after(Math.max(1000, fault.lasts), () => this.#start(place));
  }

  // Clients

  #sender(index: number, startAt: number): SimSender {
    const { shares, connections } = this.#scenario;
    const share = this.#shares[index]!;
    const name = `sender ${index}`;
    const start = this.#starts++;
    return new SimSender(name, this.#world, this.#network, shares[index]!.ways, share, {
      signer: this.#signer,
      goal: goalOf(this.#scenario),
      startWhen: undefined,
      copies: this.#copies,
      startAt,
      part: `${name}, ${start}`,
      connections: share.offer.seekable ? connections : 1,
    });
  }

  #party(plan: Party["plan"], index: number): Party {
    return newParty(plan, {
      name: `receiver ${index}`,
      signer: this.#signer,
      connections: this.#scenario.connections,
      shares: new Map(this.#shares.map((share) => [share.key, share])),
      strange: new Map<string, SimShare>(),
      copies: this.#copies,
      confirmed: () => undefined,
    });
  }

  #join(party: Party): void {
    if (!this.#over) party.process = new SimReceiver(party.home, this.#world, this.#network);
  }

  /** No other fault occurs: receivers at all relays hear that the sender went, and that it came back. */
  #checkHeard(lasts: number): void {
    const since = this.#clock.now;
    const check = (isHere: boolean): void => {
      for (const { home, process } of this.#parties) {
        if (process?.alive !== true || process.frozen || process.senderHere !== !isHere) continue;
        // Its relay may have said so before it was in the share.
        if (process.joinedAt > since - JOINED_MS) continue;
        throw new Violation(
          `${home.name} did not hear that its sender ${isHere ? "is back" : "went"}`,
        );
      }
    };
    this.#clock.after(HEARD_MS, () => check(false));
    this.#clock.after(lasts + HEARD_MS, () => {
      if (this.#senders[0]?.alive === true) check(true);
    });
  }

  #restart(index: number): void {
    this.#restarted.add(index);
    const sender = this.#sender(index, this.#clock.now);
    this.#senders[index] = sender;
    const { ending } = this.#scenario;
    const isLate = ending.at === "interrupted" && this.#clock.now >= ending.when;
    if (isLate || (this.#isEnding && ending.at === "interrupted when done")) sender.interrupt();
  }

  /** A sender ended by what the relays told it. */
  #watchSenders(): void {
    for (const [index, sender] of this.#senders.entries()) {
      if (sender.outcome?.fault !== "replaced" || this.#excused.has(index)) continue;
      const rival = this.#rivals.get(index)?.findLast(({ alive }) => alive);
      if (rival !== undefined) {
        // It was away when the other one came, and came back.
        this.#senders[index] = rival;
        continue;
      }
      // A write that is lost may be told late, and then looks like a later one. Its sender must be started again.
      if (!this.#hasLostWrites) throw new Violation(`${sender.name} is told that it was replaced`);
      this.#world.count("sender replaced by a lost write");
      if (sender.share.offer.seekable) this.#restart(index);
      else this.#excused.add(index);
    }
  }

  // Faults

  #apply(fault: FleetFault): void {
    if (this.#over) return;
    const { count } = this.#world;
    const random = this.#world.fork(`fault at ${fault.at}`);
    this.#world.trace(() => `fault: ${JSON.stringify(fault)}`);
    const place = this.#network.places[fault.target % this.#network.places.length]!;
    switch (fault.kind) {
      case "cut sender":
      case "cut receiver": {
        const isSender = fault.kind === "cut sender";
        const client = isSender
          ? this.#senders[fault.target]
          : this.#parties[fault.target]?.process;
        if (client?.cut(fault.clientNotices, fault.relayNotices) !== true) return;
        if (fault.to !== undefined) this.#network.send(client, fault.to);
        count(fault.to === undefined ? fault.kind : `${fault.kind} and move`);
        return;
      }
      case "freeze sender":
      case "freeze receiver": {
        const isSender = fault.kind === "freeze sender";
        const client = isSender
          ? this.#senders[fault.target]
          : this.#parties[fault.target]?.process;
        if (client?.alive !== true) return;
        count(fault.kind);
        client.freeze();
        this.#clock.after(fault.lasts, () => client.thaw());
        return;
      }
      case "kill receiver": {
        const party = this.#parties[fault.target];
        if (party?.process?.alive !== true || party.process.frozen || this.#isDone(party)) return;
        count(fault.kind);
        party.process.kill();
        this.#clock.after(fault.lasts, () => this.#join(party));
        return;
      }
      case "kill sender": {
        const sender = this.#senders[fault.target];
        if (sender?.alive !== true || sender.frozen || this.#isEnding) return;
        count(fault.kind);
        sender.kill();
        this.#awaited++;
        if (this.#scenario.isCalm) this.#checkHeard(fault.lasts);
        this.#clock.after(fault.lasts, () => {
          this.#awaited--;
          this.#restart(fault.target);
        });
        return;
      }
      case "rival sender": {
        const sender = this.#senders[fault.target];
        if (sender?.alive !== true || this.#isEnding) return;
        count(fault.kind);
        this.#rivals.set(fault.target, [...(this.#rivals.get(fault.target) ?? []), sender]);
        this.#restart(fault.target);
        this.#network.send(this.#senders[fault.target]!, fault.to);
        return;
      }
      case "end relay":
        this.#end(place, fault);
        return;
      case "pause relay": {
        const { host } = place;
        if (host === undefined || place.relay === undefined || host.isPaused) return;
        count(fault.isClockStill ? "relay paused with its clock" : "relay paused");
        host.pause(fault.isClockStill);
        this.#network.paused(place.index, () => host.isPaused && host.isAlive);
        this.#clock.after(fault.lasts, () => host.resume());
        return;
      }
      case "part relays": {
        const { from, target, lasts } = fault;
        count(fault.kind);
        this.#network.part(from, target, random);
        this.#clock.after(lasts, () => this.#network.heal(from, target));
        return;
      }
      case "crash worker": {
        const { relay, host } = place;
        if (relay === undefined || host?.isPaused === true) return;
        const worker = random.whole(0, this.#scenario.relays[place.index]!.workers - 1);
        relay.crash(worker);
        return;
      }
      case "cut links":
        if (this.#network.cutLinks(place.index, random) > 0) count(fault.kind);
        return;
      case "cut off relay":
        count(fault.kind);
        this.#cutOff(place.index, true);
        this.#clock.after(fault.lasts, () => this.#cutOff(place.index, false));
        return;
      case "directory away":
        count(fault.kind);
        this.#away(true);
        this.#clock.after(fault.lasts, () => this.#away(false));
        return;
      case "directory mute":
        count(fault.kind);
        this.#directory.isMute = true;
        this.#clock.after(fault.lasts, () => (this.#directory.isMute = false));
        return;
      case "lose writes":
        count(fault.kind);
        this.#hasLostWrites = true;
        this.#directory.lose(fault.lasts);
        return;
    }
  }

  #cutOff(index: number, is: boolean): void {
    this.#isCutOff[index] = is;
    this.#seats[index]?.networkChanged();
  }

  #away(is: boolean): void {
    this.#isDirectoryAway = is;
    for (const seat of this.#seats) seat?.networkChanged();
  }

  /** All faults have ended by their own time; chance makes no more. */
  #calm(): void {
    this.#world.trace(() => "nothing goes wrong from here on");
    this.#world.faulty = false;
    this.#directory.isCalm = true;
  }

  /** A stream may lose its records at any time, and then receivers are too late rightly. */
  #loseStreams(): void {
    const { streams } = this.#world;
    for (const { key } of this.#shares) streams.accepted(key);
    streams.relayStopped();
  }

  // The end

  /** Whether nothing more is to come of this receiver. */
  #isDone({ home, process, plan }: Party): boolean {
    if (stopsForEver(plan.habits) || process?.finished !== undefined) return true;
    return this.#shares.every(({ key }, index) => {
      if (home.ends.has(key)) return true;
      const sender = this.#senders[index]!;
      const copy = home.disk.get(key);
      // Its receipt was taken, but the last word of the sender got lost, or was for a process killed.
      const isOver = this.#clock.now >= sender.finishedAt + LAST_WORD_MS;
      if (this.#excused.has(index)) return isOver;
      return copy !== undefined && isOver && sender.hasVerified(copy.receiver);
    });
  }

  get #sendersGone(): boolean {
    return this.#awaited === 0 && this.#senders.every(({ alive }) => !alive);
  }

  #receiversDone(): boolean {
    this.#watchSenders();
    const { ending } = this.#scenario;
    if (this.#parties.every((party) => this.#isDone(party))) return true;
    // A receiver that came when the sender was through waits for the next one.
    if (!this.#sendersGone) return false;
    if (ending.at === "one done" || ending.at === "interrupted") return true;
    return this.#parties.every((party) => !isAble(party.plan) || this.#isDone(party));
  }

  #deadline(): number {
    const { quietAt, transferMs, receivers, shares, isStream, relays, faults } = this.#scenario;
    const starts = [
      ...receivers.map(({ joinAt }) => joinAt),
      ...shares.map(({ startAt }) => startAt),
    ];
    const thinks = receivers.map(({ habits }) => habits.thinkMs * shares.length);
    const confirms = this.#scenario.lobby ? CONFIRM_MS * shares.length : 0;
    const stallMs = Math.max(...relays.map((relay) => relay.stallMs));
    const stalls = isStream ? 2 * stallMs * (receivers.length + faults.length) : 0;
    // Receivers over the limit come when others have left.
    const turns = relays.some(({ receiversMost }) => receiversMost !== undefined) ? 20_000 : 0;
    const drops = receivers.map(({ habits }) => habits.drops?.lasts ?? 0);
    return (
      Math.max(quietAt, ...starts) +
      confirms +
      stalls +
      Math.max(...thinks) +
      Math.max(...drops) +
      SLACK_MS +
      (transferMs + turns) * (receivers.length + 1)
    );
  }

  #runUntil(done: () => boolean, deadline: number, what: string): void {
    runUntil(this.#clock, done, deadline, what);
  }

  /** Everybody goes; then the relays and the directory must hold nothing. */
  #checkNothingLeft(): void {
    this.#world.tickMs = CLOSING_TICK_MS;
    for (const { process } of this.#parties) process?.interrupt();
    const { places } = this.#network;
    const healed = Math.max(this.#clock.now, this.#scenario.quietAt) + 2000;
    this.#runUntil(() => this.#clock.now >= healed, Infinity, "all faults have ended");
    const isClosed = (): boolean => {
      if (this.#directory.shares.size > 0) return false;
      return places.every(({ relay }) => {
        if (relay === undefined || relay.shares > 0 || relay.edgeLines > 0) return false;
        const { owned, links, waitingClaims, shares } = relay.cluster!.counts;
        return owned + links + waitingClaims + shares === 0;
      });
    };
    this.#runUntil(isClosed, this.#clock.now + CLOSING_MS, "all shares are closed");
    // News of it is on its way to the workers.
    const settled = this.#clock.now + CLOSING_TICK_MS;
    this.#runUntil(() => this.#clock.now >= settled, Infinity, "the relays settled");
    for (const { relay } of places) relay?.checkEmpty();
  }
}
