import type { MessageOf } from "../../protocol/mod.ts";

import type { ClaimingUplink } from "../store/book-effects.ts";
import type { LocalShare } from "./local-share.ts";
import type { ShareRecord } from "./messages.ts";

/** The shares that a worker knows, by id and by channel. */
export class ShareTable {
  readonly #byKey = new Map<string, LocalShare>();
  readonly #byChannel = new Map<string, Set<LocalShare>>();

  get all(): Iterable<LocalShare> {
    return this.#byKey.values();
  }

  get(key: string): LocalShare | undefined {
    return this.#byKey.get(key);
  }

  of(client: Client | undefined): LocalShare | undefined {
    if (client === undefined || client.role === "stranger") return undefined;
    return client.share === undefined ? undefined : this.#byKey.get(client.share);
  }

  inChannel(channel: string): LocalShare[] {
    return [...(this.#byChannel.get(channel) ?? [])];
  }

  add(share: LocalShare): void {
    const { key, channel } = share.record;
    this.#byKey.set(key, share);
    const others = this.#byChannel.get(channel) ?? new Set();
    this.#byChannel.set(channel, others.add(share));
    this.#divideLog(channel);
  }

  delete(share: LocalShare): void {
    const { key, channel } = share.record;
    this.#byKey.delete(key);
    const others = this.#byChannel.get(channel);
    others?.delete(share);
    if (others?.size === 0) this.#byChannel.delete(channel);
    this.#divideLog(channel);
  }

  /** Shares of one channel have one part of the log among them. */
  #divideLog(channel: string): void {
    const shares = this.inChannel(channel);
    for (const share of shares) share.inChannelOf(shares.length);
  }
}

/** The client of a socket; its hello binds its role for ever. */
export type Client = StrangerClient | SenderClient | ReceiverClient | EdgeClient;

export interface StrangerClient {
  readonly role: "stranger";
  readonly deadline: number;
  /** Its hello has to sign it. */
  readonly nonce: Uint8Array;
  /** Its address as limits count it; undefined: not counted. */
  readonly address: string | undefined;
  /** It came to the cluster's listener: it may be another relay, and nothing else. */
  readonly isEdge?: true;
}

export interface SenderClient {
  readonly role: "sender";
  readonly channel: string;
  readonly address: string | undefined;
  share: string | undefined;
  /** The first record that it can give. */
  first: number;
  /** It has further connections, as senders have that are far. */
  isSeveral: boolean;
  /** Its shares may stay here without it. */
  readonly mayStore: boolean;
  /** It knows other relays. */
  readonly hasOthers?: true;
  /** When it said hello. ms */
  readonly since?: number | undefined;
  /** The directory has not answered this claim. */
  claiming: MessageOf<"offer"> | undefined;
  /** The book of stored shares has not answered this question. */
  asking: MessageOf<"inspect" | "revoke"> | undefined;
  /** It stands for the relay that has the sender. */
  readonly uplink?: Pick<ClaimingUplink, "link" | "relay" | "level"> | undefined;
  /** It came to another relay, which let it in and passes on what both say. */
  readonly isForwarded?: true | undefined;
}

/** A sender that said nothing yet. */
export function newSender(
  given: Pick<
    SenderClient,
    "channel" | "address" | "mayStore" | "since" | "uplink" | "isForwarded"
  >,
): SenderClient {
  return {
    role: "sender",
    ...given,
    share: undefined,
    first: 0,
    isSeveral: false,
    claiming: undefined,
    asking: undefined,
  };
}

export interface ReceiverClient {
  readonly role: "receiver";
  readonly address: string | undefined;
  channel: string;
  share: string | undefined;
  readonly hasOthers?: true;
  /** When it was offered all shares of its channel; undefined: it is a relay. ms */
  offeredAt?: number;
  /** Undefined: it is no relay. */
  readonly edge?: EdgeStream | undefined;
}

/** A stream by which another relay reads one share. */
export interface EdgeStream extends EdgeView {
  readonly relay: Uint8Array;
  readonly share: Uint8Array;
}

/** The shares that a line of another relay is about. */
export interface EdgeView {
  /** The shares of another owner that come here by a link of a lower level; undefined: this relay's own. */
  readonly through?: { readonly owner: string; readonly level: number } | undefined;
}

/** Whether a line with this view is about the share. */
export function sees({ through }: EdgeView, { remote, level = 0 }: ShareRecord): boolean {
  return remote === through?.owner && (through === undefined || level < through.level);
}

/** The control line of another relay, about all shares of one channel that it sees. */
export interface EdgeClient extends EdgeView {
  readonly role: "edge";
  readonly channel: string;
  readonly address: undefined;
  share: undefined;
}
