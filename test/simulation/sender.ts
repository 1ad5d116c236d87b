import {
  CREDIT_RECORDS,
  SenderSession,
  decodeControl,
  equalBytes,
  toHex,
  type FaultCode,
  type SenderEffect,
  type SenderEvent,
  type SenderGoal,
  type SenderOutcome,
  type StoreWish,
  type StartWhen,
  type Signer,
} from "../../protocol/mod.ts";
import type { LinkAction } from "../../protocol/session/link.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";

import { Client } from "./client.ts";
import type { Copies } from "./copies.ts";
import type { Connector, Ways } from "./network.ts";
import type { SimShare } from "./share.ts";
import type { Wire } from "./wire.ts";
import { Violation, type World } from "./world.ts";

const FULL_SOCKET_SLEEP_MS = 2;
/** The longest that a person takes to admit a receiver. ms */
const THINK_MS = 5000;

/** A sending process; mirrors cli/send/sending.ts. */
export class SimSender extends Client {
  readonly share: SimShare;
  readonly #session: SenderSession;
  readonly #driver: SessionDriver<SenderEvent, SenderEffect>;
  readonly #copies: Copies;
  readonly #signer: Signer;
  /** By which of the further lines records were sent. */
  readonly #sentBy = new Map<Wire, number[]>();
  readonly #uploadBuffer: number;
  readonly #startedAt: number;
  readonly #isStored: boolean;
  readonly #stored: (() => void) | undefined;
  /** The relay said that all of it is stored. */
  wasStored = false;
  readonly #sent = new Set<number>();
  /** Those sent on the present line. */
  readonly #sentOnLine = new Set<number>();
  #uploading = false;
  /** Records sent, with those sent again. */
  uploads = 0;
  #verified = new Set<string>();
  outcome: SenderOutcome | undefined;
  /** ms */
  finishedAt = Infinity;

  constructor(
    name: string,
    world: World,
    network: Connector,
    ways: Ways,
    share: SimShare,
    options: {
      signer: Signer;
      goal: SenderGoal;
      startWhen: StartWhen | undefined;
      copies: Copies;
      startAt: number;
      connections?: number;
      /** Of a process after others. */
      part?: string;
      store?: StoreWish | undefined;
      /** Its share is stored. */
      stored?: () => void;
    },
  ) {
    super(name, world, network, ways, options);
    this.share = share;
    this.#startedAt = options.startAt;
    this.#copies = options.copies;
    this.#uploadBuffer = 4 * (share.offer.recordSize + 16);
    const { offer, proof } = share;
    const { signer, goal, startWhen, store } = options;
    this.#isStored = store !== undefined;
    this.#stored = options.stored;
    this.#signer = signer;
    const random = (): number => this.random.next();
    this.#session = new SenderSession(
      { signer, offer, proof, goal, startWhen, giveUpAfterMs: undefined, random, store },
      options.startAt,
    );
    const clock = (): number => this.now;
    this.#driver = new SessionDriver(this.#session, this, clock, (effect) => this.#do(effect));
  }

  /** Receivers whose receipt was taken. */
  get verified(): number {
    return this.#verified.size;
  }

  hasVerified(receiver: Uint8Array): boolean {
    return this.#verified.has(toHex(receiver));
  }

  /** On one line, for traces and for people. */
  get standing(): string {
    const receivers = [...this.#session.receivers].map(
      ({ id, state, next, verified }) =>
        `${toHex(id.subarray(0, 3))} ${state} ${next}${verified ? " verified" : ""}`,
    );
    return `wants ${this.#session.wanted() ?? "nothing"}; ${receivers.join(", ")}`;
  }

  interrupt(): void {
    this.whenRunning(() => this.#handle({ type: "interrupted" }));
  }

  fail(fault: FaultCode): void {
    this.whenRunning(() => this.#handle({ type: "failed", fault }));
  }

  protected override prepare(): void {
    this.#sentOnLine.clear();
  }

  protected override onFurtherLost(wire: Wire): void {
    const records = this.#sentBy.get(wire)?.slice(-CREDIT_RECORDS) ?? [];
    this.#handle({ type: "connection-lost", records });
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
    const message = decodeControl(bytes, "relay-to-sender");
    this.#handle({ type: "message", message });
    if (message.t === "welcome") this.extend("sender", this.#signer, message.session);
  }

  #handle(event: SenderEvent): void {
    if (!this.alive) return;
    this.#driver.handle(event);
    this.#upload();
  }

  #do(effect: Exclude<SenderEffect, LinkAction>): void {
    switch (effect.type) {
      case "open-name": {
        const { entry } = effect;
        if (!equalBytes(entry.name, this.share.name(entry.id))) {
          throw new Violation(`${this.name} is told another name of ${toHex(entry.id)}`);
        }
        this.#handle({ type: "name-opened", entry, name: "" });
        return;
      }
      case "check-receipt": {
        const { receipt } = effect;
        const { receiver, records, mac } = receipt;
        const valid =
          records === this.share.records && equalBytes(mac, this.share.mac(receiver, records));
        this.#copies.mustBeWhole(receiver, this.share);
        this.#verified.add(toHex(receiver));
        this.#handle({ type: "receipt-checked", receipt, valid });
        return;
      }
      case "refused-receipt":
        throw new Violation(`${this.name} refused the receipt of ${toHex(effect.receiver)}`);
      case "ask":
        this.#think(effect.receiver.id);
        return;
      case "gate":
        if (effect.open) this.world.count("waited for receivers to agree");
        return;
      case "dismissed":
        throw new Violation(`${this.name} dismissed somebody`);
      case "storing":
        this.world.count("storing");
        this.world.store?.storing(this.share.key, effect.records);
        return;
      case "stored":
        this.world.count("stored");
        this.world.store?.stored(this.share);
        this.wasStored = true;
        this.#stored?.();
        return;
      case "link":
      case "receiver":
        return;
      case "finish":
        this.#finish(effect.outcome);
        return;
    }
  }

  /** A person says yes after a while. */
  #think(receiver: Uint8Array): void {
    this.world.count("admitted");
    this.world.clock.after(this.random.scale(1, THINK_MS), () =>
      this.whenRunning(() => this.#handle({ type: "judged", receiver, admit: true })),
    );
  }

  /** A record that can't be read again is sent again only if it may have got lost with a line. */
  #checkReadable(index: number): void {
    if (this.share.offer.seekable || !this.#sent.has(index)) return;
    const end = Math.max(...this.#sent) + 1;
    // The store may ask for a record again that it had no room for.
    const isAgain = !this.#isStored && this.#sentOnLine.has(index);
    if (isAgain || index < end - CREDIT_RECORDS) {
      throw new Violation(`${this.name} is asked for ${index} again, having sent ${end}`);
    }
  }

  #upload(): void {
    if (this.#uploading || !this.alive) return;
    for (;;) {
      const index = this.#session.wanted();
      if (index === undefined || this.wire === undefined || index >= this.share.records) return;
      const producedAt = this.#startedAt + this.share.producedAfter(index);
      if (producedAt > this.now) {
        this.#await(producedAt - this.now);
        return;
      }
      const by = this.#emptiest(this.wire);
      if (by.up.buffered >= this.#uploadBuffer) break;
      this.#checkReadable(index);
      if (by.isOpen) by.up.push(this.share.frame(index));
      if (by !== this.wire) this.#sentBy.set(by, [...(this.#sentBy.get(by) ?? []), index]);
      this.uploads++;
      this.world.count("records sent");
      if (this.#sent.has(index)) this.world.count("records sent again");
      this.#sent.add(index);
      this.#sentOnLine.add(index);
      this.#session.handle({ type: "sent", index }, this.now);
    }
    this.#await(FULL_SOCKET_SLEEP_MS);
  }

  #emptiest(main: Wire): Wire {
    const wires = [main, ...(this.further?.online ?? [])];
    return wires.reduce((least, wire) => (wire.up.buffered < least.up.buffered ? wire : least));
  }

  #await(ms: number): void {
    this.#uploading = true;
    this.world.clock.after(ms, () => {
      this.#uploading = false;
      this.whenRunning(() => this.#upload());
    });
  }

  #finish(outcome: SenderOutcome): void {
    this.world.trace(() => `${this.name} finishes: ${JSON.stringify(outcome)}`);
    this.outcome = outcome;
    this.finishedAt = this.now;
    if (outcome.verified !== this.#verified.size) {
      throw new Violation(`${this.name} counts ${outcome.verified}, not ${this.#verified.size}`);
    }
    this.exit();
  }
}
