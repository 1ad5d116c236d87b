/**
 * The uplink of an edge: a link to the owner of shares in one channel, for as long as the edge has receivers there. It
 * keeps a control line open and, for each share that the owner names, an `UplinkShare`. A control line that breaks ends
 * them: the hub's receivers wait, and the next line claims their shares anew. `relay/worker/uplinks.ts` owns it, with the
 * sockets. No I/O, time as an argument.
 */
import {
  FaultError,
  NONCE_BYTES,
  fromHex,
  isFrame,
  toHex,
  type Message,
} from "../../protocol/mod.ts";

import type { FromCluster, ToCluster } from "./messages.ts";
import type { ClusterSecret } from "./proof.ts";
import { UplinkShare, type LocalSender, type LocalSenderEvents } from "./uplink-share.ts";
import {
  CLUSTER_VERSION,
  decodeFromOwner,
  encodeCluster,
  type ClusterShare,
  type OwnMessageOf,
  type OwnerMessage,
} from "./wire.ts";

/** The first wait before a control line is opened again, and the longest; each is twice the one before. ms */
export const RECONNECT_MS = { first: 250, most: 5000 } as const;
/** An owner that says nothing for so long after a line was opened is gone. ms */
export const WELCOME_MS = 10_000;

export type Link = Extract<FromCluster, { t: "link" }>;

export interface UplinkHost {
  /** A WebSocket to the owner; `Uplink.message` and `Uplink.closed` tell the rest. */
  connect(line: number): void;
  send(line: number, bytes: Uint8Array): void;
  disconnect(line: number): void;
  sender(link: Link, events: LocalSenderEvents): LocalSender;
  tell(message: ToCluster): void;
  randomBytes(length: number): Uint8Array;
}

/** A line to the owner. */
interface Line {
  readonly id: number;
  /** Undefined: it is the control line. */
  readonly share: UplinkShare | undefined;
  readonly stream: number;
  readonly deadline: number;
  hello: OwnMessageOf<"edge-hello"> | undefined;
  isWelcome: boolean;
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
  readonly #shares = new Map<string, UplinkShare>();
  /** By id: the control line, and those of streams, of which each share has few. */
  readonly #lines = new Map<number, Line>();
  #control: Line | undefined;
  #connectAt: number | undefined;
  #wait: number = RECONNECT_MS.first;
  #ids = 0;
  #now: number;
  #isEnded = false;

  constructor(options: UplinkOptions, now: number) {
    this.#options = options;
    this.link = options.link;
    const channel = fromHex(options.link.channel);
    if (channel === undefined) throw new RangeError("a channel that is not in hex");
    this.#channel = channel;
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
      else if (line.isWelcome && line.share !== undefined) line.share.frame(line.stream, bytes);
      else throw new FaultError("bad-message", "a frame that no stream asked for");
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
      if (!line.isWelcome && now >= line.deadline) this.#drop(line, "the owner said nothing");
    }
    if (this.#connectAt !== undefined && now >= this.#connectAt) this.#connect();
    for (const share of this.#shares.values()) share.tick(now);
  }

  /** No receiver needs it any more. */
  end(): void {
    this.#isEnded = true;
    this.#connectAt = undefined;
    this.#closeAll();
  }

  #connect(): void {
    this.#connectAt = undefined;
    this.#control = this.#open(undefined, 0);
  }

  #open(share: UplinkShare | undefined, stream: number): Line {
    const deadline = this.#now + WELCOME_MS;
    const line = { id: this.#ids++, share, stream, deadline, hello: undefined, isWelcome: false };
    this.#lines.set(line.id, line);
    this.#options.host.connect(line.id);
    return line;
  }

  /** @throws FaultError `bad-message`, `not-proved` */
  #heard(line: Line, message: OwnerMessage): void {
    switch (message.t) {
      case "challenge":
        this.#greet(line, message.nonce);
        return;
      case "edge-welcome":
        if (line.hello === undefined) throw new FaultError("bad-message", "a welcome too early");
        this.#options.secret.checkOwner(message.mac, line.hello);
        line.isWelcome = true;
        if (line.share !== undefined) line.share.streamOpened(line.stream);
        return;
      case "fault":
        throw new FaultError(message.code, message.message);
      default:
        if (!line.isWelcome) throw new FaultError("bad-message", "a message before the welcome");
        this.#about(line, message);
    }
  }

  #about(
    line: Line,
    message: Exclude<OwnerMessage, { t: "challenge" | "edge-welcome" | "fault" }>,
  ): void {
    // A stream hears `cancel` alone: of the share, or that its record can't be had any more.
    if (line.share !== undefined) {
      if (message.t === "cancel") this.#drop(line, message.reason);
      return;
    }
    if (message.t === "shares") {
      this.#named(message.list);
      return;
    }
    const share = this.#shares.get(toHex(message.share));
    if (message.t === "full") share?.full(message.receiver);
    else if (share?.heard(message) === true) this.#shares.delete(share.key);
  }

  #greet(line: Line, nonce: Uint8Array): void {
    const { relay, secret, host } = this.#options;
    if (line.hello !== undefined) throw new FaultError("bad-message", "a second challenge");
    const named = { relay, channel: this.#channel, share: line.share && fromHex(line.share.key) };
    const mac = secret.edgeProof(nonce, named);
    const own = host.randomBytes(NONCE_BYTES);
    line.hello = { t: "edge-hello", v: CLUSTER_VERSION, ...named, nonce: own, mac };
    host.send(line.id, encodeCluster(line.hello));
  }

  #named(list: readonly ClusterShare[]): void {
    const { host, worker } = this.#options;
    this.#wait = RECONNECT_MS.first;
    for (const each of list) {
      const known = this.#shares.get(toHex(each.share));
      if (known === undefined) this.#add(each);
      else known.update(each);
    }
    host.tell({ t: "linked", worker, link: this.link.link });
  }

  #add(given: ClusterShare): void {
    const { host, link } = this.#options;
    const share: UplinkShare = new UplinkShare(
      given,
      {
        sender: (events) => host.sender(link, events),
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

  #toOwner(message: Message): void {
    const { host } = this.#options;
    if (this.#control?.isWelcome === true) host.send(this.#control.id, encodeCluster(message));
  }

  #streamOf(share: UplinkShare, stream: number): Line | undefined {
    for (const line of this.#lines.values()) {
      if (line.share === share && line.stream === stream) return line;
    }
    return undefined;
  }

  /** This end closes it. */
  #drop(line: Line, why: string): void {
    this.#options.host.disconnect(line.id);
    this.#lost(line, why);
  }

  #lost(line: Line, why: string): void {
    this.#lines.delete(line.id);
    if (line.share !== undefined) {
      line.share.streamClosed(line.stream, this.#now);
      return;
    }
    this.#control = undefined;
    this.#closeAll();
    if (this.#isEnded) return;
    const { host, worker } = this.#options;
    host.tell({ t: "link-lost", worker, link: this.link.link, why });
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
