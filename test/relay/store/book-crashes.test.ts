/** Random histories of a book whose relay is killed between and during saves: what was said stays true. */
import { expect, test } from "bun:test";

import { FaultError, toHex } from "../../../protocol/mod.ts";
import type { BookEffect } from "../../../relay/store/book-effects.ts";
import { PROGRESS_MS } from "../../../relay/store/store-book.ts";
import { Random } from "../../simulation/random.ts";
import { BookPlay, claimOf } from "../../support/relay/book-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

const SEEDS = 300;
const STEPS = 120;
const SHARES = 4;
const RECORDS = 5;
const RECEIVERS = 6;
const FAILED = new FaultError("store-failed");

/** The words about one share since it was stored. */
interface Said {
  /** Of its records; another share with the same key has another. */
  readonly place: string | undefined;
  durable: number;
  isWhole: boolean;
  readonly counted: Set<string>;
  /** In the words of the protocol; undefined: it is not over. */
  over: string | undefined;
}

class History {
  readonly #random: Random;
  readonly #play: BookPlay;
  readonly #said = new Map<string, Said>();

  constructor(seed: number) {
    this.#random = new Random(`book ${seed}`);
    this.#play = new BookPlay();
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#step();
      if (this.#random.chance(0.5)) this.#save();
    }
    this.#crash();
  }

  #step(): void {
    const play = this.#play;
    const number = this.#random.whole(1, SHARES);
    // A new share in a channel silences those that are over.
    const channel = hexOf(0xc0 + number);
    const receiver = this.#random.whole(20, 20 + RECEIVERS);
    switch (this.#random.whole(0, 9)) {
      case 0:
      case 1: {
        // Several lives within one save that nobody heard of could not be told apart.
        const said = this.#said.get(hexOf(number));
        const isHere = [...play.book.shares].some(({ share }) => share.key === hexOf(number));
        if (said !== undefined && said.over === undefined && !isHere) return;
        const downloads = this.#random.chance(0.7) ? this.#random.whole(1, 3) : undefined;
        const life = this.#random.whole(1, 60);
        play.book.claim(
          claimOf(number, { channel, store: { life, ...(downloads && { downloads }) } }),
          play.now,
        );
        return;
      }
      case 2:
      case 3:
      case 4:
        return play.durable(
          number,
          this.#random.whole(0, RECORDS - 1),
          this.#random.whole(1, RECORDS),
        );
      case 5:
        return play.begun(number, receiver);
      case 6:
        return play.download(number, receiver);
      case 7:
        if (this.#random.chance(0.2)) play.book.revoke(0, number, hexOf(number), play.now);
        else if (this.#random.chance(0.5)) play.book.asked(1, channel, play.now);
        else play.book.unasked(1, channel, play.now);
        return;
      case 8:
        play.now += this.#random.whole(0, 20_000);
        return play.book.tick(play.now);
      default:
        if (this.#random.chance(0.3)) this.#crash();
    }
  }

  #save(): void {
    const play = this.#play;
    play.now += this.#random.whole(0, PROGRESS_MS);
    const batch = play.book.take(play.now);
    if (batch === undefined) return;
    const dies = this.#random.chance(0.1);
    if (dies) {
      // A crash during the save leaves all of it, or none.
      if (this.#random.chance(0.5)) play.ledger.save(batch);
      this.#crash();
      return;
    }
    const fails = !batch.isEmpty && this.#random.chance(0.1);
    if (!fails) play.ledger.save(batch);
    if (!fails) play.book.saved();
    const effects = fails ? play.book.saveFailed(FAILED, play.now) : batch.effects;
    for (const effect of effects) this.#hear(effect);
  }

  #hear(effect: BookEffect): void {
    switch (effect.t) {
      case "claim": {
        const { key } = effect.claim;
        const place = effect.opened?.state.place;
        if (this.#said.get(key)?.place !== place) this.#said.set(key, nothingSaid(place));
        return;
      }
      case "state": {
        const said = this.#said.get(effect.key);
        if (said === undefined) return;
        expect(said.over).toBeUndefined();
        said.durable = Math.max(said.durable, effect.durable);
        said.isWhole ||= effect.state.isWhole;
        expect(effect.state.isWhole).toBe(effect.durable === RECORDS);
        return;
      }
      case "open":
        expect(effect.opened.state.isWhole).toBe(true);
        return;
      case "counted":
        this.#said.get(effect.key)?.counted.add(toHex(effect.receiver));
        return;
      case "end": {
        const said = this.#said.get(effect.key);
        if (said !== undefined) said.over = effect.fault.code;
        return;
      }
      default:
        return;
    }
  }

  #crash(): void {
    this.#play.crash();
    const { book, ledger, now } = this.#play;
    const loaded = new Map([...book.shares].map((one) => [one.share.key, one]));
    const buried = new Map(ledger.load().tombstones.map((each) => [each.key, each]));
    for (const [key, said] of this.#said) {
      const one = loaded.get(key);
      const over = buried.get(key);
      expect(one === undefined || over === undefined).toBe(true);
      if (one !== undefined && one.share.place !== said.place) {
        // It was stored anew in a save that nobody heard of.
        this.#said.delete(key);
        continue;
      }
      expect(one === undefined || said.over === undefined).toBe(true);
      if (one === undefined) {
        // It ended in a save that nobody heard of, and for a reason.
        if (said.over === undefined) expect(over ?? !said.isWhole).toBeTruthy();
        if (said.over === undefined && over !== undefined)
          expect(over.downloads).toBeGreaterThanOrEqual(said.counted.size);
        this.#said.delete(key);
        continue;
      }
      expect(one.durable.size).toBeGreaterThanOrEqual(said.durable);
      const receipts = one.share.receipts.map(({ receiver }) => toHex(receiver));
      expect([...said.counted].filter((receiver) => !receipts.includes(receiver))).toEqual([]);
      expect(one.share.downloads).toBe(receipts.length);
    }
    for (const { share } of loaded.values()) expect(share.until).toBeLessThanOrEqual(now + 60_000);
  }
}

function nothingSaid(place: string | undefined): Said {
  return { place, durable: 0, isWhole: false, counted: new Set(), over: undefined };
}

test("whatever a crash comes between, a book that begins again knows all that it had said", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      new History(seed).run();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
