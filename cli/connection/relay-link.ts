/**
 * The link to a relay: one WebSocket, through a proxy where one is configured. It reports why it failed to open or broke
 * (`connect-errors.ts`), watches whether anything gets through (`link-flow.ts`), and gives up when the relay is silent.
 * The session's state machine decides when to connect again; drivers use it through `session-link.ts`.
 */
import { FRAME_BYTES, KEEPALIVE_MS, PING_MS, SILENCE_MS } from "../../protocol/mod.ts";
import { endpointOf } from "./relay-address.ts";
import { explain, isAnswered, whySlow, type LinkFault } from "./connect-errors.ts";
import { unsentInKernel, LinkFlow } from "./link-flow.ts";
import { networkAddresses } from "./own-addresses.ts";
import { proxyFor } from "./proxy.ts";
import { openSocket, type RelaySocket, type SocketError } from "./relay-socket.ts";
import { trustedCertificates } from "./ca-certificates.ts";

/** How long a client's last message may take to leave before the link is cut. */
const FLUSH_MS = 3000;

/** A connection that takes longer to open is probed for a reason. ms */
const SLOW_MS = 3000;
/** Between two checks of what moves on an open link: the kernel's list of sockets may be long. ms */
const FLOW_EVERY_MS = 2000;
/** A relay that sent nothing for so long is asked whether it is there: two of its pings, and the time for one. ms */
export const ASK_AFTER_MS = 2 * PING_MS + 2000;
/** On a slow line the answer waits behind a frame. With the time before, a relay that died is left within 30 s. ms */
export const ANSWER_MS = 8000;

export interface RelayLinkEvents {
  opened(): void;
  message(bytes: Uint8Array): void;
  /** The link broke, or never came about; nothing follows. */
  lost(why: LinkFault): void;
  /** To open it takes long, and why that may be. */
  slow?(why: string): void;
  /** It is open, and nothing gets through, and why that may be. */
  stuck?(why: string): void;
}

/** The connections of one session: what moves on them is known of all together. */
export class LinkGroup {
  /** Bytes given to any of them. */
  sent = 0;
  readonly #links = new Set<Pick<RelayLink, "buffered">>();

  /** Bytes given to them that the kernel has not taken. */
  get buffered(): number {
    let sum = 0;
    for (const { buffered } of this.#links) sum += buffered;
    return sum;
  }

  add(link: Pick<RelayLink, "buffered">): void {
    this.#links.add(link);
  }

  delete(link: Pick<RelayLink, "buffered">): void {
    this.#links.delete(link);
  }
}

/** How a link is opened. */
export interface LinkWay {
  /** In PEM, whose certificates alone are trusted; undefined: those that this machine trusts. */
  readonly ca?: string | undefined;
  /** Past a proxy of the environment, which may not know this network. */
  readonly isDirect?: boolean;
  /** A further connection of a session: the main one alone finds out why nothing gets through. */
  readonly isFurther?: boolean;
  readonly group?: LinkGroup;
  /** Whether another relay may serve as well, so that one that does not answer is left at once. */
  readonly mayLeave?: () => boolean;
}

/**
 * One WebSocket to a relay. Bun's own timers end neither a connect that nobody answers nor a link
 * that fell silent; the first is the session's to time (link.ts), the second is watched here.
 */
export class RelayLink {
  readonly #url: string;
  readonly #socket: RelaySocket;
  #whenClosed: () => void = () => undefined;
  #events: RelayLinkEvents | undefined;
  #heardAt: number;
  #opened = false;
  readonly #slow: NodeJS.Timeout;
  readonly #flow: LinkFlow;
  readonly #group: LinkGroup;
  readonly #isFurther: boolean;
  readonly #isDirect: boolean;
  readonly #mayLeave: () => boolean;
  /** Until the answer came, and then for as long again. */
  #askAgainAt = 0;
  #saidAt: number;
  #flowCheckedAt: number;
  /** Where the socket leads: to the relay, or to a proxy. */
  readonly #port: number;

  /** @throws FaultError "bad-proxy" */
  constructor(
    url: string,
    events: RelayLinkEvents,
    now: number,
    {
      ca,
      isDirect = false,
      isFurther = false,
      group = new LinkGroup(),
      mayLeave = () => false,
    }: LinkWay = {},
  ) {
    const proxy = isDirect ? undefined : proxyFor(url, process.env);
    this.#url = url;
    this.#events = events;
    this.#heardAt = now;
    this.#saidAt = now;
    this.#flowCheckedAt = now;
    this.#group = group;
    this.#isFurther = isFurther;
    this.#isDirect = isDirect;
    this.#mayLeave = mayLeave;
    group.add(this);
    this.#port = endpointOf(proxy ?? url).port;
    this.#flow = new LinkFlow(now, networkAddresses);
    this.#slow = setTimeout(() => void this.#reportSlow(), SLOW_MS);
    const way = {
      proxy,
      ca: url.startsWith("wss:") ? trustedCertificates(ca) : [],
      // The authorities for a relay's certificate are none for the proxy's.
      proxyCa: proxy === undefined ? [] : trustedCertificates(undefined),
    };
    this.#socket = openSocket(url, way, {
      opened: () => {
        this.#opened = true;
        clearTimeout(this.#slow);
        this.#heard();
        this.#events?.opened();
      },
      message: (data) => {
        this.#heard();
        if (!(data instanceof Uint8Array) || data.length > FRAME_BYTES)
          this.#lose({ fault: "not-a-relay" });
        else this.#events?.message(data);
      },
      pinged: () => this.#heard(),
      closed: (failure) => this.#closed(failure),
    });
  }

  /** Bytes given to the socket that the kernel has not taken. */
  get buffered(): number {
    return this.#socket.buffered;
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket.isOpen) return;
    this.#group.sent += bytes.length;
    this.#socket.send(bytes);
  }

  /** A frame of the relay may take longer than it waits for a word, and its ping waits behind. */
  keepAlive(now: number): void {
    if (!this.#socket.isOpen || now - this.#saidAt < KEEPALIVE_MS) return;
    this.#saidAt = now;
    this.#socket.pong();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Gives the link up when the relay, which pings, is silent. A ping by this side would break the promise of `quiet`. */
  watch(now: number): void {
    if (!this.#opened) return;
    const isDue = now - this.#flowCheckedAt >= FLOW_EVERY_MS;
    if (isDue && !this.#isFurther) this.#checkFlow(now);
    if (this.#socket.isPaused || now - this.#heardAt < ASK_AFTER_MS) return;
    if (now - this.#heardAt >= SILENCE_MS) {
      this.#lose({ fault: "connection-lost", why: this.#flow.why });
    } else if (!this.#isFurther && now >= this.#askAgainAt && this.#mayLeave()) {
      this.#askAgainAt = now + ANSWER_MS + ASK_AFTER_MS;
      void this.#ask();
    }
  }

  /** A request of its own finds out: a frame on a slow line is silent for long too. */
  async #ask(): Promise<void> {
    const heardAt = this.#heardAt;
    const isThere = await isAnswered(this.#url, this.#isDirect, ANSWER_MS);
    if (isThere || this.#heardAt !== heardAt) return;
    const why = `nothing came from it for ${(ASK_AFTER_MS + ANSWER_MS) / 1000} s, and it does not answer`;
    this.#lose({ fault: "relay-unreachable", why, isSilent: true });
  }

  #checkFlow(now: number): void {
    this.#flowCheckedAt = now;
    const why = this.#flow.check({
      now,
      sent: this.#group.sent,
      unsent: this.#group.buffered + unsentInKernel(this.#port),
      heardAt: this.#socket.isPaused ? now : this.#heardAt,
    });
    if (why === undefined) return;
    // It would be silent for good.
    if (this.#flow.isMoved) this.#lose({ fault: "connection-lost", why });
    else this.#events?.stuck?.(why);
  }

  /** Cuts the link; no event follows. */
  drop(): void {
    this.#events = undefined;
    this.#group.delete(this);
    clearTimeout(this.#slow);
    this.#socket.terminate();
  }

  /**
   * Lets what was said leave, then closes; no event follows.
   * @param isHeard the relay answered all that was said: its word on the end, a round trip later, is not waited for
   */
  async close(isHeard = false): Promise<void> {
    this.#events = undefined;
    clearTimeout(this.#slow);
    if (!this.#socket.isOpen) {
      this.#socket.terminate();
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenClosed = resolve;
    const timer = setTimeout(resolve, FLUSH_MS);
    this.#socket.resume();
    this.#socket.close();
    if (!isHeard || this.#socket.buffered > 0) await promise;
    clearTimeout(timer);
    if (!isHeard) this.#socket.terminate();
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  #lose(why: LinkFault): void {
    const events = this.#events;
    if (events === undefined) return;
    this.drop();
    events.lost(why);
  }

  #closed(failure: SocketError): void {
    clearTimeout(this.#slow);
    this.#whenClosed();
    if (this.#opened || this.#isFurther) this.#lose({ fault: "connection-lost" });
    else void explain(this.#url, failure).then((why) => this.#lose(why));
  }

  async #reportSlow(): Promise<void> {
    if (this.#events?.slow === undefined) return;
    const why = await whySlow(this.#url);
    if (!this.#opened) this.#events?.slow(why);
  }
}
