import {
  CORRUPT_RETRIES,
  LOST_GRACE_MS,
  PAUSE_GRACE_MS,
  ReceiverSession,
  WINDOW_MOST_RECORDS,
  WINDOW_RECORDS,
  decodeControl,
  decodeFrame,
  equalBytes,
  isFrame,
  isOfShare,
  toHex,
  type FaultCode,
  type Message,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
  type Signer,
} from "../../protocol/mod.ts";
import type { LinkAction } from "../../protocol/session/link.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";

import { Client } from "./client.ts";
import { checkWhole, type Copies, type Copy } from "./copies.ts";
import type { Connector, Ways } from "./network.ts";
import type { Random } from "./random.ts";
import type { SimShare } from "./share.ts";
import type { Wire } from "./wire.ts";
import { Violation, type World } from "./world.ts";

export interface ReceiverHabits {
  readonly lobby: boolean;
  /** How long the person thinks before agreeing; `declines`: and then says no. ms */
  readonly thinkMs: number;
  readonly declines: boolean;
  /** Records that hold the manifest. */
  readonly manifestRecords: number;
  /** For each record, to decrypt and write it. ms */
  readonly recordMs: number;
  readonly saveMs: number;
  /** Freezes for ever when it has so many records of a share. */
  readonly stopsAfter: number | undefined;
  /** When it has so many records of a share it drops all that comes for a while, once. */
  readonly drops: { readonly at: number; readonly lasts: number } | undefined;
  /** Its largest window, 0 for a client of before; drawn unless given. records */
  readonly windowMost?: number;
}

export interface ShareEnd {
  readonly fault: FaultCode | undefined;
  readonly confirmed: boolean;
  readonly at: number;
}

/** The state that outlasts a receiver's process, and the habits that the scenario gives it. */
export interface ReceiverHome {
  readonly name: string;
  readonly ways: Ways;
  readonly habits: ReceiverHabits;
  readonly signer: Signer;
  /** Lines of each of its processes. */
  readonly connections: number;
  readonly shares: ReadonlyMap<string, SimShare>;
  /** Of strangers: none of their records opens. */
  readonly strange: ReadonlyMap<string, SimShare>;
  readonly copies: Copies;
  /** The disk: copies by share. */
  readonly disk: Map<string, Copy>;
  /** Its id in each share. A receiver that is killed before it has a copy keeps it, see cli/receive/receiver-ids.ts. */
  readonly ids: Map<string, Uint8Array>;
  /** How each share ended here. */
  readonly ends: Map<string, ShareEnd>;
  /** Processes so far. */
  starts: number;
  /** The largest window that it asked for. records */
  windowAsked: number;
  /** All its lines. */
  readonly wires: Wire[];
  /** When the last record of each share was stored after the agreement. ms */
  readonly takenAt: Map<string, number>;
  /** When each share was first opened here. ms */
  readonly openedAt: Map<string, number>;
  /** When each share was whole here. ms */
  readonly wholeAt: Map<string, number>;
  /** A share that is stored was confirmed here. */
  readonly confirmed: () => void;
}

/** Long enough for a receipt to outlast all that the faults do. ms */
export const CONFIRM_MS = 600_000;

/** Chance that a receiver says the receipt of a stored share twice, as after a line that broke. */
const SAID_TWICE = 0.4;

/** Less than the relay's grace, by as much as both sides may differ about when it began. ms */
const LEFT_BEHIND_MS = LOST_GRACE_MS - 1000;
/** A late receiver hears that records are gone only behind the records on their way. ms */
const JOINING_MS = 3000;

function drawMost(world: World, name: string): number {
  return world.fork(`window of ${name}`).chance(0.5) ? WINDOW_MOST_RECORDS : 0;
}

/** A receiving process; mirrors cli/receive/receiving.ts and cli/receive/incoming.ts. */
export class SimReceiver extends Client {
  readonly #home: ReceiverHome;
  readonly #session: ReceiverSession;
  readonly #driver: SessionDriver<ReceiverEvent, ReceiverEffect>;
  readonly #repeats: Random;
  #share: SimShare | undefined;
  #copy: Copy | undefined;
  #ciphertext: Uint8Array | undefined;
  /** Damaged ones in a row. */
  #corrupt = 0;
  /** The first record that the relay was not allowed to send yet on the present line. */
  #allowed = 0;
  /** Since when it should be kept what it lacks: it never was away or paused for long. ms */
  #steadySince = Infinity;
  #joined = false;
  #dropsUntil: number | undefined;
  /** Whether its sender is there, as its relay said last; undefined: it is in no share, or has no line. */
  senderHere: boolean | undefined;
  /** When it joined a share on its line first. ms */
  joinedAt = 0;
  finished: { readonly fault: FaultCode | undefined } | undefined;

  constructor(home: ReceiverHome, world: World, network: Connector) {
    const { connections } = home;
    const part = `${home.name}, ${home.starts++}`;
    super(home.name, world, network, home.ways, { part, connections });
    this.#home = home;
    this.#repeats = world.fork(`receipts of ${part}`);
    const random = (): number => this.random.next();
    const { signer } = home;
    const { lobby } = home.habits;
    const isFull = this.random.chance(0.5) || home.habits.windowMost !== undefined;
    const window = isFull ? WINDOW_RECORDS : 2;
    const { windowMost = drawMost(world, home.name) } = home.habits;
    const { declines, thinkMs } = home.habits;
    const agrees = (): boolean => !declines && thinkMs === 0 && this.further !== undefined;
    this.#session = new ReceiverSession(
      {
        agrees,
        signer,
        lobby,
        window,
        windowMost,
        giveUpAfterMs: undefined,
        confirmMs: CONFIRM_MS,
        random,
      },
      world.clock.now,
    );
    const clock = (): number => this.now;
    this.#driver = new SessionDriver(this.#session, this, clock, (effect) => this.#do(effect));
  }

  /** Whether it has no share at hand. */
  get isIdle(): boolean {
    return this.#share === undefined;
  }

  /** On one line, for traces and for people. */
  get standing(): string {
    const { next } = this.#session;
    return `${this.name}: ${next ?? "no"} records of ${this.#share?.records ?? "no share"}`;
  }

  interrupt(): void {
    this.whenRunning(() => this.#handle({ type: "interrupted" }));
  }

  protected override prepare(wire: Wire): void {
    this.senderHere = undefined;
    this.#allowed = 0;
    this.#joined = false;
    this.#home.wires.push(wire);
    wire.down.cost = (bytes) => (isFrame(bytes) ? this.#home.habits.recordMs : 0);
  }

  protected override prepareFurther(wire: Wire): void {
    this.#home.wires.push(wire);
    wire.down.cost = (bytes) => (isFrame(bytes) ? this.#home.habits.recordMs : 0);
  }

  protected override onFurtherLost(): void {
    this.#handle({ type: "connection-lost" });
  }

  protected override onTick(): void {
    this.#handle({ type: "tick" });
  }

  protected override onOpened(): void {
    this.#handle({ type: "opened" });
  }

  protected override onLost(fault: FaultCode): void {
    this.#handle({ type: "lost", fault });
  }

  protected override onMessage(bytes: Uint8Array): void {
    if (!isFrame(bytes)) {
      const message = decodeControl(bytes, "relay-to-receiver");
      this.#handle({ type: "message", message });
      if (message.t === "welcome") this.extend("receiver", this.#home.signer, message.session);
      return;
    }
    const frame = decodeFrame(bytes);
    if (this.#share === undefined || !isOfShare(frame.tag, this.#share.offer.share)) return;
    if (frame.index >= this.#allowed) {
      throw new Violation(`${this.name} got ${frame.index} beyond its window, ${this.#allowed}`);
    }
    if (this.#drops()) return;
    this.#ciphertext = frame.ciphertext;
    const ciphertext = this.further?.mayCarry === true ? frame.ciphertext : undefined;
    this.#handle({ type: "frame", index: frame.index, ciphertext });
    this.#ciphertext = undefined;
  }

  /** Its line is well and it says that it is there, but it takes nothing. */
  #drops(): boolean {
    const { drops } = this.#home.habits;
    if (drops === undefined || this.#copy?.records.length !== drops.at) return false;
    if (this.#dropsUntil === undefined) this.world.count("takes nothing for a while");
    this.#dropsUntil ??= this.now + drops.lasts;
    return this.now < this.#dropsUntil;
  }

  #handle(event: ReceiverEvent): void {
    if (this.alive) this.#driver.handle(event);
  }

  #do(effect: Exclude<ReceiverEffect, LinkAction>): void {
    switch (effect.type) {
      case "open-share":
        this.#openShare(effect.offer);
        return;
      case "take":
        if (effect.early !== undefined) {
          this.world.count("record before its turn");
          this.#ciphertext = effect.early;
        }
        this.#take();
        return;
      case "ask":
        this.#ask();
        return;
      case "save":
        this.#save();
        return;
      case "share-over":
        this.#shareOver(effect);
        return;
      case "passed-over":
        if (effect.unreadable !== undefined) this.#checkStrange();
        this.#copy = undefined;
        this.#share = undefined;
        return;
      case "link":
      case "waiting":
        return;
      case "sender":
        this.senderHere = effect.here;
        return;
      case "finish":
        this.world.trace(() => `${this.name} finishes: ${effect.fault ?? "all well"}`);
        this.finished = { fault: effect.fault };
        this.exit();
        return;
    }
  }

  override control(message: Message): void {
    if (message.t === "join" && !this.#joined) {
      this.#noteJoin();
      // What a line has on its way already may still come.
      if (message.from === 0) this.world.store?.joins(toHex(message.share), message.receiver);
    }
    if ("window" in message) {
      this.#home.windowAsked = Math.max(this.#home.windowAsked, message.window);
    }
    if (message.t === "join") this.#allow(message.from + message.window);
    else if (message.t === "ack") this.#allow(message.next + message.window);
    super.control(message);
    if (message.t === "complete" && this.#saysTwice()) super.control(message);
  }

  #saysTwice(): boolean {
    const { store } = this.world;
    if (store === undefined || !this.#repeats.chance(SAID_TWICE)) return false;
    this.world.count("receipt said twice");
    return true;
  }

  #noteJoin(): void {
    this.joinedAt = this.now;
    this.#joined = true;
    const takenAt = this.#home.takenAt.get(this.#share?.key ?? "") ?? -Infinity;
    // Within its grace nothing of what it lacks goes; after, nothing from when the relay knows of it.
    if (this.now - takenAt > LEFT_BEHIND_MS) this.#steadySince = this.now + JOINING_MS;
    else this.#steadySince = Math.min(this.#steadySince, takenAt);
  }

  #allow(end: number): void {
    this.#allowed = Math.max(this.#allowed, end);
  }

  #openShare(offer: OfferSeen): void {
    const key = toHex(offer.share);
    const { shares, strange } = this.#home;
    const share = shares.get(key) ?? strange.get(key);
    if (share === undefined) throw new Violation(`${this.name} is offered an unknown share`);
    this.#share = share;
    this.senderHere = offer.senderHere;
    this.#steadySince = Infinity;
    this.#allowed = 0;
    if (!this.#home.openedAt.has(key)) this.#home.openedAt.set(key, this.now);
    let copy = this.#home.disk.get(key);
    if (copy === undefined) {
      const receiver = this.#home.ids.get(key) ?? this.random.bytes(16);
      this.#home.ids.set(key, receiver);
      copy = { receiver, records: [], agreed: false };
      this.#home.copies.add(copy);
    }
    this.#copy = copy;
    const { receiver, agreed } = copy;
    const name = share.name(receiver);
    const next = copy.records.length;
    const records = share.isOpen && next === share.records ? next : undefined;
    this.#handle({ type: "share-opened", receiver, name, next, agreed, records });
  }

  #take(): void {
    const copy = this.#copy;
    const { next } = this.#session;
    if (copy === undefined || this.#ciphertext === undefined || this.#share === undefined) return;
    if (next !== copy.records.length) {
      throw new Violation(`${this.name} takes ${next} as record ${copy.records.length}`);
    }
    if (copy.records.length === this.#home.habits.stopsAfter) {
      this.world.count("stopped for ever");
      this.freeze();
      return;
    }
    if (this.#home.strange.has(this.#share.key)) {
      this.world.count("record of a stranger");
      this.#handle({ type: "corrupt" });
      return;
    }
    if (this.#isCorrupt()) {
      this.world.count("corrupt record");
      this.#handle({ type: "corrupt" });
      return;
    }
    if (!equalBytes(this.#ciphertext, this.#share.ciphertext(next))) {
      throw new Violation(`${this.name} got another record ${next}`);
    }
    this.world.store?.took(copy.receiver);
    copy.records.push(this.#ciphertext.slice());
    this.world.count("records received");
    if (copy.agreed) this.#home.takenAt.set(this.#share.key, this.now);
    const last = this.#share.isOpen && next === this.#share.records - 1;
    this.#handle({ type: "stored", last });
    const needed = Math.min(this.#home.habits.manifestRecords, this.#share.records);
    if (copy.agreed) return;
    if (copy.records.length >= needed) this.#handle({ type: "manifest-known" });
    else this.#driver.perform(this.#session.previewMore());
  }

  /** Whether this one came damaged; not so often in a row that a receiver must give up. */
  #isCorrupt(): boolean {
    const corrupt =
      this.world.faulty &&
      this.#corrupt < CORRUPT_RETRIES &&
      this.random.chance(this.world.chances.corrupt);
    this.#corrupt = corrupt ? this.#corrupt + 1 : 0;
    return corrupt;
  }

  #ask(): void {
    const copy = this.#copy;
    const share = this.#share;
    const { thinkMs, declines } = this.#home.habits;
    this.world.clock.after(thinkMs, () =>
      this.whenRunning(() => {
        if (copy === undefined || share === undefined || copy !== this.#copy) return;
        if (!declines) {
          copy.agreed = true;
          if (thinkMs > PAUSE_GRACE_MS / 2) this.#steadySince = this.now + JOINING_MS;
          this.#home.disk.set(share.key, copy);
        }
        this.#handle({ type: declines ? "declined" : "accepted" });
      }),
    );
  }

  #save(): void {
    const copy = this.#copy;
    const share = this.#share;
    if (copy === undefined || share === undefined) return;
    checkWhole(copy, share);
    if (!this.#home.wholeAt.has(share.key)) this.#home.wholeAt.set(share.key, this.now);
    this.world.clock.after(this.#home.habits.saveMs, () =>
      this.whenRunning(() => {
        this.#handle({ type: "saved", mac: share.mac(copy.receiver, share.records) });
      }),
    );
  }

  /** Damage on the way never lasts so long that a share of the channel's own sender is unreadable. */
  #checkStrange(): void {
    this.world.count("passed over a stranger's share");
    if (this.#home.strange.has(this.#share?.key ?? "")) return;
    throw new Violation(`${this.name} passed over a share of its sender`);
  }

  #shareOver({ fault, confirmed }: Extract<ReceiverEffect, { type: "share-over" }>): void {
    const copy = this.#copy;
    const share = this.#share;
    this.senderHere = undefined;
    this.#copy = undefined;
    this.#share = undefined;
    if (share === undefined || copy === undefined) return;
    if (this.#home.strange.has(share.key) && fault !== "interrupted") {
      throw new Violation(`${this.name} ended with a stranger's share, ${fault ?? "whole"}`);
    }
    this.world.trace(() => `${this.name}: over, ${fault ?? "whole"}, confirmed ${confirmed}`);
    if (fault === undefined) checkWhole(copy, share);
    if (fault === "too-late") this.#checkTooLate(share);
    const { store } = this.world;
    if (confirmed) store?.confirmed(share.key, copy.receiver);
    // It had all of it, and came back to say so again.
    const isBack = store !== undefined && this.#home.ends.get(share.key)?.confirmed === true;
    if (isBack) return;
    if (fault !== undefined) store?.ended(share.key, copy.receiver, fault);
    this.#home.ends.set(share.key, { fault, confirmed, at: this.now });
    if (confirmed && store !== undefined) this.#home.confirmed();
  }

  /** A receiver that takes records is not left behind, unless the relay lost its records. */
  #checkTooLate({ key }: SimShare): void {
    const { name, wires, takenAt } = this.#home;
    const last = takenAt.get(key);
    if (last === undefined || this.world.streams.hasLost(key)) return;
    // The relay keeps nothing at first for a receiver that it disconnected.
    if (this.now < this.#steadySince || wires.some(({ stalled }) => stalled)) return;
    if (this.now - last > LEFT_BEHIND_MS) return;
    throw new Violation(`${name} took a record ${(this.now - last) | 0} ms ago, and is too late`);
  }
}
