/**
 * The limits of the wire and of its sessions: value, unit and reason. Relay and clients share them;
 * a limit of one file stands in that file, and those that operators set in
 * `relay/limits/operator-limits.ts`. `docs/reference/protocol.md` prints this table; a test compares the two.
 */

export type Unit = "bytes" | "bytes/s" | "records" | "items" | "characters" | "ms" | "attempts";

export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly unit: Unit;
  readonly reason: string;
}

const table: Limit[] = [];

function limit(name: string, value: number, unit: Unit, reason: string): number {
  table.push({ name, value, unit, reason });
  return value;
}

/** All limits, in the order of this file. */
export const limits: readonly Limit[] = table;

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1000;
const minute = 60 * second;

// Frames and messages

export const FRAME_BYTES = limit(
  "FRAME_BYTES",
  MiB,
  "bytes",
  "a frame with its header; so large that a call for each costs little, and NATS's default payload",
);
export const CONTROL_BYTES = limit(
  "CONTROL_BYTES",
  64 * KiB,
  "bytes",
  "a control message of the relay; refused before it is decoded",
);
export const CLIENT_CONTROL_BYTES = limit(
  "CLIENT_CONTROL_BYTES",
  4 * KiB,
  "bytes",
  "a control message of a client, refused before it is decoded; the largest, `hello` and `join`, take less than 1 KiB",
);
export const MESSAGE_DEPTH = limit(
  "MESSAGE_DEPTH",
  6,
  "items",
  "maps and arrays inside each other in one message; a manifest needs three",
);
export const CLIENT_KEYS = limit(
  "CLIENT_KEYS",
  64,
  "items",
  "keys of all maps of a client's control message together; `offer` has the most, 9",
);
export const MESSAGE_VALUES = limit(
  "MESSAGE_VALUES",
  3 * 2 ** 19,
  "items",
  "values and keys of one message; a manifest of MANIFEST_FILES folders needs 1,441,792",
);
export const RECORD_INDEX = limit(
  "RECORD_INDEX",
  2 ** 28,
  "records",
  "records of one share (256 TiB); keeps AES-GCM far below its limit per key",
);
export const OPEN_FRAME_BYTES = limit(
  "OPEN_FRAME_BYTES",
  64 * KiB,
  "bytes",
  "a padded frame of an open share: small enough to send often, large enough to be fast",
);
export const SEALED_BYTES = limit(
  "SEALED_BYTES",
  512,
  "bytes",
  "a sealed text, such as a receiver's name, with nonce and tag",
);
export const RECEIVER_NAME_CHARACTERS = limit(
  "RECEIVER_NAME_CHARACTERS",
  64,
  "characters",
  "a receiver's name as people see it",
);
export const REASON_CHARACTERS = limit(
  "REASON_CHARACTERS",
  200,
  "characters",
  "a reason or detail that one side tells the other",
);
export const RECEIVERS_PER_MESSAGE = limit(
  "RECEIVERS_PER_MESSAGE",
  100,
  "items",
  "entries of one `receivers` message, so that it stays below CONTROL_BYTES with the longest names",
);
export const OFFERS_PER_MESSAGE = limit(
  "OFFERS_PER_MESSAGE",
  64,
  "items",
  "shares of one channel; one `offers` message lists them all",
);

// The code

export const SECRET_WORDS = limit(
  "SECRET_WORDS",
  6,
  "items",
  "66 bits of a BIP-39 list, behind scrypt",
);
export const CODE_WORDS = limit(
  "CODE_WORDS",
  7,
  "items",
  "the secret words and one that checks them",
);
export const OWN_CODE_MIN_CHARACTERS = limit(
  "OWN_CODE_MIN_CHARACTERS",
  20,
  "characters",
  "a code that a person makes up holds far less than it seems to",
);
export const CODE_MAX_CHARACTERS = limit(
  "CODE_MAX_CHARACTERS",
  1024,
  "characters",
  "a whole command or link with the address of a relay; longer input is refused unread",
);

// The manifest

export const MANIFEST_BYTES = limit(
  "MANIFEST_BYTES",
  16 * MiB,
  "bytes",
  "100,000 files with paths of 100 bytes; checked before it is decoded",
);
export const MANIFEST_FILES = limit(
  "MANIFEST_FILES",
  2 ** 17,
  "items",
  "files and folders of one share, also those that paths only lead through; each takes an inode, and a folder a block too",
);
export const TEXT_BYTES = limit(
  "TEXT_BYTES",
  64 * KiB,
  "bytes",
  "a share that is a text, shown and not saved; a longer one belongs in a file",
);
export const NAME_BYTES = limit(
  "NAME_BYTES",
  200,
  "bytes",
  "one component of a path in UTF-8; file systems take 255, and receivers add suffixes",
);
export const PATH_BYTES = limit(
  "PATH_BYTES",
  1024,
  "bytes",
  "a whole path in UTF-8; below every PATH_MAX with room for the folder of the receiver",
);
export const PATH_DEPTH = limit("PATH_DEPTH", 32, "items", "folders of one path");

// Flow

export const WINDOW_RECORDS = limit(
  "WINDOW_RECORDS",
  16,
  "records",
  "sent to one receiver and not yet acknowledged; covers 16 MiB of bandwidth times delay",
);
export const CREDIT_RECORDS = limit(
  "CREDIT_RECORDS",
  16,
  "records",
  "asked of one sender and not yet arrived",
);
export const WANT_QUEUE_RECORDS = limit(
  "WANT_QUEUE_RECORDS",
  4096,
  "records",
  "asked of one sender and not yet sent, as the sender counts them; many times the credit",
);
export const ACK_EVERY_RECORDS = limit(
  "ACK_EVERY_RECORDS",
  4,
  "records",
  "a receiver acknowledges at least this often: a quarter of the window",
);
export const CORRUPT_RETRIES = limit(
  "CORRUPT_RETRIES",
  3,
  "attempts",
  "a receiver asks so often again for a record that did not decrypt",
);
export const RECEIVE_RATE_MIN = limit(
  "RECEIVE_RATE_MIN",
  64 * KiB,
  "bytes/s",
  "the least that --limit takes; a record must not take minutes",
);

// Shares

export const RECEIVERS_PER_SHARE = limit(
  "RECEIVERS_PER_SHARE",
  10_000,
  "items",
  "receivers of one share, over all workers; on each, receivers that left and are not reported yet count too",
);
export const ADMISSIONS_PER_SHARE = limit(
  "ADMISSIONS_PER_SHARE",
  RECEIVERS_PER_SHARE,
  "items",
  "admissions and dismissals of one share that a relay remembers; it forgets the oldest first",
);
export const EDITIONS = limit(
  "EDITIONS",
  8,
  "items",
  "shares that one send becomes as its files change under it; then the send ends, as it would never be done",
);
export const SHARES_REMEMBERED = limit(
  "SHARES_REMEMBERED",
  256,
  "items",
  "shares that a receiver took or could not read, and will not take again; four times as many as one channel offers",
);
export const SENDER_GRACE_MS = limit(
  "SENDER_GRACE_MS",
  10 * minute,
  "ms",
  "a share waits so long for its sender to come back",
);
export const RECEIVERS_EVERY_MS = limit(
  "RECEIVERS_EVERY_MS",
  250,
  "ms",
  "time between two reports of receivers to a sender",
);
export const MISSING_MS = limit(
  "MISSING_MS",
  5 * second,
  "ms",
  "a receiver whose share is no longer offered waits so long before it looks for one that takes its place",
);
export const STALL_MS = limit(
  "STALL_MS",
  5 * second,
  "ms",
  "a receiver that misses records and gets none joins again from where it is",
);
export const BEGINNING_MS = limit(
  "BEGINNING_MS",
  10 * second,
  "ms",
  "a receiver tries another offered share when the first records of one stay away so long; a stream may be over when the receiver comes back",
);
export const ADMISSION_MS = limit(
  "ADMISSION_MS",
  minute,
  "ms",
  "the same for a share whose sender admits receivers one by one; a person answers in that time, or is not there",
);
export const LOST_GRACE_MS = limit(
  "LOST_GRACE_MS",
  15 * second,
  "ms",
  "a sender that could end, and a log that can't be read again, wait so long for receivers that vanished unfinished",
);
export const PAUSE_GRACE_MS = limit(
  "PAUSE_GRACE_MS",
  second,
  "ms",
  "a receiver that closes its window to ask a person may open it again so long after and find its records",
);
export const CONFIRM_MS = limit(
  "CONFIRM_MS",
  10 * second,
  "ms",
  "a receiver with the whole file waits so long for the sender to take its receipt",
);

// Connections

export const CONNECT_MS = limit(
  "CONNECT_MS",
  10 * second,
  "ms",
  "to an open socket and a welcome; Bun itself waits for ever",
);
export const PING_MS = limit(
  "PING_MS",
  10 * second,
  "ms",
  "time between two pings of the relay to a socket, so that both sides know that the line is whole",
);
export const SILENCE_MS = limit(
  "SILENCE_MS",
  80 * second,
  "ms",
  "a client that hears nothing so long drops the line; a ping waits behind a frame on a slow one",
);
export const KEEPALIVE_MS = limit(
  "KEEPALIVE_MS",
  10 * second,
  "ms",
  "a receiver sends something at least so often, or the relay takes a slow line for a dead one",
);
export const BACKOFF_FIRST_MS = limit(
  "BACKOFF_FIRST_MS",
  200,
  "ms",
  "before the first try to reconnect, before jitter",
);
export const BACKOFF_MAX_MS = limit(
  "BACKOFF_MAX_MS",
  5 * second,
  "ms",
  "between tries to reconnect, before jitter; as the original app",
);
export const RETRY_AFTER_MAX_MS = limit(
  "RETRY_AFTER_MAX_MS",
  10 * minute,
  "ms",
  "the longest wait that a relay can ask of a client",
);
export const CLIENT_TICK_MS = limit("CLIENT_TICK_MS", 50, "ms", "a client's timer");
export const RECEIVER_LINES = limit(
  "RECEIVER_LINES",
  12,
  "items",
  "receivers that a sender's screen or an upload's answer shows one by one; the rest is summed up",
);
export const CERTIFICATE_BYTES = limit(
  "CERTIFICATE_BYTES",
  MiB,
  "bytes",
  "a file with a certificate or its key; the authorities that a system trusts are a quarter of that",
);
