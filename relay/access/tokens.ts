import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

export const TOKEN_ROLES = ["send", "receive", "store", "admin"] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

/** A token as a relay knows it: everything but the token itself. Plain values. */
export interface KnownToken {
  /** The part of it that is no secret, and names it. */
  readonly id: string;
  readonly roles: readonly TokenRole[];
  /**
   * SHA-256 of the whole token, in hex. A slow hash would protect nothing: a token is 256 random bits,
   * which nobody guesses however fast a guess is checked.
   */
  readonly sha256: string;
  /** ms since 1970 from which on it counts as unknown; undefined: never */
  readonly expires: number | undefined;
}

const ID_BYTES = 4;
const SECRET_BYTES = 32;
/** `fst_`, so that people and programs that look for leaked secrets know one when they see it. */
const FORM = /^fst_([0-9a-f]{8})_[0-9a-f]{64}$/;

/** A new token, to be shown once, and what is kept of it. */
export function makeToken(): {
  readonly text: string;
  readonly id: string;
  readonly sha256: string;
} {
  const id = randomBytes(ID_BYTES).toString("hex");
  const text = `fst_${id}_${randomBytes(SECRET_BYTES).toString("hex")}`;
  return { text, id, sha256: hashOf(text).toString("hex") };
}

/** Tokens to be looked up. */
export class TokenBook {
  readonly #tokens: ReadonlyMap<string, KnownToken>;

  constructor(tokens: readonly KnownToken[]) {
    this.#tokens = new Map(tokens.map((token) => [token.id, token]));
  }

  /**
   * Finds a token by its text. It takes as long for one that is not here, is over, or has another secret as for
   * one that holds: a hash, and a comparison in constant time.
   * @param now ms since 1970
   */
  find(text: string, now: number): KnownToken | undefined {
    const hash = hashOf(text);
    const token = this.#tokens.get(FORM.exec(text)?.[1] ?? "");
    const expected = token === undefined ? NOBODYS : Buffer.from(token.sha256, "hex");
    const isSame = timingSafeEqual(hash, expected);
    return token !== undefined && isSame && !isOver(token, now) ? token : undefined;
  }

  /** Whether a token that was found before would be found again with this role. */
  holds({ id, sha256 }: KnownToken, role: TokenRole, now: number): boolean {
    const token = this.#tokens.get(id);
    return token?.sha256 === sha256 && token.roles.includes(role) && !isOver(token, now);
  }
}

/** The hash of no known text. */
const NOBODYS = randomBytes(32);

function isOver({ expires }: KnownToken, now: number): boolean {
  return expires !== undefined && now >= expires;
}

/** In a time that says nothing of where they differ. */
export function isSameToken(one: string, other: string): boolean {
  return timingSafeEqual(hashOf(one), hashOf(other));
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
