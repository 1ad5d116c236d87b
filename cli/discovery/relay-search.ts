/**
 * The search for the relay that has the share of a code: at its usual place on this machine, and in the
 * networks. `Candidates` decides, `seek` hears, and a `RelayProbe` tries. The streaming thread begins it; the
 * receive pauses it while its relay serves, and begins it again when that relay is lost or proves nothing.
 */
import { FAULTS, type FaultCode } from "../../protocol/wire/faults.ts";
import type { Signer } from "../../protocol/crypto/crypto.ts";
import { shownAddress, withoutBrackets } from "../connection/relay-address.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Route } from "../job/routes.ts";
import { Candidates } from "./candidates.ts";
import { RelayProbe } from "./relay-probe.ts";
import { seek, type Seeking } from "./seeker.ts";

const TICK_MS = 250;
/** Between two events about the search: announcements that come and go cause no flood of lines. ms */
const TELL_EVERY_MS = 1000;

/** Other relays have so long to offer a share, before one that is over at the relay of this machine ends the search. ms */
const OVER_MS = 3000;

const BY_HAND = "Give --relay with the address that the sender shows.";

/** A relay that offers a share under the code. */
export interface Place {
  readonly relay: string;
  readonly route: Route;
  /** Only for the relay of this machine: it was meant for no other. */
  readonly token: string | undefined;
}

export interface SearchOptions {
  readonly channel: Uint8Array;
  readonly signer: Signer;
  /** The relay's usual place on this machine. */
  readonly local: string;
  readonly token: string | undefined;
  readonly ca: string | undefined;
  readonly emit: (event: ClientEvent) => void;
}

type SearchEvent = Extract<ClientEvent, { event: "search" }>;

export class RelaySearch {
  readonly #options: SearchOptions;
  readonly #candidates: Candidates;
  readonly #probes = new Map<string, RelayProbe>();
  readonly #ended = new AbortController();
  #seeking: Seeking | undefined;
  #timer: NodeJS.Timeout | undefined;
  #take: ((place: Place) => void) | undefined;
  #except: string | undefined;
  #note: string | undefined;
  #told: SearchEvent | undefined;
  #toldAt = -Infinity;
  #answered = false;
  /** Since when the relay of this machine, which is no stranger's, says that a stored share is over. */
  #overAt: number | undefined;
  #lastFault: FaultCode = "relay-unreachable";

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#candidates = new Candidates(options.local, performance.now());
  }

  /** A relay took the code's proof at some time, with an offer or without. */
  get hasAnswered(): boolean {
    return this.#answered;
  }

  /** Of the trial that failed last. */
  get lastFault(): FaultCode {
    return this.#lastFault;
  }

  /**
   * Looks until a relay has an offer, and gives it to `take` once.
   * @param except the relay at which the session is already
   */
  begin(take: (place: Place) => void, except?: string): void {
    this.#except = except;
    this.#take = take;
    if (this.#timer !== undefined || this.#ended.signal.aborted) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    if (this.#seeking === undefined) this.#seek();
    else this.#seeking.ask();
    this.#tick();
  }

  /** The relay whose offer came to nothing. */
  distrust(relay: string): void {
    this.#candidates.distrusted(relay, performance.now());
  }

  /** Ends all trials. Announcements are still heard, so that another `begin` knows the relays. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#take = undefined;
    this.#overAt = undefined;
    for (const probe of this.#probes.values()) probe.end();
    this.#probes.clear();
    this.#candidates.pause(performance.now());
  }

  close(): void {
    this.pause();
    this.#ended.abort();
  }

  #seek(): void {
    this.#seeking = seek(this.#options.channel, {
      signal: this.#ended.signal,
      onFound: ({ address, by }) => {
        const isNew = !this.#candidates.has(address);
        this.#candidates.heard(address, by, performance.now());
        if (isNew && this.#timer !== undefined) this.#tick();
      },
      onGone: ({ address }) => this.#candidates.gone(address),
      onNote: (sentence) => (this.#note = `${sentence}. ${BY_HAND}`),
    });
  }

  #tick(): void {
    const now = performance.now();
    const { begin, end } = this.#candidates.tick(now, this.#except);
    for (const address of end) this.#end(address);
    for (const address of begin) this.#begin(address);
    for (const probe of this.#probes.values()) probe.watch(now);
    if (this.#overAt !== undefined && now - this.#overAt >= OVER_MS) {
      this.#choose(this.#placeOf(this.#options.local));
      return;
    }
    this.#tell(now);
  }

  #begin(address: string): void {
    const { signer, ca } = this.#options;
    const place = this.#placeOf(address);
    const host = withoutBrackets(new URL(address).hostname);
    const introduction = { signer, host, token: place.token };
    const isDirect = place.route === "network";
    const probe = new RelayProbe(
      { address, introduction, ca, isDirect },
      {
        welcomed: () => {
          this.#answered = true;
          this.#candidates.welcomed(address);
        },
        offered: () => this.#choose(place),
        over: () => {
          if (place.route === "this-machine") this.#overAt ??= performance.now();
        },
        failed: (fault) => {
          this.#lastFault = fault;
          if (place.route === "this-machine" && isWorthTelling(fault)) {
            this.#note = `The relay ${shownAddress(address)} refuses: ${FAULTS[fault].sentence}. ${FAULTS[fault].advice}`;
          }
          this.#probes.delete(address);
          this.#candidates.failed(address, performance.now());
        },
      },
    );
    this.#probes.set(address, probe);
  }

  #choose(place: Place): void {
    const take = this.#take;
    this.pause();
    this.#tellTaken();
    take?.(place);
  }

  #end(address: string): void {
    this.#probes.get(address)?.end();
    this.#probes.delete(address);
  }

  #placeOf(relay: string): Place {
    const { local, token } = this.#options;
    if (relay === local) return { relay, route: "this-machine", token };
    return { relay, route: "network", token: undefined };
  }

  #tell(now: number): void {
    if (now - this.#toldAt < TELL_EVERY_MS) return;
    const { announced: found } = this.#candidates;
    const note = this.#note;
    const event: SearchEvent = {
      event: "search",
      looking: true,
      found,
      ...(note !== undefined && { note }),
    };
    const before = this.#told;
    if (before?.looking === true && before.found === found && before.note === note) return;
    this.#told = event;
    this.#toldAt = now;
    this.#options.emit(event);
  }

  #tellTaken(): void {
    this.#told = { event: "search", looking: false, found: this.#candidates.announced };
    this.#options.emit(this.#told);
  }
}

/** The relay of this machine is no stranger's: its refusal is for people. Other programs use its port, too. */
function isWorthTelling(fault: FaultCode): boolean {
  return !FAULTS[fault].retry && fault !== "not-a-relay";
}
