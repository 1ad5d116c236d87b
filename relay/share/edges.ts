/**
 * The other relays of the cluster at one worker. They come to a listener of their own, prove the cluster's secret, and
 * are one of two from then on, unless they carry a sender (see `EdgeClients`):
 *
 *   stranger --edge-hello with a share-> stream         a receiver to its share; `Receivers` and `Fanout` serve it
 *            --edge-hello--------------> control line   hears of the shares of its channel that this relay owns, and
 *                                                       tells of receivers, which count as receivers of this worker
 *
 * A line that asks for shares of another owner hears of those instead, if they come here by a lower level (`routes.ts`).
 * The main thread hears that edges ask, and keeps a link for them. The hub owns it, and passes on what changes. No I/O.
 */
import {
  FaultError,
  decodeAck,
  equalBytes,
  isFrame,
  toHex,
  type Message,
} from "../../protocol/mod.ts";

import type { ClusterSecret } from "../cluster/proof.ts";
import { isSameFacts, toWireFacts } from "../cluster/stored-facts.ts";
import {
  decodeFromEdge,
  encodeCluster,
  type ClusterShare,
  type EdgeMessage,
  type ForwardedClient,
  type OwnMessage,
  type OwnMessageOf,
} from "../cluster/wire.ts";
import type { Admission } from "./admissions.ts";
import type { OverShare } from "../store/stored-share.ts";
import { fromEdgeDownload, type DownloadWord } from "./edge-downloads.ts";
import type { WordToEdges } from "./fanout.ts";
import type { LocalShare, ShareEdges } from "./local-share.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import { isSenderHere, storedOf, type ShareRecord } from "./messages.ts";
import {
  sees,
  type EdgeClient,
  type EdgeView,
  type ReceiverClient,
  type SenderClient,
  type ShareTable,
  type StrangerClient,
} from "./share-table.ts";

export interface EdgesOptions {
  readonly outlet: Outlet;
  readonly secret: ClusterSecret;
  /** A socket proved that it is another relay. @param client that it carries, if so */
  readonly welcomed?: ((socket: SocketId, client?: ForwardedClient) => void) | undefined;
  /** This relay's id in hex. */
  readonly me: string;
  readonly worker: number;
  readonly toStoreBook?: ((message: DownloadWord) => void) | undefined;
  /** The first control line in a channel that asks for shares of this relay came, or the last one went. */
  readonly asked: (channel: string, isAsked: boolean) => void;
  /** See `ToCluster`. @param level undefined: no line asks for shares of that owner any more */
  readonly through: (channel: string, owner: string, level: number | undefined) => void;
}

/** Control lines, streams that were opened, joined or not, and lines that carry a sender. */
export interface EdgeCounts {
  readonly lines: number;
  readonly streams: number;
  readonly forwards: number;
}

/** Another relay, by what it said first. */
type Proved = EdgeClient | ReceiverClient | SenderClient;

export class Edges implements ShareEdges {
  readonly #options: EdgesOptions;
  readonly #shares: ShareTable;
  /** Control lines by channel; the listener bounds them. */
  readonly #lines = new Map<string, Map<SocketId, EdgeClient>>();
  /** Shares that are over, by channel with control lines and then by owner; this relay is the owner "". */
  readonly #over = new Map<string, Map<string, readonly OverShare[]>>();
  /** The state of each share that all control lines heard last. */
  readonly #told = new WeakMap<LocalShare, ClusterShare>();
  #lineCount = 0;
  #streamCount = 0;
  #forwardCount = 0;

  constructor(options: EdgesOptions, shares: ShareTable) {
    this.#options = options;
    this.#shares = shares;
  }

  get counts(): EdgeCounts {
    return { lines: this.#lineCount, streams: this.#streamCount, forwards: this.#forwardCount };
  }

  /**
   * The first message of a socket of the cluster's listener.
   * @throws FaultError `bad-message`, `version-mismatch`, `not-proved`
   */
  hello({ nonce }: StrangerClient, bytes: Uint8Array): OwnMessageOf<"edge-hello"> {
    const hello = isFrame(bytes) ? undefined : decodeFromEdge(bytes);
    if (hello?.t !== "edge-hello") throw new FaultError("bad-message", "no edge-hello");
    this.#options.secret.checkEdge(hello, nonce);
    return hello;
  }

  /** It proved its hello. @param client that it is from now on */
  opened(socket: SocketId, client: Proved, hello: OwnMessageOf<"edge-hello">): void {
    const { outlet, secret, welcomed } = this.#options;
    this.#send(socket, { t: "edge-welcome", mac: secret.ownerProof(hello.nonce, hello) });
    welcomed?.(socket, hello.forward);
    if (client.role === "sender") {
      this.#forwardCount++;
      return;
    }
    if (client.role === "receiver") {
      this.#streamCount++;
      // Relays send no pings.
      outlet.noPing(socket);
      return;
    }
    const { channel } = client;
    this.#lineCount++;
    const lines = this.#lines.get(channel) ?? new Map<SocketId, EdgeClient>();
    const before = this.#askedOf(channel, client);
    this.#lines.set(channel, lines.set(socket, client));
    this.#tellAsked(channel, client, before);
    const shares = this.#shares.inChannel(channel).filter(({ record }) => sees(client, record));
    for (const share of shares) share.listen();
    const list = shares.flatMap((share) => toldOf(share) ?? []);
    // Receivers that had begun are many: the list would be too long with those of several shares.
    this.#send(socket, { t: "shares", list: list.map(withoutBegun) });
    for (const each of list) {
      if (each.stored?.begun !== undefined) this.#send(socket, { t: "shares", list: [each] });
    }
    const over = this.#over.get(channel)?.get(client.through?.owner ?? "");
    if (over !== undefined) this.#send(socket, { t: "over", list: [...over] });
    for (const share of shares) {
      // An edge hears no decision on a share that it does not know yet.
      if (toldOf(share) === undefined) continue;
      for (const each of decisionsOn(share)) this.#send(socket, each);
    }
  }

  /**
   * A message of a control line.
   * @throws FaultError `wrong-role`, `bad-message`
   */
  message(socket: SocketId, client: EdgeClient, bytes: Uint8Array): void {
    if (isFrame(bytes)) throw new FaultError("wrong-role", "a frame");
    const message = decodeFromEdge(bytes);
    if (!isAboutReceivers(message)) throw new FaultError("wrong-role", message.t);
    const share = this.#shares.get(toHex(message.share));
    // It may have ended meanwhile, or come by another way.
    if (share?.record.channel !== client.channel || !sees(client, share.record)) return;
    if (message.t === "receivers") share.edgeReceivers.report(socket, message.list);
    else if (message.t === "receipt") {
      const { receiver, records, mac, unconfirmed } = message;
      const receipt = { receiver, records, mac, ...(unconfirmed === true && { unconfirmed }) };
      share.edgeReceivers.receipt(socket, receipt);
    } else if (storedOf(share.record) !== undefined) {
      const { worker, toStoreBook } = this.#options;
      toStoreBook?.(fromEdgeDownload(message, worker));
    }
  }

  /**
   * A message of a stream.
   * @returns what its share has to do with
   * @throws FaultError `wrong-role`, `bad-message`
   */
  streamMessage({ edge }: ReceiverClient, bytes: Uint8Array): Message {
    if (isFrame(bytes)) throw new FaultError("wrong-role", "a frame");
    const message = decodeAck(bytes) ?? decodeFromEdge(bytes);
    if (message.t !== "join" && message.t !== "ack") throw new FaultError("wrong-role", message.t);
    if (edge === undefined || !equalBytes(edge.share, message.share)) {
      throw new FaultError("bad-message", "another share than that of the hello");
    }
    return message;
  }

  /** A line or a stream is gone. */
  closed(socket: SocketId, client: Proved): void {
    if (client.role === "sender") {
      this.#forwardCount--;
      return;
    }
    if (client.role === "receiver") {
      this.#streamCount--;
      return;
    }
    const { channel } = client;
    this.#lineCount--;
    const lines = this.#lines.get(channel);
    const before = this.#askedOf(channel, client);
    lines?.delete(socket);
    if (lines?.size === 0) {
      this.#lines.delete(channel);
      this.#over.delete(channel);
    }
    this.#tellAsked(channel, client, before);
    for (const share of this.#shares.inChannel(channel)) share.edgeReceivers.lineClosed(socket);
  }

  // Messages to the relays of a channel

  /** Whether a line is about the share. */
  hear(record: ShareRecord): boolean {
    const lines = this.#lines.get(record.channel);
    return lines?.values().some((line) => sees(line, record)) === true;
  }

  /** Whether that line is. */
  hears(line: SocketId, record: ShareRecord): boolean {
    const client = this.#lines.get(record.channel)?.get(line);
    return client !== undefined && sees(client, record);
  }

  /** A share is new here, or changed. */
  announce(share: LocalShare): void {
    const told = toldOf(share);
    if (told === undefined) {
      this.#told.delete(share);
      return;
    }
    const { record } = share;
    this.#over.get(record.channel)?.delete(record.remote ?? "");
    const isNew = !this.#told.has(share);
    this.#told.set(share, told);
    this.#tellAll(record, { t: "shares", list: [told] });
    if (isNew) for (const each of decisionsOn(share)) this.#tellAll(record, each);
  }

  storedState(share: LocalShare): void {
    const told = this.#told.get(share);
    // Progress of an upload is none.
    if (told === undefined || !isSameFacts(told.stored, toldOf(share)?.stored))
      this.announce(share);
  }

  /** Stored shares are over. @param relay that stored them; undefined: this one */
  over(channel: string, relay: string | undefined, list: readonly OverShare[]): void {
    const told = [...(this.#lines.get(channel) ?? [])].filter(([, line]) => {
      return line.through?.owner === relay;
    });
    if (told.length === 0) return;
    const ofChannel = this.#over.get(channel) ?? new Map<string, readonly OverShare[]>();
    this.#over.set(channel, ofChannel.set(relay ?? "", list));
    for (const [line] of told) this.#send(line, { t: "over", list: [...list] });
  }

  tell({ record }: LocalShare, message: Message): void {
    this.#tellAll(record, message);
  }

  /** The share comes by another way from now on: lines that are not about it any more wait as for a sender. */
  moves(moving: LocalShare, record: ShareRecord): void {
    const { record: before } = moving;
    // Other lines may be about it from now on, and know nothing of it.
    if (before.remote !== record.remote || before.level !== record.level) this.#told.delete(moving);
    const { share } = record.offer;
    const away = encodeCluster({ t: "presence", share, senderHere: false });
    for (const [line, client] of this.#lines.get(record.channel) ?? []) {
      if (!sees(client, before) || sees(client, record)) continue;
      this.#options.outlet.sendToEdge?.(line, away);
    }
  }

  /** This relay alone gives up the share, which its owner may still have: its lines find another way. */
  letGo({ record }: LocalShare): void {
    for (const [line, client] of this.#lines.get(record.channel) ?? []) {
      if (sees(client, record)) this.#options.outlet.fail(line, "going-away");
    }
  }

  word(about: LocalShare, word: WordToEdges): void {
    const { record } = about;
    const { share } = record.offer;
    if (word.t === "confirmed") {
      const { receiver } = word;
      this.#tellAll(record, { t: "receipted", share, receiver });
    } else if (word.t === "decided" && this.#told.has(about)) {
      this.#tellAll(record, decisionOf(share, word.admission));
    }
  }

  full({ record }: LocalShare, line: SocketId, receiver: Uint8Array): void {
    this.#send(line, { t: "full", share: record.offer.share, receiver });
  }

  /** The level that lines like this one ask for: the least of them, or 0 for shares of this relay. */
  #askedOf(channel: string, { through }: EdgeView): number | undefined {
    const lines = this.#lines.get(channel)?.values() ?? [];
    const levels = [...lines].flatMap((line) => {
      return line.through?.owner === through?.owner ? (line.through?.level ?? 0) : [];
    });
    return levels.length === 0 ? undefined : Math.min(...levels);
  }

  #tellAsked(channel: string, line: EdgeView, before: number | undefined): void {
    const asked = this.#askedOf(channel, line);
    if (asked === before) return;
    // Owners come and go while others of the channel stay. The next line for this one hears of it anew.
    if (asked === undefined) this.#over.get(channel)?.delete(line.through?.owner ?? "");
    if (line.through === undefined) this.#options.asked(channel, asked !== undefined);
    else this.#options.through(channel, line.through.owner, asked);
  }

  #tellAll(record: ShareRecord, message: OwnMessage | Message): void {
    const lines = this.#lines.get(record.channel);
    if (lines === undefined) return;
    const bytes = encodeCluster(message);
    for (const [line, client] of lines) {
      if (sees(client, record)) this.#options.outlet.sendToEdge?.(line, bytes);
    }
  }

  #send(line: SocketId, message: OwnMessage | Message): void {
    this.#options.outlet.sendToEdge?.(line, encodeCluster(message));
  }
}

/** Undefined: where it begins is not known yet. */
function toldOf({ record, first, isReadAgain }: LocalShare): ClusterShare | undefined {
  const { offer, capability } = record;
  const stored = storedOf(record);
  if (!isReadAgain && first === undefined) return undefined;
  return {
    ...offer,
    senderHere: isSenderHere(record),
    ...(capability && { capability }),
    ...(first !== undefined && { first }),
    ...(stored && { stored: toWireFacts(stored) }),
  };
}

function withoutBegun(share: ClusterShare): ClusterShare {
  if (share.stored?.begun === undefined) return share;
  const { begun: _, ...stored } = share.stored;
  return { ...share, stored };
}

type AboutReceivers = Extract<
  EdgeMessage,
  { t: "receivers" | "receipt" | "begun" | "finishing" | "download" }
>;
const ABOUT_RECEIVERS: ReadonlySet<EdgeMessage["t"]> = new Set<AboutReceivers["t"]>([
  "receivers",
  "receipt",
  "begun",
  "finishing",
  "download",
]);

function isAboutReceivers(message: EdgeMessage): message is AboutReceivers {
  return ABOUT_RECEIVERS.has(message.t);
}

function decisionsOn({ record, fanout }: LocalShare): Message[] {
  return fanout.decisions.map((each) => decisionOf(record.offer.share, each));
}

function decisionOf(share: Uint8Array, { receiver, dismissed }: Admission): Message {
  if (dismissed === undefined) return { t: "admit", share, receiver };
  return { t: "dismiss", share, receiver, reason: dismissed };
}
