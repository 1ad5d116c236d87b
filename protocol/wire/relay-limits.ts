/** The limits that an operator may set. */
import {
  ATTEMPTS_PER_MINUTE,
  CHANNELS,
  CHANNELS_PER_ADDRESS,
  CHANNEL_LOG_BYTES,
  EGRESS_RATE,
  HELLO_MS,
  IDLE_MS,
  LOG_BYTES_MAX,
  LOG_BYTES_MIN,
  MESSAGES_PER_SECOND,
  MESSAGE_MS,
  OFFERS_PER_MESSAGE,
  RECEIVERS_PER_SHARE,
  RECEIVE_RATE_MIN,
  SHARES,
  SHARES_PER_ADDRESS,
  SHARES_PER_CHANNEL,
  BYTES_PER_SHARE,
  SHARE_JOIN_MS,
  SHARE_LIFE_MS,
  SHARE_RECORD_MS,
  SHARE_START_MS,
  SOCKETS,
  SOCKETS_PER_ADDRESS,
  UNREAD_MS,
} from "./limits.ts";
import type { SocketFault } from "./wire-faults.ts";

/** How a limit is typed: a number, seconds, a size such as `1GiB`, a rate such as `8MiB`. */
export type RelayLimitKind = "number" | "seconds" | "bytes" | "rate";

export interface RelayLimit {
  /** Its entry in the table of all limits, with the reason for the default. */
  readonly constant: string;
  readonly kind: RelayLimitKind;
  /** In the unit of the constant, as are the two below. */
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** What it bounds, as the option's help says it. */
  readonly meaning: string;
  /** What a client over it hears; undefined: it has to wait. */
  readonly fault: SocketFault | undefined;
  /** Seconds, before which trying again is of no use; undefined: nothing is gained by it. */
  readonly after: number | undefined;
}

const second = 1000;
const day = 24 * 60 * 60 * second;
const MiB = 1024 ** 2;
const TiB = 1024 ** 4;

const counted = (
  constant: string,
  number: number,
  meaning: string,
  after: number,
  { most = 1_000_000, fault = "too-many" }: { most?: number; fault?: SocketFault } = {},
): RelayLimit => {
  return { constant, kind: "number", default: number, least: 1, most, meaning, fault, after };
};

const timed = (
  constant: string,
  ms: number,
  meaning: string,
  most: number,
  fault: SocketFault,
  after?: number,
): RelayLimit => {
  return { constant, kind: "seconds", default: ms, least: second, most, meaning, fault, after };
};

const table = {
  "max-sockets": counted("SOCKETS", SOCKETS, "Clients at once", 30),
  "sockets-per-address": counted(
    "SOCKETS_PER_ADDRESS",
    SOCKETS_PER_ADDRESS,
    "Clients at once of one IPv4 address or one IPv6 /64",
    30,
  ),
  "attempts-per-minute": counted(
    "ATTEMPTS_PER_MINUTE",
    ATTEMPTS_PER_MINUTE,
    "New connections and requests of one address per minute",
    15,
    { fault: "too-fast" },
  ),
  "hello-timeout": timed(
    "HELLO_MS",
    HELLO_MS,
    "Time from a new connection to its hello",
    60 * second,
    "hello-timeout",
  ),
  "message-timeout": timed(
    "MESSAGE_MS",
    MESSAGE_MS,
    "Time for one message, or one MiB of an upload, to arrive",
    60 * 60 * second,
    "timed-out",
  ),
  "idle-timeout": timed(
    "IDLE_MS",
    IDLE_MS,
    "Time that a client may send nothing, not even a ping or a pong",
    60 * 60 * second,
    "timed-out",
  ),
  "unread-timeout": timed(
    "UNREAD_MS",
    UNREAD_MS,
    "Time that a client of HTTP or the original app may take nothing of waiting data",
    day,
    "timed-out",
  ),
  "messages-per-second": counted(
    "MESSAGES_PER_SECOND",
    MESSAGES_PER_SECOND,
    "Unrequested messages of one client per second, pings included",
    10,
    { fault: "too-fast" },
  ),
  "max-channels": counted("CHANNELS", CHANNELS, "Channels with a share at once", 60),
  "channels-per-address": counted(
    "CHANNELS_PER_ADDRESS",
    CHANNELS_PER_ADDRESS,
    "Channels in which one address has a share",
    60,
  ),
  "max-shares": counted("SHARES", SHARES, "Shares at once", 60),
  "shares-per-address": counted(
    "SHARES_PER_ADDRESS",
    SHARES_PER_ADDRESS,
    "Shares at once of one address",
    60,
  ),
  "shares-per-channel": counted(
    "SHARES_PER_CHANNEL",
    SHARES_PER_CHANNEL,
    "Shares at once in one channel, such as the lobby",
    60,
    { most: OFFERS_PER_MESSAGE },
  ),
  "receivers-per-share": counted(
    "RECEIVERS_PER_SHARE",
    RECEIVERS_PER_SHARE,
    "Receivers at once of one share",
    30,
    { most: RECEIVERS_PER_SHARE },
  ),
  "share-bytes": {
    constant: "BYTES_PER_SHARE",
    kind: "bytes",
    default: BYTES_PER_SHARE,
    least: MiB,
    most: 256 * TiB,
    meaning: "Size of one share, as offered and as it arrives",
    fault: "too-large",
    after: undefined,
  },
  "channel-log-bytes": {
    constant: "CHANNEL_LOG_BYTES",
    kind: "bytes",
    default: CHANNEL_LOG_BYTES,
    least: LOG_BYTES_MIN,
    most: LOG_BYTES_MAX,
    meaning: "Part of the log for all shares of one channel",
    fault: undefined,
    after: undefined,
  },
  "egress-limit": {
    constant: "EGRESS_RATE",
    kind: "rate",
    default: EGRESS_RATE,
    least: RECEIVE_RATE_MIN,
    most: TiB,
    meaning: "Rate to all clients together",
    fault: undefined,
    after: undefined,
  },
  "start-timeout": timed(
    "SHARE_START_MS",
    SHARE_START_MS,
    "Time for the first record of a share, once the relay asked for it",
    day,
    "expired",
  ),
  "record-timeout": timed(
    "SHARE_RECORD_MS",
    SHARE_RECORD_MS,
    "Time for any record of files, once the relay asked for it",
    day,
    "expired",
  ),
  "join-timeout": timed(
    "SHARE_JOIN_MS",
    SHARE_JOIN_MS,
    "Time that a share may wait for its first receiver",
    365 * day,
    "expired",
  ),
  "share-life": timed(
    "SHARE_LIFE_MS",
    SHARE_LIFE_MS,
    "Time that a share may last in all",
    365 * day,
    "expired",
  ),
} as const satisfies Record<string, RelayLimit>;

/** What a limit is called: its option, and its label in the metrics. */
export type RelayLimitName = keyof typeof table;

export const RELAY_LIMITS: Readonly<Record<RelayLimitName, RelayLimit>> = table;

export const RELAY_LIMIT_NAMES = Object.keys(table) as RelayLimitName[];
