/**
 * Sending and receiving for programs. The commands use nothing else.
 *
 *     import { send, receive } from "fileshare";
 *
 *     const sending = send({ what: ["big.iso"], relay: "wss://relay.example", receivers: 3 });
 *     for await (const event of sending) {
 *       if (event.event === "code") console.log(event.code);
 *     }
 *     const { fault } = await sending.outcome;
 *
 * A transfer runs in a thread of its own from the call on, also if no program reads its events. The
 * events are those of `--json`, described in docs/reference/events.md. Text of a peer, such as a name, is
 * unchanged: escape it before a terminal shows it.
 */
import { hostname } from "node:os";
import { resolve } from "node:path";

import { LOBBY_CODE, makeCode, readCode, type GivenCode } from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { RECEIVER_NAME_CHARACTERS } from "../../protocol/wire/limits.ts";
import { workingFolder } from "../system/shell.ts";
import { startClient, type Client } from "./client.ts";
import type { ReceiveJob, SendJob, SendWhat } from "../job/jobs.ts";
import { chooseRelay, chooseToken, placesOf } from "../connection/relay-choice.ts";
import { relayOfCode } from "../connection/command-relay.ts";
import { checkSenderCode } from "../send/sender-code.ts";

/** ms that the relay may be unreachable at first */
const CONNECT_TIMEOUT_MS = 10_000;

/** Options that both sides have. */
interface Common {
  /**
   * Address of the relay: ws, wss, http, https, or a host alone. Of several, in a list or with commas between them, each is
   * tried in turn. Default: FILESHARE_RELAY, else ws://127.0.0.1:8000
   */
  readonly relay?: string | readonly string[] | undefined;
  /** PEM file of the authorities to trust for `wss`. Default: FILESHARE_CA, else those of the system */
  readonly ca?: string | undefined;
  /** Token for a relay that asks for one. Default: FILESHARE_TOKEN */
  readonly token?: string | undefined;
  /** Longest time until the first connection, in ms; Infinity for no limit. Default: 10,000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest time of the whole transfer, in ms; then it ends with the fault `deadline-over`. Default: no limit */
  readonly timeoutMs?: number | undefined;
  /** Highest rate, in bytes per second. Default: no limit */
  readonly limit?: number | undefined;
  /** An abort ends the transfer as Ctrl-C does: the other side is informed, and a later run can resume. */
  readonly signal?: AbortSignal | undefined;
}

/** The relays that the option `relay` names. */
type Placed = "further" | "relayHosts";
type SendChoices = Omit<Partial<SendJob>, "kind" | "what" | "code" | Placed | keyof Common>;
type ReceiveChoices = Omit<Partial<ReceiveJob>, "kind" | "code" | Placed | keyof Common>;

export interface SendOptions extends Common, SendChoices {
  /** Paths of files and folders, or a text, or the standard input. */
  readonly what: SendWhat | readonly string[];
  /** `lobby` sends to the lobby. A code that is easy to guess is refused. Default: a new code */
  readonly code?: string | undefined;
}

export interface ReceiveOptions extends Common, ReceiveChoices {
  /** A code, a whole command or a web link. The relay of a command or link counts unless `relay` is given. */
  readonly code: string;
}

/**
 * Offers a share and serves it until `receivers` (default: 1) have everything, or until the signal if
 * `stay` is set. Only `keep` keeps state for `resume`.
 * @returns the transfer; a later fault is an `error` event and the fault of the outcome
 * @throws FaultError before anything starts: `bad-code`, `weak-code`, `bad-relay-address`, `bad-ca`,
 *   `bad-proxy`, `usage` for a wrong or unknown option, `interrupted` for a signal that is aborted already
 */
export function send(options: SendOptions): Client {
  const {
    what: named,
    relay,
    route,
    ca,
    token,
    code,
    connectTimeoutMs,
    signal,
    ...choices
  } = options;
  const what: SendWhat = "from" in named ? named : { from: "paths", paths: named };
  const given = code === undefined ? newCode() : senderCodeOf(code, what);
  return start(signal, {
    receivers: 1,
    stay: false,
    ...choices,
    timeoutMs: endless(choices.timeoutMs),
    kind: "send",
    what,
    code: given.code,
    ...whereOf(given, { relay, route, ca, token }),
    connectTimeoutMs: timeoutOf(connectTimeoutMs),
  });
}

/**
 * Receives the share of a code into the folder `out` (default: the current one; made if its parent
 * exists), and resumes what an earlier run left there. Only `onExists` replaces existing files. Nothing is
 * written before `Client.answer` in four cases: with `ask`, for hidden files without `hidden`, for
 * executables without `executables`, and for very many files from the lobby without `many`.
 * @returns as `send`; the `saved` event has the path
 * @throws FaultError as `send`
 */
export function receive(options: ReceiveOptions): Client {
  const {
    relay,
    route,
    ca,
    token,
    code,
    connectTimeoutMs,
    signal,
    out = ".",
    ...choices
  } = options;
  const given = readCode(code);
  const where = whereOf(given, { relay, route, ca, token });
  const search = choices.search ?? where.route === "this-machine";
  return start(signal, {
    name: ownName(),
    lobby: given.code === LOBBY_CODE,
    prefix: "",
    ask: false,
    allNames: true,
    hidden: false,
    onExists: undefined,
    checksum: false,
    checksumFile: false,
    stdout: false,
    again: undefined,
    limit: undefined,
    ...choices,
    timeoutMs: endless(choices.timeoutMs),
    kind: "receive",
    code: given.code,
    ...where,
    search,
    out: resolve(workingFolder(), out),
    // A search goes on for ever, as for a sender that is not there yet.
    connectTimeoutMs: timeoutOf(connectTimeoutMs ?? (search ? Infinity : undefined)),
  });
}

type Hosts = NonNullable<SendJob["relayHosts"]>;

/** The relay that was asked for, else the one of a command or a link that the code stands in. */
function whereOf(
  given: GivenCode,
  { relay, route, ca, token }: Pick<SendOptions, "relay" | "route" | "ca" | "token">,
): Pick<SendJob, "relay" | "further" | "route" | "relayHosts" | "ca" | "token"> {
  const where = relayOfCode(given, {
    relay: chooseRelay(relay, ca, route),
    token: chooseToken(token) ?? "",
    ca,
    typed: { relay: relay !== undefined, token: token !== undefined },
  });
  const places = placesOf(where.relay);
  const [first = where.relay.address, ...others] = places.map(({ address }) => address);
  const hosts = places.flatMap(({ address, host }) =>
    host === undefined ? [] : [[address, host]],
  );
  return {
    relay: first,
    further: others.length === 0 ? undefined : others,
    route: where.relay.route,
    relayHosts: hosts.length === 0 ? undefined : (Object.fromEntries(hosts) as Hosts),
    ca: where.relay.ca,
    token: chooseToken(where.token),
  };
}

/** The name that a sender sees of a receiver without a name of its own: user and machine. */
export function ownName(): string {
  const { USER, LOGNAME, USERNAME } = process.env;
  const name = [USER || LOGNAME || USERNAME || [], hostname()].flat().join("@");
  return name.slice(0, RECEIVER_NAME_CHARACTERS).toWellFormed();
}

function start(signal: AbortSignal | undefined, job: SendJob | ReceiveJob): Client {
  if (signal?.aborted === true) throw new FaultError("interrupted");
  const client = startClient(job);
  signal?.addEventListener("abort", () => client.interrupt());
  return client;
}

/** The sender's own may lack the word that checks the others. */
function senderCodeOf(text: string, what: SendWhat): GivenCode {
  const given = readCode(text, true);
  checkSenderCode(given.code, what);
  return given;
}

function newCode(): GivenCode {
  const code = makeCode((length) => crypto.getRandomValues(new Uint8Array(length)));
  return { code, relay: undefined };
}

function endless(given: number | undefined): number | undefined {
  return given === Infinity ? undefined : given;
}

function timeoutOf(given: number | undefined): number | undefined {
  return endless(given ?? CONNECT_TIMEOUT_MS);
}
