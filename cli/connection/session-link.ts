import { FAULTS, type FaultCode } from "../../protocol/wire/faults.ts";
import type { LinkSocket } from "../../protocol/session/driver.ts";
import { encodeControl, type Message } from "../../protocol/wire/control.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import {
  linkEvent,
  linkFaultDetail,
  stuckLinkEvent,
  type LinkFault,
  type LinkNews,
} from "./connect-errors.ts";
import type { Job } from "../job/jobs.ts";
import type { Route } from "../job/routes.ts";
import { decodeFrame, isFrame } from "../../protocol/wire/frame.ts";
import { FRAME_BYTES } from "../../protocol/wire/limits.ts";
import { followBandwidth } from "./far-sockets.ts";
import { proxyFor } from "./proxy.ts";
import { endpointOf, shownAddress } from "./relay-address.ts";
import { startingAt } from "./relay-choice.ts";
import { isLoopback } from "./own-addresses.ts";
import { FurtherLinks, SentRecords, type Membership } from "./further-links.ts";
import { LinkGroup, RelayLink, type RelayLinkEvents } from "./relay-link.ts";

/**
 * A relay at least so far away gets several connections, if nobody says how many. From hello to welcome; a relay
 * verifies a signature meanwhile. ms
 */
const FAR_MS = 20;
/**
 * A connection that was opened before its user came is used for so long: a relay does not wait for a hello for ever.
 * A machine that needs longer for the key of a code is too busy for a round trip to matter. ms
 */
const AHEAD_MS = 1000;
/** A connection opens within two round trips, and one with TLS within three. */
const OPENING_ROUND_TRIPS = { plain: 2, tls: 3 };
/** The connections to a relay that is far away, the main one among them. */
const FAR_CONNECTIONS = 8;

/** The part of a client that takes the events of its link. */
export interface LinkUser {
  opened(): void;
  message(bytes: Uint8Array): void;
  lost(fault: FaultCode): void;
  /**
   * A further connection broke; the main one goes on.
   * @param records of a sender that may have been on their way there
   */
  furtherLost?(records: readonly number[]): void;
  /** The link is open, and nothing gets through. */
  stuck?(event: ClientEvent): void;
}

/**
 * The link of one session to its relay: another socket each time that the session connects, and further ones beside it
 * that carry frames.
 */
export class SessionLink implements LinkSocket {
  /** The relays to try in turn. */
  #relays: readonly string[];
  /** The one of the present link, or of the next. */
  #relay: string;
  #route: Route | undefined;
  readonly #ca: string | undefined;
  #user: LinkUser | undefined;
  /** Undefined: as many as the way to the relay asks for. */
  readonly #connections: number | undefined;
  #link: RelayLink | undefined;
  #further: FurtherLinks | undefined;
  #group = new LinkGroup();
  #helloAt = 0;
  /** Until it is known from the main connection how far the relay is. */
  #opening: NodeJS.Timeout | undefined;
  /** Events of a connection that was opened before its user asked for one. */
  #untold: ((user: LinkUser) => void)[] | undefined;
  /** When that connection is of no use any more. ms */
  #aheadUntil = 0;
  #sent = new SentRecords();
  #followsBandwidth = false;
  /** Counts frames, so that they go by each connection in turn where all are empty. */
  #turn = 0;
  /** Why there is no link, as far as that is known. */
  #why: string | undefined;
  /** Why the last try at each relay failed. */
  readonly #failed = new Map<string, LinkFault>();
  /** A line was left because its relay did not answer, and none has carried a record since: it may have been a slow one. */
  #wasSlow = false;

  constructor(
    {
      relay,
      further = [],
      route,
      ca,
      limit,
      connections,
    }: Pick<Job, "relay" | "further" | "route" | "ca" | "limit" | "connections">,
    user?: LinkUser,
  ) {
    // A rate that is limited is little for one connection.
    this.#connections = connections ?? (limit === undefined ? undefined : 1);
    this.#relays = [relay, ...further];
    this.#relay = relay;
    this.#route = route;
    this.#ca = ca;
    this.#user = user;
  }

  /**
   * Bytes given to the sockets that the kernel has not taken; 0 as long as one of them is empty. Undefined: there is
   * no socket.
   */
  get buffered(): number | undefined {
    if (this.#link === undefined || this.#further === undefined) return this.#link?.buffered;
    return this.#emptiest?.buffered === 0 ? 0 : this.#group.buffered;
  }

  /** The address of the relay that it leads to. */
  get relay(): string {
    return this.#relay;
  }

  /** All of them from that one on, in the order in which they are tried. */
  get relays(): { readonly relay: string; readonly further: readonly string[] | undefined } {
    const [relay = this.#relay, ...rest] = startingAt(this.#relays, (one) => one === this.#relay);
    return { relay, further: rest.length === 0 ? undefined : rest };
  }

  /** The name by which that relay is asked for. */
  get host(): string {
    return new URL(this.#relay).hostname;
  }

  /** Whether it has several connections, or will have in a moment. */
  get extends(): boolean {
    return this.#further !== undefined;
  }

  /** Whether frames may come by several connections, in any order. */
  get isSeveral(): boolean {
    return this.#further?.mayCarry === true;
  }

  /** Connects while its user is not there yet. Its first `connect` tells it of all events until then. */
  connectAhead(): void {
    this.#connect();
    this.#untold = [];
    this.#aheadUntil = performance.now() + AHEAD_MS;
  }

  /** Before its first `connect`. */
  serve(user: LinkUser): void {
    this.#user = user;
  }

  connect(relay = 0): void {
    this.#relay = this.#relays[relay] ?? this.#relay;
    if (this.#untold === undefined || performance.now() >= this.#aheadUntil) {
      this.#untold = undefined;
      this.#connect();
      return;
    }
    // Its user is about to take the step that asked for this.
    queueMicrotask(() => {
      const untold = this.#untold ?? [];
      this.#untold = undefined;
      if (this.#user !== undefined) for (const event of untold) event(this.#user);
    });
  }

  #connect(): void {
    this.#drop();
    const events = {
      opened: () => {
        this.#why = undefined;
        this.#endOpening();
        this.#tell((user) => user.opened());
      },
      message: (bytes: Uint8Array) => this.#message(bytes),
      lost: (failure: LinkFault) => {
        const { fault, why } = failure;
        this.#why = why;
        this.#failed.set(this.#relay, failure);
        this.#wasSlow ||= failure.isSilent === true;
        this.#aheadUntil = 0;
        this.#dropFurther();
        this.#tell((user) => user.lost(fault));
      },
      slow: (why: string) => (this.#why = why),
      stuck: (why: string) => this.#tell((user) => user.stuck?.(stuckLinkEvent(this.#relay, why))),
    };
    this.#group = new LinkGroup();
    this.#sent = new SentRecords();
    this.#link = this.#open(events, false);
    this.#watchOpening();
  }

  #tell(event: (user: LinkUser) => void): void {
    if (this.#untold !== undefined) this.#untold.push(event);
    else if (this.#user !== undefined) event(this.#user);
  }

  #message(bytes: Uint8Array): void {
    if (isFrame(bytes)) this.#wasSlow = false;
    if (this.#untold === undefined) {
      this.#user?.message(bytes);
      return;
    }
    // A relay greets, and says more only to refuse. Messages of one that never stops must not gather.
    if (this.#untold.length > 1) {
      this.#aheadUntil = 0;
      this.#untold = [];
      this.#drop();
      return;
    }
    // The socket may reuse the memory of what it received.
    const copy = new Uint8Array(bytes);
    this.#untold.push((user) => user.message(copy));
  }

  /**
   * While the main connection still opens after two round trips to a near relay, further ones begin to open. So they
   * are there with the first records, and not three round trips later. If the relay turns out to be near, they close
   * before they said anything.
   */
  #watchOpening(): void {
    const { host } = this.#endpoint;
    if (isLoopback(host) || (this.#connections ?? FAR_CONNECTIONS) === 1) return;
    const { plain, tls } = OPENING_ROUND_TRIPS;
    const trips = this.#relay.startsWith("wss:") ? tls : plain;
    this.#opening = setTimeout(() => {
      this.#further ??= this.#openFurther((this.#connections ?? FAR_CONNECTIONS) - 1);
    }, trips * FAR_MS);
  }

  #endOpening(): void {
    clearTimeout(this.#opening);
    this.#opening = undefined;
  }

  get #endpoint(): { readonly host: string; readonly port: number } {
    const proxy = this.#route === "network" ? undefined : proxyFor(this.#relay, process.env);
    return endpointOf(proxy ?? this.#relay);
  }

  #open(events: RelayLinkEvents, isFurther: boolean): RelayLink {
    const isDirect = this.#route === "network";
    const mayLeave = (): boolean => this.#relays.length > 1 && !this.#wasSlow;
    const way = { ca: this.#ca, isDirect, isFurther, group: this.#group, mayLeave };
    return new RelayLink(this.#relay, events, performance.now(), way);
  }

  /** The relay welcomed the main connection: further ones may come. */
  extend(membership: Membership): void {
    // A busy machine may take long for an answer to itself.
    const isFar = !isLoopback(this.#endpoint.host) && performance.now() - this.#helloAt >= FAR_MS;
    this.#followsBandwidth = isFar && membership.role === "sender";
    this.#follow();
    const wanted = (this.#connections ?? (isFar ? FAR_CONNECTIONS : 1)) - 1;
    if (wanted === 0) {
      this.#dropFurther();
      return;
    }
    this.#further ??= this.#openFurther(wanted);
    this.#further.join(membership);
  }

  #openFurther(wanted: number): FurtherLinks {
    return new FurtherLinks({
      wanted,
      open: (events) => this.#open(events, true),
      frame: (bytes) => this.#user?.message(bytes),
      joined: () => this.#follow(),
      lost: (link) => this.#user?.furtherLost?.(this.#sent.by(link)),
    });
  }

  /** A receiver sends little: its relay does the same for what it sends to it. */
  #follow(): void {
    if (this.#followsBandwidth) void followBandwidth(this.#endpoint.port);
  }

  /** From the next connect on the relay is another one. */
  relocate({ relay, route }: { readonly relay: string; readonly route: Route }): void {
    this.#relays = [relay];
    this.#relay = relay;
    this.#route = route;
    this.#why = undefined;
  }

  disconnect(): void {
    this.#untold = undefined;
    this.#drop();
  }

  #drop(): void {
    this.#dropFurther();
    this.#link?.drop();
    this.#link = undefined;
  }

  /** They end with the main one. */
  #dropFurther(): void {
    this.#endOpening();
    this.#further?.drop();
    this.#further = undefined;
  }

  /** By the main connection, as all but frames. */
  control(message: Message): void {
    if (message.t === "hello") this.#helloAt = performance.now();
    this.#link?.send(encodeControl(message));
  }

  /** A frame, by the connection with the least that waits. */
  send(frame: Uint8Array): void {
    if (this.#group.sent > FRAME_BYTES) this.#wasSlow = false;
    this.#turn++;
    const link = this.#emptiest;
    if (link === undefined) return;
    link.send(frame);
    if (link !== this.#link) this.#sent.note(link, decodeFrame(frame).index);
  }

  get #emptiest(): RelayLink | undefined {
    const further = this.#further?.online ?? [];
    if (this.#link === undefined || further.length === 0) return this.#link;
    const links = [this.#link, ...further];
    const first = this.#turn % links.length;
    const inTurn = [...links.slice(first), ...links.slice(0, first)];
    return inTurn.reduce((least, link) => (link.buffered < least.buffered ? link : least));
  }

  pause(): void {
    this.#link?.pause();
    this.#further?.pause();
  }

  resume(): void {
    this.#link?.resume();
    this.#further?.resume();
  }

  watch(now: number): void {
    this.#link?.watch(now);
    this.#further?.watch(now);
  }

  /** Lets what was sent leave, then closes. @param isHeard the relay answered all that was sent */
  async close(isHeard = false): Promise<void> {
    this.#endOpening();
    await Promise.all([this.#link?.close(isHeard), this.#further?.close(isHeard)]);
  }

  /** The event about a change of the session's link. */
  news(effect: LinkNews): ClientEvent {
    return linkEvent({ url: this.#relay, route: this.#route }, effect, this.#why);
  }

  #failureOf(relay: string): string {
    const { fault = "relay-unreachable", why } = this.#failed.get(relay) ?? {};
    return `${shownAddress(relay)}: ${why ?? FAULTS[fault].sentence}`;
  }

  /** The detail of a fault that ends the session; undefined: the fault is not about the link. */
  about(fault: FaultCode): string | undefined {
    if (this.#relays.length > 1 && linkFaultDetail("", { fault }) !== undefined) {
      return this.#relays.map((relay) => this.#failureOf(relay)).join("; ");
    }
    return linkFaultDetail(this.#relay, { fault, why: this.#why });
  }
}
