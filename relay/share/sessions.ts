/**
 * The sessions of a worker. A client has one main connection, and up to CONNECTIONS_PER_SESSION with further ones
 * that carry frames alone. For all else of the relay a session is its main connection. The hub owns this.
 */
import { CONNECTIONS_PER_SESSION, toHex, type Role } from "../../protocol/mod.ts";

import type { SocketId } from "./outlet.ts";

interface Session {
  readonly key: string;
  readonly main: SocketId;
  readonly channel: string;
  readonly role: Role;
  readonly further: Set<SocketId>;
}

export class Sessions {
  readonly #byKey = new Map<string, Session>();
  readonly #byMain = new Map<SocketId, Session>();
  readonly #byFurther = new Map<SocketId, Session>();

  /** @param id that its client is told */
  open(main: SocketId, id: Uint8Array, channel: string, role: Role): void {
    const key = toHex(id);
    const session = { key, main, channel, role, further: new Set<SocketId>() };
    this.#byKey.set(key, session);
    this.#byMain.set(main, session);
  }

  /**
   * A client of this channel and role says that the socket is a further one of its session.
   * @returns the main one; undefined: there is no such session, or it has as many as it may have
   */
  extend(further: SocketId, id: Uint8Array, channel: string, role: Role): SocketId | undefined {
    const session = this.#byKey.get(toHex(id));
    if (session?.channel !== channel || session.role !== role) return undefined;
    if (session.further.size + 1 >= CONNECTIONS_PER_SESSION) return undefined;
    session.further.add(further);
    this.#byFurther.set(further, session);
    return session.main;
  }

  /** The main connection of the session that has this further one. */
  mainOf(socket: SocketId): SocketId | undefined {
    return this.#byFurther.get(socket)?.main;
  }

  /** A further connection is gone. */
  shrink(further: SocketId): void {
    this.#byFurther.get(further)?.further.delete(further);
    this.#byFurther.delete(further);
  }

  /** The main connection is gone. @returns the further ones, which end with it */
  close(main: SocketId): Iterable<SocketId> {
    const session = this.#byMain.get(main);
    if (session === undefined) return [];
    this.#byMain.delete(main);
    this.#byKey.delete(session.key);
    for (const further of session.further) this.#byFurther.delete(further);
    return session.further;
  }
}
