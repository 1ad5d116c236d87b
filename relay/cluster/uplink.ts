/**
 * The uplink of an edge: a link to the owner of shares in one channel, or to a gateway on the way, for as long as the edge
 * needs it. It keeps a control line open and, for each share that the owner names, an `UplinkShare`. A control line that breaks ends
 * them: the hub's receivers wait, and the next line claims their shares anew. `relay/worker/uplinks.ts` owns it, with the
 * sockets. No I/O, time as an argument.
 */
import {
  FaultError,
  OFFERS_PER_MESSAGE,
  fromHex,
  isFrame,
  toHex,
  type Message,
} from "../../protocol/mod.ts";

import { Greeting, WELCOME_MS } from "./greeting.ts";
import type { FromCluster, ToCluster } from "./messages.ts";
import type { ClusterSecret, NamedLine } from "./proof.ts";
import { UplinkShare, type LocalSender, type LocalSenderEvents } from "./uplink-share.ts";
import {
  decodeFromOwner,
  encodeCluster,
  type ClusterShare,
  type OwnerMessage,
  type EdgeDownload,
  type OwnMessage,
} from "./wire.ts";

/** The first wait before a control line is opened again, and the longest; each is twice the one before. ms */
export const RECONNECT_MS = { first: 250, most: 5000 } as const;
/** Shares of one link: one message of the owner names as many, and an honest one has no more in a channel. */
export const LINK_SHARES_MOST = OFFERS_PER_MESSAGE;

export type Link = Extract<FromCluster, { t: "link" }>;

export interface UplinkHost {
  /** A WebSocket to the owner; `Uplink.message` and `Uplink.closed` tell the rest. */
  connect(line: number): void;
  send(line: number, bytes: Uint8Array): void;
  disconnect(line: number): void;
  sender(events: LocalSenderEvents): LocalSender;
  tell(message: ToCluster): void;
  /** The line of a stream broke, for the log; `tell` says it of control lines. */
  streamLost(why: string, isOrderly: boolean): void;
  randomBytes(length: number): Uint8Array;
}

/** A line to the owner. */
interface Line {
  readonly id: number;
  /** Undefined: it is the control line. */
  readonly share: UplinkShare | undefined;
  readonly stream: number;
  readonly deadline: number;
  readonly greeting: Greeting;
  /** Undefined: it is not welcome yet. */
  welcomeAt: number | undefined;
}

export interface UplinkOptions {
  readonly link: Link;
  readonly worker: number;
  /** The id of this relay. */
  readonly relay: Uint8Array;
  readonly secret: ClusterSecret;
  readonly host: UplinkHost;
}

export class Uplink {
  readonly link: Link;
  readonly #options: UplinkOptions;
  readonly #channel: Uint8Array;
  /** The owner and the level in hellos to a gateway; undefined: the link goes to the owner. */
  readonly #through: NamedLine["through"];
  readonly #shares = new Map<string, UplinkShare>();
  /** By id: the control line, and those of streams, of which each share has few. */
  readonly #lines = new Map<number, Line>();
  #control: Line | undefined;
  #connectAt: number | undefined;
  #wait: number = RECONNECT_MS.first;
  /** Since the control line was opened. */
  #isNamed = false;
  /** The owner said that it goes away, and has not welcomed this relay since. */
  #isLeft = false;
  #ids = 0;
  #now: number;

  constructor(options: UplinkOptions, now: number) {
    this.#options = options;
    this.link = options.link;
    const { relay, level } = options.link;
    const [channel, owner] = [options.link.channel, relay].map((text) => fromHex(text));
    if (channel === undefined) throw new RangeError("a channel that is not in hex");
    if (owner === undefined) throw new RangeError("a relay that is not in hex");
    this.#channel = channel;
    this.#through = level === 0 ? undefined : { owner, level };
    this.#now = now;
    this.#connect();
  }

  /** Shares that come by it now. */
  get shares(): number {
    return this.#shares.size;
  }

  /** A binary message of a line. `bytes` may be reused afterwards. */
  message(id: number, bytes: Uint8Array, now: number): void {
    this.#now = now;
    const line = this.#lines.get(id);
    if (line === undefined) return;
    try {
      if (!isFrame(bytes)) this.#heard(line, decodeFromOwner(bytes));
      else if (line.welcomeAt === undefined || line.share === undefined)
        throw new FaultError("bad-message", "a frame that no stream asked for");
      else line.share.frame(line.stream, bytes);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#drop(line, error.message);
    }
  }

  /** A line is gone, or could not be opened. */
  closed(id: number, why: string, now: number): void {
    this.#now = now;
    const line = this.#lines.get(id);
    if (line !== undefined) this.#lost(line, why);
  }

  tick(now: number): void {
    this.#now = now;
    for (const line of this.#lines.values()) {
      if (line.welcomeAt !== undefined || now < line.deadline) continue;
      this.#drop(line, `the owner did not welcome it within ${WELCOME_MS / 1000} s`);
    }
    if (this.#connectAt !== undefined && now >= this.#connectAt) this.#connect();
    for (const share of this.#shares.values()) share.tick(now);
  }

  /** No receiver needs it any more. */
  end(): void {
    this.#connectAt = undefined;
    this.#closeAll();
  }

  #connect(): void {
    this.#connectAt = undefined;
    this.#control = this.#open(undefined, 0);
  }

  #open(share: UplinkShare | undefined, stream: number): Line {
    const { relay, secret, host } = this.#options;
    const deadline = this.#now + WELCOME_MS;
    const id = this.#ids++;
    const greeter = { relay, secret, randomBytes: (length: number) => host.randomBytes(length) };
    const named = {
      channel: this.#channel,
      ...(share && { share: fromHex(share.key) }),
      ...(this.#through && { through: this.#through }),
    };
    const greeting = new Greeting(greeter, named);
    const line = { id, share, stream, deadline, greeting, welcomeAt: undefined };
    this.#lines.set(id, line);
    host.connect(line.id);
    return line;
  }

  /** @throws FaultError `bad-message`, `not-proved` */
  #heard(line: Line, message: OwnerMessage): void {
    switch (message.t) {
      case "challenge":
        this.#options.host.send(line.id, line.greeting.challenged(message.nonce));
        return;
      case "edge-welcome":
        line.greeting.welcomed(message);
        line.welcomeAt = this.#now;
        if (line.share === undefined) this.#isLeft = false;
        if (line.share !== undefined) line.share.streamOpened(line.stream);
        return;
      case "fault":
        if (message.code === "going-away") this.#isLeft = true;
        // Its text begins with that of the code already.
        this.#drop(line, message.message, this.#isLeft);
        return;
      default:
        if (line.welcomeAt === undefined)
          throw new FaultError("bad-message", "a message before the welcome");
        this.#about(line, message);
    }
  }

  #about(
    line: Line,
    message: Exclude<OwnerMessage, { t: "challenge" | "edge-welcome" | "fault" }>,
  ): void {
    if (line.share !== undefined) {
      if (message.t !== "cancel") return;
      // The owner has let go of what a receiver here may need: its next list says where the share begins by now.
      const isLate = message.reason === "too-late";
      const lost = isLate ? this.#control : undefined;
      this.#drop(lost ?? line, `the owner ended a stream: ${message.reason}`, !isLate);
      return;
    }
    if (message.t === "shares") {
      this.#named(message.list);
      return;
    }
    if (message.t === "over") {
      const { host, worker, link } = this.#options;
      host.tell({ t: "over-there", worker, link: link.link, list: message.list });
      return;
    }
    const share = this.#shares.get(toHex(message.share));
    if (message.t === "full") share?.full(message.receiver);
    else if (share?.heard(message) === true) this.#shares.delete(share.key);
  }

  #named(list: readonly ClusterShare[]): void {
    const { host, worker } = this.#options;
    for (const each of list) {
      const known = this.#shares.get(toHex(each.share));
      if (known !== undefined) known.update(each);
      else if (this.#shares.size < LINK_SHARES_MOST) this.#add(each);
      else throw new FaultError("bad-message", `more than ${LINK_SHARES_MOST} shares`);
    }
    if (this.#isNamed) return;
    this.#isNamed = true;
    host.tell({ t: "linked", worker, link: this.link.link });
  }

  #add(given: ClusterShare): void {
    const { host } = this.#options;
    const share: UplinkShare = new UplinkShare(
      given,
      {
        sender: (events) => host.sender(events),
        toOwner: (message) => this.#toOwner(message),
        openStream: (stream) => void this.#open(share, stream),
        toStream: (stream, message) => {
          const line = this.#streamOf(share, stream);
          if (line !== undefined) host.send(line.id, encodeCluster(message));
        },
        closeStream: (stream) => {
          const line = this.#streamOf(share, stream);
          if (line === undefined) return;
          this.#lines.delete(line.id);
          host.disconnect(line.id);
        },
        receiverId: () => host.randomBytes(16),
      },
      this.#now,
    );
    this.#shares.set(share.key, share);
  }

  /** Passes a word on to the store of the owner. */
  tellOwner(message: EdgeDownload): void {
    this.#toOwner(message);
  }

  #toOwner(message: Message | OwnMessage): void {
    const { host } = this.#options;
    if (this.#control?.welcomeAt !== undefined) host.send(this.#control.id, encodeCluster(message));
  }

  #streamOf(share: UplinkShare, stream: number): Line | undefined {
    for (const line of this.#lines.values()) {
      if (line.share === share && line.stream === stream) return line;
    }
    return undefined;
  }

  /** This end closes it. */
  #drop(line: Line, why: string, isOrderly = false): void {
    this.#options.host.disconnect(line.id);
    this.#lost(line, why, isOrderly);
  }

  #lost(line: Line, why: string, isOrderly = this.#isLeft): void {
    const { host, worker } = this.#options;
    this.#lines.delete(line.id);
    if (line.share !== undefined) {
      host.streamLost(why, isOrderly);
      line.share.streamClosed(line.stream, this.#now);
      return;
    }
    this.#closeAll();
    this.#isNamed = false;
    // The pause before the next try grows with each line that breaks soon.
    const heldMs = line.welcomeAt === undefined ? 0 : this.#now - line.welcomeAt;
    if (heldMs >= RECONNECT_MS.most) this.#wait = RECONNECT_MS.first;
    const orderly = isOrderly && { isOrderly: true as const };
    host.tell({ t: "link-lost", worker, link: this.link.link, why, ...orderly });
    this.#connectAt = this.#now + this.#wait;
    this.#wait = Math.min(RECONNECT_MS.most, this.#wait * 2);
  }

  #closeAll(): void {
    for (const share of this.#shares.values()) share.close();
    this.#shares.clear();
    for (const { id } of this.#lines.values()) this.#options.host.disconnect(id);
    this.#lines.clear();
    this.#control = undefined;
  }
}
