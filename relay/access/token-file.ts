/** The file of a relay's tokens: read with care, and read again when it changes. */
import * as v from "valibot";

import { FaultError } from "../../protocol/mod.ts";
import { TOKEN_NAME_CHARACTERS } from "../limits/operator-limits.ts";

import { readTextFile } from "../system/file-text.ts";
import { KeptFiles } from "../system/kept-files.ts";
import { TOKEN_ROLES, type KnownToken } from "./tokens.ts";

/** Tokens of a relay; all are posted to each worker when one changes. */
export const TOKENS = 1000;
/** Bytes of the token file; TOKENS of them with long names are half of that. */
const TOKEN_FILE_BYTES = 1024 ** 2;

const time = v.pipe(v.string(), v.isoTimestamp());

const entry = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/)),
  /** For people. */
  name: v.optional(v.pipe(v.string(), v.maxLength(TOKEN_NAME_CHARACTERS))),
  roles: v.pipe(v.array(v.picklist(TOKEN_ROLES)), v.minLength(1)),
  /** Of the whole token. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  created: v.optional(time),
  expires: v.optional(time),
});
const file = v.strictObject({ tokens: v.pipe(v.array(entry), v.maxLength(TOKENS)) });

export type TokenEntry = v.InferOutput<typeof entry>;

/** @throws FaultError `bad-tokens` that says what is wrong where, and nothing that the text holds */
export function parseTokens(text: string, from: string): TokenEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(`${from} is no JSON`);
  }
  const parsed = v.safeParse(file, value);
  if (!parsed.success) {
    const where = v.getDotPath(parsed.issues[0]) ?? "tokens";
    throw bad(`in ${from}, ${where} is not as it must be`);
  }
  const { tokens } = parsed.output;
  if (new Set(tokens.map(({ id }) => id)).size < tokens.length) {
    throw bad(`in ${from}, two tokens have the same id`);
  }
  return tokens;
}

export function tokensText(tokens: readonly TokenEntry[]): string {
  return `${JSON.stringify({ tokens }, undefined, 2)}\n`;
}

/** The part that workers need. */
export function knownTokens(entries: readonly TokenEntry[]): KnownToken[] {
  return entries.map(({ id, roles, sha256, expires }) => {
    return { id, roles, sha256, expires: expires === undefined ? undefined : Date.parse(expires) };
  });
}

export interface TokenFile {
  readonly tokens: readonly TokenEntry[];
  /** A weakness of the file that does not hinder. */
  readonly warning: string | undefined;
}

/** @param at where it is for the system. @throws FaultError `bad-tokens` */
export function readTokenFile(path: string, at = path): TokenFile {
  const { text, mode } = readTextFile(path, TOKEN_FILE_BYTES, "bad-tokens", at);
  // A user who can write it can let himself in. On Windows there are no such modes.
  if (process.platform !== "win32" && (mode & 0o022) !== 0) {
    throw bad(`others may write ${path}: chmod go-w`);
  }
  const open = process.platform !== "win32" && (mode & 0o004) !== 0;
  const tokens = parseTokens(text, path);
  // Hashes of random tokens tell nothing, but names, roles and times do.
  return { tokens, warning: open ? `Everybody may read ${path}: chmod o-r` : undefined };
}

export type TokenPoll =
  | { readonly found: "same" }
  | { readonly found: "changed" }
  | { readonly found: "trouble"; readonly trouble: string };

/** Tokens of a file that may change at any time. */
export class KeptTokens {
  readonly #path: string;
  readonly #kept: KeptFiles<TokenFile>;

  /** @throws FaultError `bad-tokens` */
  constructor(path: string) {
    this.#path = path;
    this.#kept = new KeptFiles([path], () => readTokenFile(path), isSame);
  }

  get tokens(): KnownToken[] {
    return knownTokens(this.#kept.value.tokens);
  }

  get warning(): string | undefined {
    return this.#kept.value.warning;
  }

  /**
   * Looks whether there are others. Of a file that is wrong it tells once, and the tokens stay.
   * @param insists the operator asked: a fault is told at once, and again
   */
  poll(insists: boolean): TokenPoll {
    const poll = this.#kept.poll(insists, () => readTokenFile(this.#path));
    if (poll.found !== "trouble") return poll;
    return { found: "trouble", trouble: `${poll.why}; the tokens from before stay` };
  }
}

function isSame({ tokens: one }: TokenFile, { tokens: other }: TokenFile): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function bad(detail: string, cause?: unknown): FaultError {
  return new FaultError("bad-tokens", detail, { cause });
}
