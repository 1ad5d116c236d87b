import { LOST_GRACE_MS, SENDER_GRACE_MS, type Signer } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";

import { checkEnds } from "./checks.ts";
import { Clock } from "./clock.ts";
import { Copies } from "./copies.ts";
import type { Trace } from "./failure.ts";
import { Network, type Ways } from "./network.ts";
import { newParty, standingOf, type Party } from "./party.ts";
import { Random } from "./random.ts";
import { CONFIRM_MS, SimReceiver } from "./receiver.ts";
import { SimRelay } from "./relay.ts";
import { goalOf, isAble, stopsForEver, type Fault, type Scenario } from "./scenario.ts";
import { SimSender } from "./sender.ts";
import { SimShare } from "./share.ts";
import { Revoker } from "./revoker.ts";
import { runUntil } from "./run-until.ts";
import { SimStore } from "./store.ts";
import { checkStored, isLost } from "./stored-checks.ts";
import { Stormer } from "./stormer.ts";
import { Streams } from "./streams.ts";
import type { World } from "./world.ts";

export interface Outcome {
  /** For each receiver that can finish, when it had its last share. ms */
  readonly finishedAt: ReadonlyMap<string, number>;
  /** The largest window that each receiver asked for. records */
  readonly windows: ReadonlyMap<string, number>;
  readonly counts: ReadonlyMap<string, number>;
  readonly virtualMs: number;
  readonly steps: number;
}

/** Beyond the transfers themselves: late notices, silence, graces and stall timers. ms */
const SLACK_MS = 120_000;
const SETTLE_MS = 1000;
/** The sender's last message has arrived by then, if it does at all. */
const LAST_WORD_MS = 5000;
/** A share whose sender's last word was lost is closed by the relay after its grace. */
const CLOSING_MS = 660_000;
/** Chance that a receiver with a stored share takes it once more, and within which time. */
const COMES_BACK = 0.3;
const COMES_BACK_MS = 20_000;

/** Plays one scenario to its end and checks on the way all that must hold. */
export class Simulation {
  readonly #scenario: Scenario;
  readonly #clock = new Clock();
  readonly #counts = new Map<string, number>();
  readonly #world: World;
  readonly #network: Network;
  readonly #parties: Party[];
  readonly #senders: SimSender[] = [];
  readonly #shares: SimShare[];
  /** They are no part of what is checked; see `StrangerPlan`. */
  readonly #strangers: SimSender[] = [];
  readonly #signer: Signer;
  readonly #stormers: Stormer[] = [];
  readonly #copies = new Copies();
  /** Processes of senders that were started. */
  #starts = 0;
  #revoker: Revoker | undefined;
  /** Senders that stay are interrupted. */
  #isEnding = false;
  /** All is done but for the relay to forget it. */
  #over = false;

  constructor(scenario: Scenario, trace?: Trace) {
    this.#scenario = scenario;
    const { seed, chances } = scenario;
    const counts = this.#counts;
    const clock = this.#clock;
    this.#world = {
      clock,
      chances,
      streams: new Streams(clock),
      store: undefined,
      faulty: scenario.quietAt > 0,
      fork: (part) => new Random(`${seed} ${part}`),
      count: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
      trace: trace === undefined ? () => undefined : (text) => trace(line(clock.now, text())),
    };
    this.#network = new Network(this.#world);
    const signer = nodePrimitives.signer(new Random(`${seed} channel`).bytes(32));
    this.#signer = signer;
    const copies = this.#copies;
    this.#shares = scenario.shares.map(
      ({ size }, index) =>
        new SimShare(new Random(`${seed} share ${index}`), size, scenario.admits),
    );
    const shares = new Map(this.#shares.map((share) => [share.key, share]));
    if (scenario.store !== undefined) {
      this.#world.store = new SimStore(this.#world, scenario.store.disk, shares, copies);
    }
    this.#network.relay = new SimRelay(this.#world, scenario.relay);
    this.#startSenders();
    const strange = this.#startStrangers(signer, copies);
    const { connections } = scenario;
    this.#parties = scenario.receivers.map((plan, index) => {
      const confirmed = (): void => this.#comeBack(index);
      const name = `receiver ${index}`;
      return newParty(plan, { name, signer, connections, shares, strange, copies, confirmed });
    });
    for (const party of this.#parties) this.#plan(party);
    for (const fault of scenario.faults) clock.after(fault.at, () => this.#apply(fault));
    clock.after(scenario.quietAt, () => {
      this.#world.faulty = false;
      this.#world.trace(() => "nothing goes wrong from here on");
    });
  }

  /** @throws Violation, or whatever the code under test threw */
  run(): Outcome {
    const { ending } = this.#scenario;
    this.#runUntil(() => this.#receiversDone(), this.#deadline(), "receivers are done");
    this.#runUntil(() => this.#storingDone(), this.#clock.now + SLACK_MS, "shares are stored");
    this.#isEnding = true;
    if (ending.at === "interrupted when done")
      for (const sender of this.#senders) sender.interrupt();
    this.#runUntil(() => this.#sendersGone(), this.#clock.now + SLACK_MS, "senders are done");
    this.#over = true;
    this.#checkEnds();
    const { now: virtualMs, steps } = this.#clock;
    this.#checkNothingLeft();
    const finishedAt = new Map(
      this.#parties
        .filter(({ plan, home }) => isAble(plan) && home.wholeAt.size > 0)
        .map(({ home }) => [home.name, Math.max(...home.wholeAt.values())]),
    );
    const windows = new Map(this.#parties.map(({ home }) => [home.name, home.windowAsked]));
    return { finishedAt, windows, counts: this.#counts, virtualMs, steps };
  }

  /** Where everybody is, for who reads a failure. */
  standing(): string[] {
    return [
      ...this.#senders.map(
        ({ name, verified, outcome, standing }) =>
          `${name}: ${verified} verified, ${JSON.stringify(outcome) ?? "at work"}; ${standing}`,
      ),
      ...(this.#network.relay?.standing() ?? []),
      ...this.#parties.map((party) => standingOf(party, this.#isDone(party))),
    ];
  }

  get now(): number {
    return this.#clock.now;
  }

  #checkEnds(): void {
    const { store } = this.#world;
    if (store !== undefined) {
      for (const sender of this.#senders) {
        checkStored(this.#scenario, this.#parties, sender, store);
      }
      return;
    }
    const mayDrop = this.#counts.has("worker that drops records");
    checkEnds(this.#scenario, this.#parties, this.#senders, mayDrop);
  }

  /** @returns undefined: there is no such share */
  #sender(index: number, startAt: number): SimSender | undefined {
    const { shares, startWhen, connections, store } = this.#scenario;
    const ways = shares[index]?.ways;
    const share = this.#shares[index];
    if (ways === undefined || share === undefined) return undefined;
    const name = `sender ${index}`;
    const start = this.#starts++;
    return new SimSender(name, this.#world, this.#network, ways, share, {
      signer: this.#signer,
      goal: goalOf(this.#scenario),
      startWhen,
      copies: this.#copies,
      startAt,
      connections: share.offer.seekable ? connections : 1,
      ...(store && {
        part: `${name}, ${start}`,
        store: { life: store.life, ...(store.downloads && { downloads: store.downloads }) },
        stored: () => this.#revokeLater(share, ways, store.revokedAfter),
      }),
    });
  }

  #revokeLater(share: SimShare, ways: Ways, after: number | undefined): void {
    if (after === undefined || this.#revoker !== undefined) return;
    this.#clock.after(after, () => {
      if (this.#over || this.#revoker !== undefined) return;
      this.#revoker = new Revoker(this.#world, this.#network, ways, this.#signer, share);
    });
  }

  #startSenders(): void {
    for (const [index, { startAt }] of this.#scenario.shares.entries()) {
      const sender = this.#sender(index, startAt);
      if (sender === undefined) continue;
      this.#senders.push(sender);
      const { ending } = this.#scenario;
      if (ending.at === "interrupted") {
        this.#clock.after(startAt + ending.when, () => sender.interrupt());
      } else if (ending.at === "killed") {
        this.#clock.after(startAt + ending.when, () => sender.kill());
      }
    }
  }

  /** @returns their shares, by id */
  #startStrangers(signer: Signer, copies: Copies): Map<string, SimShare> {
    const { seed, strangers } = this.#scenario;
    const goal = { receivers: 1, stay: true };
    for (const [index, { size, ways, startAt, leavesAt }] of strangers.entries()) {
      const share = new SimShare(new Random(`${seed} stranger ${index}`), size, false);
      const options = { signer, goal, startWhen: undefined, copies, startAt };
      const name = `stranger ${index}`;
      const stranger = new SimSender(name, this.#world, this.#network, ways, share, options);
      this.#strangers.push(stranger);
      this.#clock.after(leavesAt, () => stranger.kill());
    }
    return new Map(this.#strangers.map(({ share }) => [share.key, share]));
  }

  #plan(party: Party): void {
    const { joinAt, absent } = party.plan;
    if (!absent) this.#clock.after(joinAt, () => this.#start(party));
  }

  #start(party: Party): void {
    if (this.#over) return;
    party.process = new SimReceiver(party.home, this.#world, this.#network);
  }

  /** By chance the person takes a stored share once more, which is all there. */
  #comeBack(index: number): void {
    const party = this.#parties[index];
    const random = this.#world.fork(`return of receiver ${index}`);
    if (party === undefined || !random.chance(COMES_BACK)) return;
    this.#clock.after(random.scale(10, COMES_BACK_MS), () => {
      if (this.#over || party.process?.frozen === true) return;
      this.#world.count("receiver back after its download");
      party.process?.kill();
      this.#start(party);
    });
  }

  #apply(fault: Fault): void {
    if (this.#over) return;
    const { count } = this.#world;
    switch (fault.kind) {
      case "cut receiver":
      case "cut sender": {
        const { kind, target, clientNotices, relayNotices } = fault;
        const client =
          kind === "cut sender" ? this.#senders[target] : this.#parties[target]?.process;
        if (client?.cut(clientNotices, relayNotices) !== true) return;
        count(Math.max(clientNotices, relayNotices) > 1000 ? `${kind}, half open` : kind);
        return;
      }
      case "freeze receiver":
      case "freeze sender": {
        const { kind, target, lasts } = fault;
        const client =
          kind === "freeze sender" ? this.#senders[target] : this.#parties[target]?.process;
        if (client?.alive !== true) return;
        count(kind);
        client.freeze();
        this.#clock.after(lasts, () => client.thaw());
        return;
      }
      case "kill receiver": {
        const party = this.#parties[fault.target];
        if (party?.process?.alive !== true || this.#isDone(party)) return;
        if (party.process.frozen) return;
        count(fault.kind);
        party.process.kill();
        this.#clock.after(fault.lasts, () => this.#start(party));
        return;
      }
      case "kill sender": {
        const { target, lasts } = fault;
        const sender = this.#senders[target];
        if (sender?.alive !== true || sender.frozen || this.#isEnding) return;
        count(fault.kind);
        sender.kill();
        this.#clock.after(lasts, () => {
          const next = this.#sender(target, this.#clock.now);
          if (next !== undefined) this.#senders[target] = next;
        });
        return;
      }
      case "storm": {
        const { ways, everyMs, lasts } = fault;
        const name = `stormer ${this.#stormers.length}`;
        const habits = { everyMs, lasts };
        this.#stormers.push(
          new Stormer(name, this.#world, this.#network, ways, this.#signer, habits),
        );
        return;
      }
      case "crash worker":
        this.#network.relay?.crash(fault.target);
        return;
      case "restart relay": {
        const { relay } = this.#network;
        if (relay === undefined) return;
        count(fault.gracefully ? "relay restart" : "relay crash");
        this.#world.trace(() => `relay stops, gracefully ${fault.gracefully}`);
        relay.stop(fault.gracefully);
        this.#network.relay = undefined;
        this.#clock.after(fault.lasts, () => {
          this.#world.trace(() => "relay starts again");
          this.#network.relay = new SimRelay(this.#world, this.#scenario.relay);
        });
        return;
      }
    }
  }

  // The end

  /** Whether nothing more is to come of this receiver. */
  #isDone({ home, process, plan }: Party): boolean {
    if (plan.absent || stopsForEver(plan.habits) || process?.finished !== undefined) return true;
    const { store } = this.#world;
    if (store !== undefined) {
      return this.#shares.every(({ key }) => {
        if (home.ends.has(key)) return true;
        // No message tells it that nothing is to come.
        const isOver = this.#senders.every(({ outcome }) => outcome !== undefined);
        return process?.isIdle === true && isOver && isLost(this.#scenario, key, store);
      });
    }
    return this.#shares.every(({ key }, index) => {
      if (home.ends.has(key)) return true;
      // Its receipt was taken, but the last word of the sender got lost, or was for a process killed.
      const sender = this.#senders[index];
      const copy = home.disk.get(key);
      if (sender === undefined || copy === undefined) return false;
      if (this.#clock.now < sender.finishedAt + LAST_WORD_MS) return false;
      return sender.hasVerified(copy.receiver);
    });
  }

  /** A sender that stays is not interrupted before. */
  #storingDone(): boolean {
    if (this.#world.store === undefined) return true;
    return this.#senders.every(
      ({ alive, outcome, wasStored }) => outcome !== undefined || (alive && wasStored),
    );
  }

  #sendersGone(): boolean {
    // A killed sender is started again when its share is stored.
    const isStored = this.#world.store !== undefined;
    return this.#senders.every(
      ({ alive, outcome }) => !alive && !(isStored && outcome === undefined),
    );
  }

  #receiversDone(): boolean {
    const { ending, store } = this.#scenario;
    if (this.#parties.every((party) => this.#isDone(party))) return true;
    if (store !== undefined) {
      return this.#parties.every((party) => !isAble(party.plan) || this.#isDone(party));
    }
    // A receiver that came when the sender was through waits for the next one.
    if (!this.#sendersGone()) return false;
    if (ending.at === "one done" || ending.at === "interrupted") return true;
    if (ending.at === "killed") {
      return this.#parties.every((party) => this.#isDone(party) || party.process?.isIdle === true);
    }
    return this.#parties.every((party) => !isAble(party.plan) || this.#isDone(party));
  }

  #deadline(): number {
    const { quietAt, transferMs, receivers, shares, strangers, ending, relay, faults } =
      this.#scenario;
    const starts = [
      ...receivers.map(({ joinAt }) => joinAt),
      ...shares.map((share) => share.startAt),
    ];
    const thinks = receivers.map(({ habits }) => habits.thinkMs * shares.length);
    const begun = Math.max(quietAt, ...starts);
    // A receiver in the lobby never hears that the sender that took its receipt is gone.
    const confirms = this.#scenario.lobby ? CONFIRM_MS * shares.length : 0;
    // The relay waits for the sender, and a receiver without a relay that knows it waits as long.
    const graces = ending.at === "killed" ? 2 * SENDER_GRACE_MS * shares.length : 0;
    // A stalled receiver holds up the others for a while, at each worker anew.
    const stalls = this.#scenario.stream
      ? (relay.stallMs + LOST_GRACE_MS) * relay.workers * (receivers.length + faults.length)
      : 0;
    // Each may hold a receiver for as long as it is there, and for its turn when it has left.
    const left = strangers.map(({ leavesAt }) => leavesAt + SLACK_MS);
    return (
      begun +
      Math.max(0, ...left) * (1 + left.length) +
      confirms +
      graces +
      stalls +
      Math.max(...thinks) +
      SLACK_MS +
      transferMs * (receivers.length + 1)
    );
  }

  #runUntil(done: () => boolean, deadline: number, what: string): void {
    runUntil(this.#clock, done, deadline, what);
  }

  /** Everybody goes; then the relay must hold nothing. */
  #checkNothingLeft(): void {
    for (const { process } of this.#parties) process?.interrupt();
    for (const stranger of this.#strangers) stranger.kill();
    const relay = (): SimRelay | undefined => this.#network.relay;
    const isClean = (): boolean => this.#world.store?.isClean !== false;
    const closed = (): boolean => relay()?.shares === 0 && isClean();
    // Before, because a claim may be on its way; after, because news of the end is.
    this.#settle();
    this.#runUntil(closed, this.#clock.now + CLOSING_MS, "all shares are closed");
    this.#settle();
    relay()?.checkEmpty();
    this.#world.store?.check();
  }

  #settle(): void {
    const settled = this.#clock.now + SETTLE_MS;
    this.#runUntil(() => this.#clock.now >= settled, Infinity, "the relay settled");
  }
}

function line(now: number, text: string): string {
  return `${now.toFixed(2).padStart(11)}  ${text}`;
}
