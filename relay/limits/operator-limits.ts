/**
 * Every limit that an operator may set: option, default, bounds, fault and reason. Options, checks,
 * metrics and documents are made from this table. The command line loads this file for its help
 * without the rest of the relay, so it imports the protocol alone.
 */
import { FaultError } from "../../protocol/wire/faults.ts";
import {
  OFFERS_PER_MESSAGE,
  RECEIVERS_PER_SHARE,
  RECEIVE_RATE_MIN,
  STORE_LIFE_MOST_S,
} from "../../protocol/wire/limits.ts";
import type { SocketFault } from "../../protocol/wire/wire-faults.ts";

/** Where a relay's admin listener is by itself. */
export const ADMIN_PORT = 8999;
/** Bytes of the log over all shares and workers; old records come again from the sender. */
export const LOG_BYTES = 1024 ** 3;
/** The least that --log-bytes takes: what one sender is asked for at once. */
export const LOG_BYTES_MIN = 16 * 1024 ** 2;
/** The most that --log-bytes takes; each block of it has a place in several tables. */
export const LOG_BYTES_MAX = 1024 ** 4;
/** Streaming threads of one relay; each has its own event loop and memory. */
export const RELAY_WORKERS = 64;
/**
 * How long transfers may run on when the relay is told to end; with CLOSE_MS less than the
 * 10 s after which container runtimes kill.
 */
export const DRAIN_MS = 8000;
/** The most that --drain takes; clients resume elsewhere all the same. */
export const DRAIN_MAX_MS = 3_600_000;
/**
 * How long a receiver of a share that can't be read again may take for a record while others
 * wait for it.
 */
export const STALL_TIMEOUT_MS = 60_000;
/** The most that --stall-timeout takes; so long one receiver could hold up all others. */
export const STALL_TIMEOUT_MAX_MS = 3_600_000;
/** Characters of a token's name, which says whose it is. */
export const TOKEN_NAME_CHARACTERS = 64;
/** A relay and doctor warn when a certificate ends sooner; renewal tools act a month before. */
export const CERTIFICATE_WARN_MS = 14 * 24 * 60 * 60 * 1000;
/** The most that --stored-shares takes: the relay has the facts of all in memory, some kB each. */
const STORED_SHARES_MOST = 100_000;
/** Doctor and relay warn of a lower limit of open files; a relay has a socket for each client. */
export const OPEN_FILES_WANTED = 4096;

/** How an operator writes a limit: a number, seconds, a size such as `1GiB`, a rate such as `8MiB`. */
export type RelayLimitKind = "number" | "seconds" | "bytes" | "rate";

export interface RelayLimit {
  readonly kind: RelayLimitKind;
  /** In items, ms or bytes, as are the two below. */
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** As the option's help says it. */
  readonly meaning: string;
  readonly reason: string;
  /** The fault of a client over the limit; undefined: the client has to wait. */
  readonly fault: SocketFault | undefined;
  /** Seconds before which another try is of no use; undefined: no other try helps. */
  readonly after: number | undefined;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const TiB = 1024 ** 4;

interface Counted {
  readonly most?: number;
  readonly fault?: SocketFault;
}

function counted(
  meaning: string,
  number: number,
  after: number,
  reason: string,
  { most = 1_000_000, fault = "too-many" }: Counted = {},
): RelayLimit {
  return { kind: "number", default: number, least: 1, most, meaning, reason, fault, after };
}

function timed(
  meaning: string,
  ms: number,
  most: number,
  fault: SocketFault,
  reason: string,
): RelayLimit {
  const after = undefined;
  return { kind: "seconds", default: ms, least: second, most, meaning, reason, fault, after };
}

function stored(meaning: string, bytes: number, reason: string): RelayLimit {
  const [least, most] = [MiB, 256 * TiB];
  const after = undefined;
  return {
    kind: "bytes",
    default: bytes,
    least,
    most,
    meaning,
    reason,
    fault: "store-full",
    after,
  };
}

const SHARES = 10_000;
const SHARES_PER_ADDRESS = 500;

const table = {
  "max-sockets": counted(
    "Clients at once",
    20_000,
    30,
    "over all workers and kinds of clients; each waiting client costs the relay 2 to 5 kB, and the kernel more",
  ),
  "sockets-per-address": counted(
    "Clients at once of one IPv4 address or one IPv6 /64",
    2000,
    30,
    "a tenth of all: a whole school fits behind one address, and no address fills the relay alone",
  ),
  "attempts-per-minute": counted(
    "New connections and requests of one address per minute",
    6000,
    15,
    "as many may come at once; three times the clients of one address, so that all may reconnect after a restart and fail twice",
    { fault: "too-fast" },
  ),
  "hello-timeout": timed(
    "Time from a new connection to its hello",
    5 * second,
    minute,
    "hello-timeout",
    "a client says hello at once; 5 s cover a slow connection",
  ),
  "message-timeout": timed(
    "Time for one message, or one MiB of an upload, to arrive",
    2 * minute,
    hour,
    "timed-out",
    "from the first byte to the last of a full frame, and in proportion for a longer message: 9 KiB/s",
  ),
  "idle-timeout": timed(
    "Time that a client may send nothing, not even a ping or a pong",
    32 * second,
    hour,
    "timed-out",
    "three pings and the time for an answer",
  ),
  "unread-timeout": timed(
    "Time that a client of HTTP or the original app may take nothing of waiting data",
    5 * minute,
    day,
    "timed-out",
    "a phone that sleeps for some minutes can continue",
  ),
  "messages-per-second": counted(
    "Unrequested messages of one client per second, pings included",
    50,
    10,
    "on top of one per record or receiver that the relay reported; fileshare sends one in some seconds",
    { fault: "too-fast" },
  ),
  "max-channels": counted(
    "Channels with a share at once",
    SHARES,
    60,
    "as many as shares: each may have a channel of its own",
  ),
  "channels-per-address": counted(
    "Channels in which one address has a share",
    SHARES_PER_ADDRESS,
    60,
    "people send each share under a code of its own",
  ),
  "max-shares": counted(
    "Shares at once",
    SHARES,
    60,
    "one for every second client of a full relay",
  ),
  "shares-per-address": counted(
    "Shares at once of one address",
    SHARES_PER_ADDRESS,
    60,
    "a twentieth of all; half of a school of a thousand sends at the same time",
  ),
  "shares-per-channel": counted(
    "Shares at once in one channel, such as the lobby",
    OFFERS_PER_MESSAGE,
    60,
    "one `offers` message lists them all",
    { most: OFFERS_PER_MESSAGE },
  ),
  "receivers-per-share": counted(
    "Receivers at once of one share",
    RECEIVERS_PER_SHARE,
    30,
    "over all workers; receivers that left and are not reported yet count too, and those that have all do not",
    { most: RECEIVERS_PER_SHARE },
  ),
  "share-bytes": {
    kind: "bytes",
    default: TiB,
    least: MiB,
    most: 256 * TiB,
    meaning: "Size of one share, as offered and as it arrives",
    reason: "1 TiB takes a day at 12 MiB/s; a sender of more asks the operator",
    fault: "too-large",
    after: undefined,
  },
  "channel-log-bytes": {
    kind: "bytes",
    default: Infinity,
    least: LOG_BYTES_MIN,
    most: LOG_BYTES_MAX,
    meaning: "Part of the log for all shares of one channel",
    reason: "the whole log; several channels divide it among them",
    fault: undefined,
    after: undefined,
  },
  "egress-limit": {
    kind: "rate",
    default: Infinity,
    least: RECEIVE_RATE_MIN,
    most: TiB,
    meaning: "Rate to all clients together",
    reason: "the operator, who pays for the traffic, sets it",
    fault: undefined,
    after: undefined,
  },
  "start-timeout": timed(
    "Time for the first record of a share, once the relay asked for it",
    2 * minute,
    day,
    "expired",
    "the sender needs no answer of a person for it, and its message takes at most `--message-timeout`",
  ),
  "record-timeout": timed(
    "Time for any record of files, once the relay asked for it",
    day,
    day,
    "expired",
    "a sender may hold records back for a day, until enough receivers have agreed",
  ),
  "join-timeout": timed(
    "Time that a share may wait for its first receiver",
    day,
    365 * day,
    "expired",
    "receivers come on the same day, or get a new code",
  ),
  "share-life": timed(
    "Time that a share may last in all",
    30 * day,
    365 * day,
    "expired",
    "a sender that serves for months offers its share anew now and then",
  ),
  "store-bytes": stored(
    "Size of all stored shares together",
    100 * GiB,
    "an operator with --store sets it to the disk or the bill; the default leaves room on a usual disk",
  ),
  "stored-share-bytes": stored(
    "Size of one stored share, as offered and as it arrives",
    16 * GiB,
    "a sixth of the store: one share does not fill it",
  ),
  "stored-shares": {
    ...counted("Stored shares at once", SHARES, 0, "as many as shares of senders that are there", {
      most: STORED_SHARES_MOST,
      fault: "store-full",
    }),
    after: undefined,
  },
  "stored-shares-per-address": {
    ...counted(
      "Stored shares at once of one address",
      SHARES_PER_ADDRESS,
      0,
      "as many as of senders that are there: a school stores as it sends",
      { most: STORED_SHARES_MOST, fault: "store-full" },
    ),
    after: undefined,
  },
  "store-bytes-per-address": stored(
    "Size of all stored shares of one address together",
    32 * GiB,
    "a third of the store, and two of the largest shares: no address fills it alone",
  ),
  "store-life": timed(
    "Time that a share may stay stored; a longer wish is cut",
    30 * day,
    STORE_LIFE_MOST_S * second,
    "store-full",
    "a month: people who want it come sooner, and disks fill otherwise",
  ),
} as const satisfies Record<string, RelayLimit>;

/** The name of a limit: its option, and its label in the metrics. */
export type RelayLimitName = keyof typeof table;

export const RELAY_LIMITS: Readonly<Record<RelayLimitName, RelayLimit>> = table;

export const RELAY_LIMIT_NAMES = Object.keys(table) as RelayLimitName[];

/** The values in force; times in ms, sizes in bytes. */
export type Limits = Readonly<Record<RelayLimitName, number>>;

export const DEFAULT_LIMITS = Object.fromEntries(
  RELAY_LIMIT_NAMES.map((name) => [name, RELAY_LIMITS[name].default]),
) as Limits;

/**
 * @throws RangeError for a limit that is no number above 0, or more than it may be: a comparison with
 * such a limit lets everything through, or nothing
 */
export function checkLimits(limits: Limits): void {
  for (const name of RELAY_LIMIT_NAMES) {
    const { most, default: given } = RELAY_LIMITS[name];
    const value: unknown = limits[name];
    if (typeof value === "number" && value > 0 && (value <= most || value === given)) continue;
    throw new RangeError(`the limit ${name} can't be ${String(value)}`);
  }
}

export function overLimit(name: RelayLimitName, limits: Limits): FaultError {
  const { fault = "too-many", after } = RELAY_LIMITS[name];
  return new FaultError(fault, limitDetail(name, limits), after === undefined ? {} : { after });
}

/** Such as `max-sockets: clients at once, 20000 at most`. */
export function limitDetail(name: RelayLimitName, limits: Limits): string {
  const { meaning, kind } = RELAY_LIMITS[name];
  const what = meaning.charAt(0).toLowerCase() + meaning.slice(1);
  return `${name}: ${what}, ${asText(limits[name], kind)} at most`;
}

function asText(value: number, kind: RelayLimitKind): string {
  switch (kind) {
    case "number":
      return value.toString();
    case "seconds":
      return `${value / 1000} s`;
    case "bytes":
      return `${value} bytes`;
    case "rate":
      return `${value} bytes per second`;
  }
}
