/**
 * The hellos of a worker's clients. A socket is a stranger until its hello proves a channel and a role, in time:
 *
 *   stranger --hello-----------------> welcome: a sender, or a receiver, with a session of its own
 *            --hello of a session----> welcome: a further connection of the client that has the session
 *            --hello-timeout, fault--> failed
 *
 * It makes the clients, and opens and extends their sessions; the hub owns it and both maps.
 */
import {
  CREDIT_MOST_RECORDS,
  CREDIT_RECORDS,
  FRAME_BYTES,
  NONCE_BYTES,
  SESSION_BYTES,
  WINDOW_MOST_RECORDS,
  WINDOW_RECORDS,
  channelOf,
  checkHello,
  commonVersion,
  socketFault,
  toHex,
  type MessageOf,
  type Role,
  type SyncPrimitives,
} from "../../protocol/mod.ts";

import type { LiveLimits } from "../limits/limits.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import type { Receivers } from "./receivers.ts";
import type { Sessions } from "./sessions.ts";
import {
  newSender,
  type Client,
  type ReceiverClient,
  type SenderClient,
  type StrangerClient,
} from "./share-table.ts";

/** The longest life of a stored share in seconds, and the most bytes of one. */
export type StoreTerms = NonNullable<MessageOf<"welcome">["store"]>;

/** A hello whose signature holds, and the channel that its key opens. */
export interface ProvedHello extends Pick<MessageOf<"hello">, "role" | "token"> {
  /** 16 bytes */
  readonly channel: Uint8Array;
  /** It is another connection of a client that is in already. */
  readonly isFurther: boolean;
}

/** The clients that a relay lets in, and what it tells them of itself. */
export interface DoorOptions {
  /** The host name by which the operator calls the relay; hellos are signed for it. */
  readonly relayName?: string | undefined;
  /** Whether it serves one channel alone; clients are told before they say which is theirs. */
  readonly hasOneChannel?: boolean;
  /** Whether browsers find the page here; senders are told. */
  readonly hasPage?: boolean;
  /** Whether a socket may be what its hello says; unless given, it may. @throws FaultError `not-allowed`, `too-many` */
  readonly admit?: (socket: SocketId, entry: ProvedHello) => void;
  /** The terms on which a sender at a socket that was let in may store here; undefined: it may not. */
  readonly mayStore?: (socket: SocketId, entry: ProvedHello) => StoreTerms | undefined;
  readonly primitives: SyncPrimitives;
}

export interface HellosOptions extends DoorOptions {
  readonly outlet: Outlet;
  readonly limits: LiveLimits;
  /** Of the hub. */
  readonly clients: Map<SocketId, Client>;
  readonly sessions: Sessions;
  readonly receivers: Receivers;
  /** A client with this main connection has a further one. */
  readonly extended: (main: SocketId, further: SocketId, role: Role) => void;
}

export class Hellos {
  readonly #options: HellosOptions;

  constructor(options: HellosOptions) {
    this.#options = options;
  }

  /** @param address what limits for each address count it as, see `ClientAddress` */
  opened(socket: SocketId, now: number, address?: string): void {
    const { clients, limits, outlet, primitives, relayName, hasOneChannel = false } = this.#options;
    const deadline = now + limits.now["hello-timeout"];
    const nonce = primitives.randomBytes(NONCE_BYTES);
    clients.set(socket, { role: "stranger", deadline, nonce, address });
    outlet.send(socket, {
      t: "challenge",
      nonce,
      ...(relayName && { name: relayName }),
      ...(hasOneChannel && { only: true }),
    });
  }

  /** Ends strangers that said no hello in time, other relays too. */
  tick(now: number): void {
    const { clients, limits, outlet } = this.#options;
    for (const [socket, client] of clients) {
      if (client.role === "stranger" && now >= client.deadline) {
        clients.delete(socket);
        const { code, detail, after } = limits.over("hello-timeout");
        outlet.fail(socket, socketFault(code), detail, after);
      }
    }
  }

  /**
   * The proof comes first: without it nothing tells which tokens, channels and shares there are.
   * @throws FaultError as `checkHello` and `admit`
   */
  hello(socket: SocketId, stranger: StrangerClient, hello: MessageOf<"hello">, now: number): void {
    const { address, nonce } = stranger;
    const { clients, sessions, outlet, primitives, relayName: name } = this.#options;
    checkHello(hello, { nonce, name }, primitives);
    const { role, token } = hello;
    const id = channelOf(hello.key, primitives);
    const entry = { role, token, channel: id, isFurther: hello.of !== undefined };
    this.#options.admit?.(socket, entry);
    const channel = toHex(id);
    if (hello.of !== undefined) {
      this.#extend(socket, channel, hello, hello.of);
      return;
    }
    const store = role === "sender" ? this.#options.mayStore?.(socket, entry) : undefined;
    const mayStore = store !== undefined;
    const others = hello.others === true && { hasOthers: true as const };
    const client: SenderClient | ReceiverClient =
      role === "sender"
        ? { ...newSender({ channel, address, mayStore, since: now }), ...others }
        : { role, channel, address, share: undefined, ...others };
    clients.set(socket, client);
    const session = primitives.randomBytes(SESSION_BYTES);
    sessions.open(socket, session, channel, role);
    this.#welcome(socket, hello, session, store);
    if (client.role === "sender") return;
    if (hello.quiet === true) outlet.noPing(socket);
    this.#options.receivers.opened(socket, client, now);
  }

  /** Its session may be at another worker: its client tries again, and may come to that one. */
  #extend(socket: SocketId, channel: string, hello: MessageOf<"hello">, session: Uint8Array): void {
    const { clients, sessions, outlet, extended } = this.#options;
    const main = sessions.extend(socket, session, channel, hello.role);
    if (main === undefined) {
      outlet.fail(socket, "not-here");
      return;
    }
    clients.delete(socket);
    this.#welcome(socket, hello, session);
    if (hello.quiet === true && hello.role === "receiver") outlet.noPing(socket);
    extended(main, socket, hello.role);
  }

  #welcome(
    socket: SocketId,
    { v, least = v }: MessageOf<"hello">,
    session: Uint8Array,
    store?: StoreTerms,
  ): void {
    const { outlet, hasPage = false } = this.#options;
    outlet.send(socket, {
      t: "welcome",
      v: commonVersion({ v, least }),
      session,
      ...(hasPage && { page: true }),
      ...(store && { store }),
      limits: {
        frame: FRAME_BYTES,
        window: WINDOW_RECORDS,
        credit: CREDIT_RECORDS,
        windowMost: WINDOW_MOST_RECORDS,
        creditMost: CREDIT_MOST_RECORDS,
      },
    });
  }
}
