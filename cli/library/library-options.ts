/**
 * Checks the options that programs give to the calls of the library, before anything is started. Programs
 * without types give anything: each option has one check here, and a fault names the option.
 */
import * as v from "valibot";

import { FaultError } from "../../protocol/wire/faults.ts";
import {
  CONNECTIONS_PER_SESSION,
  RECEIVE_RATE_MIN,
  RECEIVER_NAME_CHARACTERS,
  STORE_DOWNLOADS_MOST,
  STORE_LIFE_MOST_S,
} from "../../protocol/wire/limits.ts";
import {
  CONNECT_TIMEOUT_MAX_MS,
  RECEIVERS_WANTED,
  TIMEOUT_MAX_MS,
  WAIT_MAX_MS,
} from "../arguments/values.ts";
import { LOBBY_CODE } from "../../protocol/code/code.ts";
import { ON_EXISTS } from "../job/jobs.ts";
import { ROUTES } from "../job/routes.ts";
import { suggest } from "../arguments/command-line.ts";
import { RELAYS_MOST } from "../connection/relay-choice.ts";

/** `usage` in the words of a library, whose options have other names than those of a command. */
export class OptionFault extends FaultError {
  constructor(call: string, detail: string) {
    super("usage", detail);
    this.message = `The options of ${call}() are not valid: ${detail}.`;
  }
}

const text = v.string("has to be a text");
const yesOrNo = v.boolean("has to be true or false");
const bytes = v.pipe(
  v.number("has to be a number of bytes per second"),
  v.check(
    (rate) => rate >= RECEIVE_RATE_MIN && rate < Infinity,
    `has to be at least ${RECEIVE_RATE_MIN}`,
  ),
);
const signal = v.instance(AbortSignal, "has to be an AbortSignal");
const words = v.array(text, "has to be a list of texts");

function whole(most: number) {
  const what = `has to be a whole number from 1 to ${most}`;
  return v.pipe(
    v.number(what),
    v.check((value) => Number.isSafeInteger(value) && value >= 1 && value <= most, what),
  );
}

function ms(least: number, most: number) {
  const what = `has to be a number of ms from ${least} to ${most}`;
  return v.pipe(
    v.number(what),
    v.check((value) => value >= least && value <= most, what),
  );
}

function timeout(most: number) {
  return v.pipe(
    v.number("has to be a number of ms, or Infinity"),
    v.check(
      (value) => value === Infinity || (value > 0 && value <= most),
      `has to be more than 0 and at most ${most} ms, or Infinity`,
    ),
  );
}

const again = v.strictObject({ cwd: text, words }, "has to be an object");

/** Wrong keys are told with the one that may be meant. */
function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, (issue) => {
    if (issue.expected !== "never") return "has to be an object";
    const key = String(issue.path?.at(-1)?.key);
    const meant = suggest(key, Object.keys(entries));
    return `is no option${meant === undefined ? "" : ` (did you mean ${meant}?)`}`;
  });
}

const RELAYS = `has to be a text, or a list of 1 to ${RELAYS_MOST} texts`;

const common = {
  relay: v.optional(
    v.union(
      [text, v.pipe(words, v.minLength(1, RELAYS), v.maxLength(RELAYS_MOST, RELAYS))],
      RELAYS,
    ),
  ),
  ca: v.optional(text),
  token: v.optional(text),
  connectTimeoutMs: v.optional(timeout(CONNECT_TIMEOUT_MAX_MS)),
  timeoutMs: v.optional(timeout(TIMEOUT_MAX_MS)),
  limit: v.optional(bytes),
  connections: v.optional(whole(CONNECTIONS_PER_SESSION)),
  signal: v.optional(signal),
  master: v.optional(text),
  route: v.optional(v.picklist(ROUTES, `has to be one of ${ROUTES.join(", ")}`)),
};

const WHAT = "has to be a list of one path or more, or { from: paths, text or stdin, ... }";

const what = v.union(
  [
    v.pipe(words, v.minLength(1, WHAT)),
    v.strictObject({
      from: v.literal("paths"),
      paths: v.pipe(words, v.minLength(1, WHAT)),
      name: v.optional(text),
      exclude: v.optional(words),
      gitignore: v.optional(yesOrNo),
      follow: v.optional(yesOrNo),
      skipUnsafe: v.optional(yesOrNo),
      offerUnsafe: v.optional(yesOrNo),
    }),
    v.strictObject({ from: v.literal("text"), text, name: v.optional(text) }),
    v.strictObject({ from: v.literal("stdin"), name: v.optional(text) }),
  ],
  WHAT,
);

export const SEND_OPTIONS = {
  ...common,
  what,
  code: v.optional(text),
  receivers: v.optional(whole(RECEIVERS_WANTED)),
  stay: v.optional(yesOrNo),
  startWhen: v.optional(
    object({
      receivers: whole(RECEIVERS_WANTED),
      minWaitMs: ms(0, WAIT_MAX_MS),
      maxWaitMs: v.optional(ms(0, WAIT_MAX_MS)),
    }),
  ),
  store: v.optional(
    object({
      life: whole(STORE_LIFE_MOST_S),
      downloads: v.optional(whole(STORE_DOWNLOADS_MOST)),
    }),
  ),
  ask: v.optional(yesOrNo),
  dropSlowMs: v.optional(ms(1, WAIT_MAX_MS)),
  strict: v.optional(yesOrNo),
  keep: v.optional(object({ again, share: v.optional(text), anew: yesOrNo, codeChosen: yesOrNo })),
};

const name = v.pipe(
  text,
  v.check(
    (value) => value.length <= RECEIVER_NAME_CHARACTERS,
    `has to have at most ${RECEIVER_NAME_CHARACTERS} characters`,
  ),
);

export const RECEIVE_OPTIONS = {
  ...common,
  code: text,
  name: v.optional(name),
  lobby: v.optional(yesOrNo),
  out: v.optional(v.pipe(text, v.minLength(1, "has to be the path of a folder"))),
  prefix: v.optional(text),
  ask: v.optional(yesOrNo),
  allNames: v.optional(yesOrNo),
  hidden: v.optional(yesOrNo),
  executables: v.optional(yesOrNo),
  search: v.optional(yesOrNo),
  many: v.optional(yesOrNo),
  onExists: v.optional(v.picklist(ON_EXISTS, `has to be one of ${ON_EXISTS.join(", ")}`)),
  checksum: v.optional(yesOrNo),
  checksumFile: v.optional(yesOrNo),
  renameUnsafe: v.optional(yesOrNo),
  stdout: v.optional(yesOrNo),
  again: v.optional(again),
};

const { relay, ca, token } = common;
export const STORED_OPTIONS = { relay, ca, token, signal: common.signal };
export const REVOKE_OPTIONS = {
  ...STORED_OPTIONS,
  share: v.optional(
    v.pipe(
      text,
      v.regex(/^[0-9a-f]{4,32}$/, "has to be the id of a share, or at least its first 4 digits"),
    ),
  ),
};

const storedOptions = object(STORED_OPTIONS);
const revokeOptions = object(REVOKE_OPTIONS);
const revokedCode = object({ code: text });
const sendOptions = object(SEND_OPTIONS);
const receiveOptions = object(RECEIVE_OPTIONS);

/** @throws FaultError "usage" that names the option */
export function checkSendOptions(options: unknown): void {
  check("send", sendOptions, options);
  const { store, code, ...others } = options as Readonly<Record<string, unknown>>;
  if (store === undefined) return;
  const rival = ["receivers", "ask", "startWhen", "dropSlowMs"].find((name) => others[name]);
  if (rival !== undefined) {
    throw new OptionFault("send", `${rival} needs a sender that stays, and store does not`);
  }
  if (code === LOBBY_CODE) throw new OptionFault("send", "store is not for the lobby");
}

/** @throws FaultError "usage" that names the option */
export function checkReceiveOptions(options: unknown): void {
  check("receive", receiveOptions, options);
  const { stdout, checksumFile } = options as { stdout?: boolean; checksumFile?: boolean };
  if (stdout !== true || checksumFile !== true) return;
  throw new OptionFault("receive", "checksumFile lists saved files, and stdout saves none");
}

/** @throws FaultError "usage" that names the option */
export function checkStoredOptions(options: unknown): void {
  check("stored", storedOptions, options);
}

/** @throws FaultError "usage" that names the option */
export function checkRevokeOptions(code: unknown, options: unknown): void {
  check("revoke", revokedCode, { code });
  check("revoke", revokeOptions, options);
}

function check(call: string, schema: v.GenericSchema, options: unknown): void {
  const { issues } = v.safeParse(schema, options);
  const issue = issues?.[0];
  if (issue === undefined) return;
  const path = v.getDotPath(issue) ?? "what is given";
  const told = issue.path?.at(-1)?.key === "token" ? "" : shown(issue.input);
  const message = issue.received === "undefined" ? "is missing" : issue.message;
  throw new OptionFault(call, `${path} ${message}${told}`);
}

/** A value as far as a sentence takes it. */
function shown(value: unknown): string {
  if (typeof value === "string") return `, not "${value.slice(0, 60)}"`;
  if (typeof value === "number" || typeof value === "boolean" || value === null)
    return `, not ${value}`;
  return value === undefined
    ? ""
    : `, not ${Array.isArray(value) ? "a list" : `a ${typeof value}`}`;
}
