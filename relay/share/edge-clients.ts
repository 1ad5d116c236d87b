/**
 * The sockets of the cluster's listener at one worker: a relay that proved itself is a control line or a stream (see
 * `Edges`), or carries a sender that came to it, which is a sender of this worker like any other:
 *
 *   edge  --edge-hello with `forward`--> a sender that the edge let in
 *         --offer, frames, receipted, ... of that sender--> `Senders`      (answers go down as to any sender)
 *         --further: a connection of it came or went------> `Senders`
 *
 * The owner of such a share counts the sender's address as the edge gave it; bans and tokens were the edge's part. The hub
 * owns it.
 */
import {
  FaultError,
  NONCE_BYTES,
  SENT_BY,
  decodeControl,
  isFrame,
  toHex,
  unpackMap,
  CONTROL_BYTES,
  type SyncPrimitives,
} from "../../protocol/mod.ts";

import type { ClusterSecret } from "../cluster/proof.ts";
import { decodeFromEdge, type OwnMessageOf } from "../cluster/wire.ts";
import type { LiveLimits } from "../limits/limits.ts";
import type { Edges } from "./edges.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import type { Receivers } from "./receivers.ts";
import type { Senders } from "./senders.ts";
import {
  newSender,
  type Client,
  type EdgeClient,
  type EdgeStream,
  type EdgeView,
  type ReceiverClient,
  type SenderClient,
  type StrangerClient,
} from "./share-table.ts";

export interface EdgeClientsOptions {
  readonly outlet: Outlet;
  readonly primitives: SyncPrimitives;
  readonly limits: LiveLimits;
  readonly secret: ClusterSecret;
  /** This relay's id in hex. */
  readonly me: string;
  /** Whether this relay stores shares. */
  readonly hasStore: boolean;
  /** Of the hub. */
  readonly clients: Map<SocketId, Client>;
  readonly edges: Edges;
  readonly senders: Senders;
  readonly receivers: Receivers;
}

type ForwardedSender = SenderClient & { readonly isForwarded: true };

/** A socket of the cluster's listener. */
export type OfEdge =
  | (StrangerClient & { readonly isEdge: true })
  | (ReceiverClient & { readonly edge: EdgeStream })
  | ForwardedSender
  | EdgeClient;

export function isOfEdge(client: Client): client is OfEdge {
  switch (client.role) {
    case "stranger":
      return client.isEdge === true;
    case "sender":
      return client.isForwarded === true;
    case "receiver":
      return client.edge !== undefined;
    case "edge":
      return true;
  }
}

export class EdgeClients {
  readonly #options: EdgeClientsOptions;

  constructor(options: EdgeClientsOptions) {
    this.#options = options;
  }

  /** Another relay, or nobody. */
  opened(socket: SocketId, now: number): void {
    const { outlet, primitives, limits, clients } = this.#options;
    const deadline = now + limits.now["hello-timeout"];
    const nonce = primitives.randomBytes(NONCE_BYTES);
    const isEdge = true;
    clients.set(socket, { role: "stranger", deadline, nonce, address: undefined, isEdge });
    outlet.send(socket, { t: "challenge", nonce });
  }

  /** @throws FaultError */
  message(socket: SocketId, client: OfEdge, bytes: Uint8Array, now: number): void {
    const { edges, receivers, clients } = this.#options;
    switch (client.role) {
      case "edge":
        edges.message(socket, client, bytes);
        return;
      case "receiver":
        receivers.message(socket, client, edges.streamMessage(client, bytes), now);
        return;
      case "sender":
        this.#forwarded(socket, client, bytes);
        return;
      case "stranger": {
        const hello = edges.hello(client, bytes);
        const proved = this.#clientOf(hello);
        clients.set(socket, proved);
        edges.opened(socket, proved, hello);
      }
    }
  }

  closed(socket: SocketId, client: OfEdge): void {
    if (client.role !== "stranger") this.#options.edges.closed(socket, client);
  }

  #clientOf({ relay, channel: id, share, through, forward }: OwnMessageOf<"edge-hello">) {
    const channel = toHex(id);
    if (forward !== undefined) {
      const { address, mayStore } = forward;
      const may = mayStore && this.#options.hasStore;
      return newSender({ channel, address, mayStore: may, isForwarded: true });
    }
    const common = { channel, address: undefined, share: undefined };
    const view = this.#viewOf(through);
    if (share === undefined) return { role: "edge", ...common, ...view } as const;
    return { role: "receiver", ...common, edge: { relay, share, ...view } } as const;
  }

  /** An edge may take the owner for a gateway. */
  #viewOf(through: OwnMessageOf<"edge-hello">["through"]): EdgeView {
    const owner = through && toHex(through.owner);
    if (through === undefined || owner === undefined || owner === this.#options.me) return {};
    return { through: { owner, level: through.level } };
  }

  /** A message of a sender, or of its relay about its connections. */
  #forwarded(socket: SocketId, client: ForwardedSender, bytes: Uint8Array): void {
    const { senders, secret } = this.#options;
    if (isFrame(bytes)) {
      senders.frame(socket, client, bytes);
      return;
    }
    if (unpackMap(bytes, CONTROL_BYTES)["t"] === "further") {
      const further = decodeFromEdge(bytes);
      if (further.t !== "further") return;
      if (further.isOpen) senders.furtherOpened(socket, client);
      else senders.furtherClosed(socket, client);
      return;
    }
    const message = secret.hidden(decodeControl(bytes, "sender"));
    const sentBy: readonly string[] = SENT_BY[message.t];
    if (message.t === "hello" || !sentBy.includes("sender")) {
      throw new FaultError("wrong-role", message.t);
    }
    senders.message(socket, client, message);
  }
}
