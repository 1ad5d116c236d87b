/**
 * The other relays of a list, while the receiver's own relay has no sender for it. Each side takes the first relay that it
 * reaches, so the sender may be at another one. They are asked in turn, beside the connection that stands.
 */
import { RelayProbe } from "../discovery/relay-probe.ts";
import type { Introduction } from "../../protocol/session/link.ts";

/** A relay is without a sender for so long before others are asked: a sender that reconnects needs less. ms */
const LOOK_AFTER_MS = 5000;
/** A relay tells its offers at once, and a far one is connected within this time. ms */
const OFFER_MS = 5000;
/** The pause after all were asked; it doubles up to the last one, as a sender may come in a day. ms */
const PAUSE_FIRST_MS = 5000;
const PAUSE_MOST_MS = 60_000;

export interface OtherRelaysOptions {
  /** Addresses, in the order of the list. */
  readonly relays: readonly string[];
  readonly ca: string | undefined;
  readonly introduction: Pick<Introduction, "signer" | "token">;
  /** The relay of that number, counted from 0, has a share of the code. */
  readonly found: (relay: number) => void;
}

export class OtherRelays {
  readonly #options: OtherRelaysOptions;
  #probe: RelayProbe | undefined;
  /** When the relay that is asked has had its time. ms */
  #until = 0;
  #lookAt: number | undefined;
  #pause = PAUSE_FIRST_MS;
  #asked = 0;

  constructor(options: OtherRelaysOptions) {
    this.#options = options;
  }

  /**
   * @param lacks whether the receiver's relay has no sender for it; undefined: there is no connection
   * @param own that relay
   */
  tick(now: number, lacks: boolean | undefined, own: string): void {
    if (lacks !== true) {
      this.end();
      this.#lookAt = undefined;
      if (lacks === false) this.#pause = PAUSE_FIRST_MS;
      return;
    }
    this.#lookAt ??= now + LOOK_AFTER_MS;
    this.#probe?.watch(now);
    if (this.#probe !== undefined && now >= this.#until) this.end();
    if (this.#probe === undefined && now >= this.#lookAt) this.#ask(now, own);
  }

  end(): void {
    this.#probe?.end();
    this.#probe = undefined;
  }

  #ask(now: number, own: string): void {
    const { relays, ca, introduction, found } = this.#options;
    const others = relays.filter((relay) => relay !== own);
    const address = others[this.#asked % others.length];
    if (address === undefined) return;
    this.#asked++;
    this.#until = now + OFFER_MS;
    if (this.#asked % others.length === 0) {
      this.#lookAt = now + this.#pause;
      this.#pause = Math.min(2 * this.#pause, PAUSE_MOST_MS);
    }
    const { hostname: host } = new URL(address);
    const probe = new RelayProbe(
      { address, introduction: { ...introduction, host }, ca, isDirect: false },
      {
        welcomed: () => undefined,
        offered: () => {
          this.end();
          found(relays.indexOf(address));
        },
        over: () => undefined,
        failed: () => {
          if (this.#probe === probe) this.#probe = undefined;
        },
      },
    );
    this.#probe = probe;
  }
}
