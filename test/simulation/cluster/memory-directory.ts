/**
 * The directory of a cluster in memory, in virtual time, as JetStream is on a bad day: changes and the watch come late and
 * independently, answers get lost, a change without an answer may happen later, and writes that were done can be lost.
 */
import type {
  DirectoryEvents,
  Outcome,
  OwnerValue,
  RelayValue,
} from "../../../relay/cluster/directory-kv.ts";
import { RELAY_TTL_MS } from "../../../relay/cluster/directory-kv.ts";
import type { Time } from "../clock.ts";
import type { Random } from "../random.ts";

export interface DirectoryHabits {
  /** Most that a message takes, either way. ms */
  readonly latencyMs: number;
  /** Most that the watch is late. ms */
  readonly watchMs: number;
  /** Of changes: the answer does not come, and half of these happen later. */
  readonly unanswered: number;
  /** Of events: told twice. */
  readonly repeated: number;
}

interface Stored<Value> {
  readonly value: Value;
  readonly revision: number;
  readonly at: number;
}

interface Done {
  readonly at: number;
  readonly revision: number;
  readonly undo: () => void;
}

/** A question has its answer in that time, or none. ms */
const QUESTION_MS = 3000;
/** A watch is ended by silence of that. ms */
export const SILENT_MS = 7000;
const RETRY_MS = 1500;
/** A change without an answer may happen so late: it was on its way. ms */
const LATE_MS = 40_000;

export class MemoryDirectory {
  readonly clock: Time;
  readonly random: Random;
  readonly habits: DirectoryHabits;
  readonly shares = new Map<string, Stored<OwnerValue>>();
  readonly relays = new Map<string, Stored<RelayValue>>();
  readonly sessions = new Set<DirectoryClient>();
  isCalm = false;
  /** It answers no change, and tells of those that happen. */
  isMute = false;
  #revision = 0;
  #done: Done[] = [];

  constructor(clock: Time, random: Random, habits: DirectoryHabits) {
    this.clock = clock;
    this.random = random;
    this.habits = habits;
  }

  putShare(key: string, value: OwnerValue, revision: number): Outcome {
    if ((this.shares.get(key)?.revision ?? 0) !== revision) return { t: "conflict" };
    return this.#change("share", this.shares, key, value);
  }

  removeShare(key: string, revision: number): Outcome {
    if (this.shares.get(key)?.revision !== revision) return { t: "conflict" };
    return this.#change("share", this.shares, key, undefined);
  }

  putRelay(id: string, value: RelayValue | undefined): Outcome {
    return this.#change("relay", this.relays, id, value);
  }

  forgetOldRelays(): void {
    for (const [id, { at }] of this.relays) {
      if (this.clock.now - at > RELAY_TTL_MS) this.relays.delete(id);
    }
  }

  /** A server that had not written the last changes leads from now on. */
  lose(ms: number): void {
    const before = this.clock.now - ms;
    for (let last = this.#done.at(-1); last !== undefined && last.at > before;) {
      last.undo();
      this.#done.pop();
      this.#revision = last.revision - 1;
      last = this.#done.at(-1);
    }
    for (const session of this.sessions) {
      const id = session.session;
      this.clock.after(this.random.real(0, SILENT_MS), () => {
        if (session.session === id) session.cut();
      });
    }
  }

  #change<Value>(
    t: "share" | "relay",
    bucket: Map<string, Stored<Value>>,
    key: string,
    value: Value | undefined,
  ): Outcome {
    const before = bucket.get(key);
    const revision = ++this.#revision;
    const at = this.clock.now;
    if (value === undefined) bucket.delete(key);
    else bucket.set(key, { value, revision, at });
    const undo = (): void => {
      if (before === undefined) bucket.delete(key);
      else bucket.set(key, before);
    };
    this.#done.push({ at, revision, undo });
    if (this.#done.length > 2000) this.#done.splice(0, 1000);
    for (const session of this.sessions) session.tell((to) => tellOne(to, t, key, value, revision));
    return { t: "done", revision };
  }
}

function tellOne(
  to: DirectoryEvents,
  t: "share" | "relay",
  key: string,
  value: unknown,
  revision: number,
): void {
  if (t === "share") to.share({ key, value: value as OwnerValue | undefined, revision });
  else to.relay({ key, value: value as RelayValue | undefined, revision });
}

/** A relay's connection to the directory, again and again. Nothing comes after its end. */
export class DirectoryClient {
  /** Counts the connections; undefined: there is none. */
  session: number | undefined;
  readonly #directory: MemoryDirectory;
  readonly #events: DirectoryEvents;
  readonly #isReached: () => boolean;
  #sessions = 0;
  #isClosed = false;
  /** The watch keeps its order. */
  #toldUntil = 0;
  #held: ((to: DirectoryEvents) => void)[] = [];
  /** Of those that are held, so many are due. */
  #due = 0;
  #unanswered = new Set<(outcome: Outcome) => void>();

  constructor(directory: MemoryDirectory, events: DirectoryEvents, isReached: () => boolean) {
    this.#directory = directory;
    this.#events = events;
    this.#isReached = isReached;
    this.#connectIn(this.#latency());
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  /** The connection is over. */
  cut(): void {
    if (this.session === undefined) return;
    this.#end();
    this.#events.connected(false);
    this.#connectIn(this.#directory.random.real(100, RETRY_MS));
  }

  /** The network broke or healed. */
  networkChanged(): void {
    const { clock, random } = this.#directory;
    const { session } = this;
    if (session === undefined) return;
    if (this.#isReached()) {
      this.#tellDue();
      return;
    }
    clock.after(random.real(0, SILENT_MS), () => {
      if (this.session === session && !this.#isReached()) this.cut();
    });
  }

  tell(event: (to: DirectoryEvents) => void, isRepeat = false): void {
    const { clock, random, habits, isCalm } = this.#directory;
    const { session } = this;
    const most = isCalm ? 5 : habits.watchMs;
    this.#toldUntil = Math.max(this.#toldUntil, clock.now + random.real(0, most));
    this.#held.push(event);
    clock.after(this.#toldUntil - clock.now, () => {
      if (this.session === session) this.#tellNext();
    });
    if (!isRepeat && random.chance(habits.repeated)) this.tell(event, true);
  }

  change(operation: (directory: MemoryDirectory) => Outcome, answer: (outcome: Outcome) => void) {
    const directory = this.#directory;
    const { clock, random, habits, isCalm } = directory;
    const { session } = this;
    const finish = (outcome: Outcome): void => {
      if (this.#unanswered.delete(finish)) answer(outcome);
    };
    this.#unanswered.add(finish);
    const unknown: Outcome = { t: "unknown", why: "no answer" };
    if (session === undefined) {
      finish(unknown);
      return;
    }
    clock.after(QUESTION_MS, () => finish(unknown));
    const isLost = directory.isMute || (!isCalm && random.chance(habits.unanswered));
    const happens = !isLost || random.chance(0.5);
    const delay = isLost && random.chance(0.5) ? random.real(0, LATE_MS) : this.#latency();
    if (!happens) return;
    clock.after(delay, () => {
      if (!this.#isReached() && random.chance(0.5)) return;
      const outcome = operation(directory);
      if (isLost) return;
      clock.after(this.#latency(), () => {
        if (this.#isReached() && this.session === session) finish(outcome);
      });
    });
  }

  #tellNext(): void {
    this.#due++;
    this.#tellDue();
  }

  #tellDue(): void {
    while (this.#due > 0 && this.#isReached()) {
      this.#due--;
      this.#held.shift()?.(this.#events);
    }
  }

  #latency(): number {
    const { random, habits, isCalm } = this.#directory;
    return random.real(0, isCalm ? 5 : habits.latencyMs);
  }

  #connectIn(ms: number): void {
    this.#directory.clock.after(ms, () => this.#connect());
  }

  #connect(): void {
    const directory = this.#directory;
    if (this.#isClosed || this.session !== undefined) return;
    if (!this.#isReached()) {
      this.#connectIn(directory.random.real(100, RETRY_MS));
      return;
    }
    this.session = ++this.#sessions;
    this.#toldUntil = directory.clock.now;
    const told = new Set<string>();
    directory.sessions.add(this);
    directory.forgetOldRelays();
    this.#events.connected(true);
    const tellAll = (t: "share" | "relay", bucket: Map<string, Stored<unknown>>): void => {
      for (const [key, { value, revision }] of bucket) {
        this.tell((to) => tellOne(to, t, key, value, revision));
      }
    };
    for (const key of directory.shares.keys()) told.add(key);
    if (directory.random.chance(0.5)) {
      tellAll("relay", directory.relays);
      tellAll("share", directory.shares);
    } else {
      tellAll("share", directory.shares);
      tellAll("relay", directory.relays);
    }
    this.tell((to) => to.synced(told), true);
  }

  #end(): void {
    this.session = undefined;
    this.#held = [];
    this.#due = 0;
    this.#directory.sessions.delete(this);
    const unanswered = this.#unanswered;
    this.#unanswered = new Set();
    for (const finish of unanswered) {
      this.#unanswered.add(finish);
      finish({ t: "unknown", why: "the connection was lost" });
    }
  }
}
