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
 * A transfer runs in a thread of its own from the call on, whether its events are read or not. They
 * are those that `--json` prints, described in docs/reference/events.md. Text that a peer chose, such as names, comes as it is: escape
 * it before a terminal shows it.
 */
import { hostname } from "node:os";
import { resolve } from "node:path";

import { LOBBY_CODE, makeCode, readCode, type GivenCode } from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { RECEIVER_NAME_CHARACTERS } from "../../protocol/wire/limits.ts";
import { workingFolder } from "../system/shell.ts";
import { startClient, type Client } from "./client.ts";
import type { ReceiveJob, SendJob, SendWhat } from "../job/jobs.ts";
import { chooseRelay, chooseToken } from "../connection/relay-choice.ts";
import { relayOfCode } from "../connection/command-relay.ts";
import { checkSenderCode } from "../send/sender-code.ts";

/** ms that the relay may be unreachable at first */
const CONNECT_TIMEOUT_MS = 10_000;

/** Options that both sides have. */
interface Common {
  /** The relay: ws, wss, http or https, or a host alone, on which it is looked for. Else FILESHARE_RELAY, else ws://127.0.0.1:8000 */
  readonly relay?: string | undefined;
  /** A file of certificates in PEM that a `wss` relay's has to lead to. Else FILESHARE_CA, else the system's */
  readonly ca?: string | undefined;
  /** For a relay that wants one. Else FILESHARE_TOKEN */
  readonly token?: string | undefined;
  /** ms that the relay may be unreachable at first; Infinity: for ever. 10,000 unless given */
  readonly connectTimeoutMs?: number | undefined;
  /** ms that all of it may take; then it ends as `signal` ends it, with the fault `deadline-over`. No end unless given */
  readonly timeoutMs?: number | undefined;
  /** bytes per second; none unless given */
  readonly limit?: number | undefined;
  /** Ends the transfer, as Ctrl-C does: the other side is told, and it can be resumed. */
  readonly signal?: AbortSignal | undefined;
}

type SendChoices = Omit<Partial<SendJob>, "kind" | "what" | "code" | keyof Common>;
type ReceiveChoices = Omit<Partial<ReceiveJob>, "kind" | "code" | keyof Common>;

export interface SendOptions extends Common, SendChoices {
  /** Paths of files and folders, or a text, or the standard input. */
  readonly what: SendWhat | readonly string[];
  /** A new one unless given; `lobby` for everybody. One that is easy to guess is refused. */
  readonly code?: string | undefined;
}

export interface ReceiveOptions extends Common, ReceiveChoices {
  /** As people pass it on, also a whole command or a web link, whose relay counts unless `relay` is given. */
  readonly code: string;
}

/**
 * Offers a share and serves it until enough receivers have all of it (`receivers`, 1 unless given), or
 * until the signal if `stay` is set. Nothing is kept for `resume` unless `keep` says so.
 * @returns the transfer; what goes wrong on the way is an `error` event and the outcome's fault
 * @throws FaultError `bad-code`, `weak-code`, `bad-relay-address`, `bad-ca`, `bad-proxy`, `usage` for an option that is wrong or unknown,
 *   `interrupted` when the signal has been given already; nothing was started then
 */
export function send(options: SendOptions): Client {
  const { what: named, relay, ca, token, code, connectTimeoutMs, signal, ...choices } = options;
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
    ...whereOf(given, { relay, ca, token }),
    connectTimeoutMs: timeoutOf(connectTimeoutMs),
  });
}

/**
 * Receives what is sent under a code, into the folder `out` (the present one unless given; made if its
 * parent is there), and goes on with what an earlier run left there. Nothing that exists is replaced
 * unless `onExists` says so. Nothing is written before `Client.answer` with `ask`, for hidden files without
 * `hidden`, for executables without `executables`, and for very many files from the lobby without `many`.
 * @returns as `send`; a path to what was saved is in the `saved` event
 * @throws FaultError as `send`
 */
export function receive(options: ReceiveOptions): Client {
  const { relay, ca, token, code, connectTimeoutMs, signal, out = ".", ...choices } = options;
  const given = readCode(code);
  return start(signal, {
    name: ownName(),
    lobby: given.code === LOBBY_CODE,
    prefix: "",
    ask: false,
    allNames: true,
    hidden: false,
    onExists: undefined,
    checksum: false,
    stdout: false,
    again: undefined,
    limit: undefined,
    ...choices,
    timeoutMs: endless(choices.timeoutMs),
    kind: "receive",
    code: given.code,
    ...whereOf(given, { relay, ca, token }),
    out: resolve(workingFolder(), out),
    connectTimeoutMs: timeoutOf(connectTimeoutMs),
  });
}

/** The relay that was asked for, else the one of a command or a link that the code stands in. */
function whereOf(
  given: GivenCode,
  { relay, ca, token }: Pick<Common, "relay" | "ca" | "token">,
): Pick<SendJob, "relay" | "relayHost" | "ca" | "token"> {
  const where = relayOfCode(given, {
    relay: chooseRelay(relay, ca),
    token: chooseToken(token) ?? "",
    ca,
    typed: { relay: relay !== undefined, token: token !== undefined },
  });
  const { address, host, ca: trustedCertificates } = where.relay;
  return {
    relay: address,
    relayHost: host,
    ca: trustedCertificates,
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
