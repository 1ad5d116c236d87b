import { FaultError } from "../../protocol/mod.ts";

import type { Access } from "./policy.ts";
import { TokenBook, type KnownToken } from "./tokens.ts";

/** An action that needs a permission. */
export interface Action {
  readonly role: "send" | "receive";
  readonly lobby: boolean;
}

/** A granted action, and the token for it. */
export interface Grant extends Action {
  /** Undefined: no token was needed. */
  readonly token: KnownToken | undefined;
}

export interface AuthorizerOptions {
  readonly access: Access;
  readonly lobby: boolean;
  /** ms since 1970 */
  readonly time: () => number;
}

/** Decides which clients may send and receive. It knows of no share, so what it says tells of none. */
export class Authorizer {
  readonly #time: () => number;
  readonly #hasLobby: boolean;
  #access: Access;
  #tokens: TokenBook;

  constructor({ access, lobby, time }: AuthorizerOptions) {
    this.#access = access;
    this.#tokens = new TokenBook(access.tokens);
    this.#hasLobby = lobby;
    this.#time = time;
  }

  set access(access: Access) {
    this.#access = access;
    this.#tokens = new TokenBook(access.tokens);
  }

  /** @throws FaultError `not-allowed`, the same for a token that is unknown, revoked or over */
  grant(action: Action, token: string | undefined): Grant {
    const { role, lobby } = action;
    if (lobby && !this.#hasLobby) throw notAllowed("it has no lobby");
    if (!this.#needsToken(action)) return { role, lobby, token: undefined };
    if (token === undefined) throw notAllowed("it wants a token");
    const known = this.#tokens.find(token, this.#time());
    if (known === undefined) throw notAllowed("it does not know this token");
    if (!known.roles.includes(role)) throw notAllowed(`this token is not for who wants to ${role}`);
    return { role, lobby, token: known };
  }

  /** Whether it would be granted again. */
  holds(grant: Grant): boolean {
    if (!this.#needsToken(grant)) return true;
    return grant.token !== undefined && this.#tokens.holds(grant.token, grant.role, this.#time());
  }

  /** Whether the relay may store shares of this client. */
  mayStore({ role, lobby, token }: Grant): boolean {
    // The lobby's code is known to everybody: a share there would be anybody's for days.
    return role === "send" && !lobby && (token === undefined || token.roles.includes("store"));
  }

  #needsToken({ role, lobby }: Action): boolean {
    const mode = lobby ? this.#access.lobby : this.#access.mode;
    return mode === "closed" || (mode === "senders" && role === "send");
  }
}

/** RFC 6750, section 2.1. The relay hashes a token before it compares it, so its length has a limit. characters */
const BEARER = /^Bearer +([\w.~+/=-]{1,512})$/i;

/** The token of `Authorization: Bearer TOKEN`; undefined: none is given, empty: it is malformed. */
export function bearerToken(headers: Headers): string | undefined {
  const given = headers.get("authorization");
  return given === null ? undefined : (BEARER.exec(given)?.[1] ?? "");
}

function notAllowed(detail: string): FaultError {
  return new FaultError("not-allowed", detail);
}
