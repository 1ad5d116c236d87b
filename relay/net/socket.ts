/** One client of the protocol: what a worker knows of the WebSocket that carries it. `Sockets` owns it. */
import type { FaultError } from "../../protocol/mod.ts";

import type { ClientAddress } from "../access/client-address.ts";
import type { Grant } from "../access/authorizer.ts";
import type { MemoryPlace } from "../limits/memory-budget.ts";
import type { SocketId } from "../share/outlet.ts";
import type { Line } from "./line.ts";
import type { Peer, PeerRole } from "./peer.ts";
import type { CloseCause } from "./refusal.ts";

/** The part of Bun's server that publishes to the sockets which came to it. */
export type Publisher = Pick<Bun.Server<unknown>, "publish">;

/** A client of the protocol, as its WebSocket carries it. */
export interface SocketData extends Peer {
  readonly door: "socket";
  readonly id: SocketId;
  readonly line: Line;
  /** The server that it came to; undefined: it gets everything by itself. */
  readonly publisher: Publisher | undefined;
  /** The socket came to the port of other relays. Once it has proved itself, its role is `receiver`, or `sender` if it carries one. */
  readonly isEdge: boolean;
  /** The client's address; of a relay that carries a sender, that sender's. */
  client: ClientAddress;
  /** Undefined before its hello. */
  grant: Grant | undefined;
  role: PeerRole;
  /** Holds what came of a sender's message that is not whole. */
  arriving: MemoryPlace | undefined;
  /** It is over a limit, and is only told so. */
  turnedAway: FaultError | undefined;
  /** A fault was told, or will be after the frame on its way: nothing more is read or sent. */
  closing: CloseCause | undefined;
  /** It is a further connection of this client, and what it sends and takes counts there. */
  main: SocketData | undefined;
  /** A sender that got its first `accepted`. */
  wasAccepted: boolean;
  /** Messages that wait until the frame on its way is through. */
  waiting: Uint8Array[] | undefined;
  /** Holds the bytes that Bun has for it; undefined: Bun never had any. */
  memory: MemoryPlace | undefined;
  /** Bytes that Bun had for it at the last refresh. */
  left: number;
}

export type Socket = Bun.ServerWebSocket<SocketData>;

/** A client before its hello. */
export function newSocketData(
  given: Pick<
    SocketData,
    "id" | "client" | "line" | "publisher" | "isEdge" | "tick" | "disconnect"
  >,
): SocketData {
  return {
    ...given,
    door: "socket",
    role: "stranger",
    grant: undefined,
    place: undefined,
    arriving: undefined,
    turnedAway: undefined,
    closing: undefined,
    main: undefined,
    wasAccepted: false,
    waiting: undefined,
    memory: undefined,
    left: 0,
  };
}

/** A receiver may answer each frame, by its main connection. */
export function earnAnswer({ data }: Socket): void {
  (data.main ?? data).line.earn(1);
}
