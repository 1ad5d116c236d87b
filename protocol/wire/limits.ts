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
  "size of a frame with its header: large enough to make the cost per call small; the default payload of NATS",
);
export const CONTROL_BYTES = limit(
  "CONTROL_BYTES",
  64 * KiB,
  "bytes",
  "size of a control message of the relay; a larger one is refused before it is decoded",
);
export const CLIENT_CONTROL_BYTES = limit(
  "CLIENT_CONTROL_BYTES",
  4 * KiB,
  "bytes",
  "size of a control message of a client; a larger one is refused before it is decoded; the largest, `hello` and `join`, take less than 1 KiB",
);
export const MESSAGE_DEPTH = limit(
  "MESSAGE_DEPTH",
  6,
  "items",
  "nested maps and arrays of one message; a manifest needs three",
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
  "length of a receiver's name",
);
export const REASON_CHARACTERS = limit(
  "REASON_CHARACTERS",
  200,
  "characters",
  "length of a reason or detail that one side sends to the other",
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
  "least length of a code that a person makes up; such a code is easier to guess than it looks",
);
export const CODE_MAX_CHARACTERS = limit(
  "CODE_MAX_CHARACTERS",
  1024,
  "characters",
  "longest input for a code: a whole command or link with the address of a relay; longer input is refused unread",
);

// The manifest

export const MANIFEST_BYTES = limit(
  "MANIFEST_BYTES",
  16 * MiB,
  "bytes",
  "size of a manifest: 100,000 files with paths of 100 bytes; checked before it is decoded",
);
export const MANIFEST_FILES = limit(
  "MANIFEST_FILES",
  2 ** 17,
  "items",
  "files and folders of one share, folders that only paths name included; each takes an inode, and a folder takes a block too",
);
export const TEXT_BYTES = limit(
  "TEXT_BYTES",
  64 * KiB,
  "bytes",
  "size of a text that receivers show; a longer one belongs in a file",
);
export const NAME_BYTES = limit(
  "NAME_BYTES",
  200,
  "bytes",
  "one component of a path in UTF-8; file systems take 255 bytes, and receivers add suffixes",
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
  "records sent to one receiver and not yet acknowledged; covers 16 MiB of bandwidth times delay",
);
export const CREDIT_RECORDS = limit(
  "CREDIT_RECORDS",
  16,
  "records",
  "records requested from one sender and not yet received",
);
export const WANT_QUEUE_RECORDS = limit(
  "WANT_QUEUE_RECORDS",
  4096,
  "records",
  "records requested from one sender and not yet sent, as the sender counts them; many times the credit",
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
  "further requests of a receiver for a record that did not decrypt",
);
export const RECEIVE_RATE_MIN = limit(
  "RECEIVE_RATE_MIN",
  64 * KiB,
  "bytes/s",
  "least rate of --limit; a record must not take minutes",
);

// Shares

export const RECEIVERS_PER_SHARE = limit(
  "RECEIVERS_PER_SHARE",
  10_000,
  "items",
  "receivers of one share, over all workers; receivers that left and are not reported yet count too",
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
  "editions of one send whose files change; then the send ends, because it would never finish",
);
export const SHARES_REMEMBERED = limit(
  "SHARES_REMEMBERED",
  256,
  "items",
  "shares that a receiver remembers and does not take again; four times as many as one channel offers",
);
export const SENDER_GRACE_MS = limit(
  "SENDER_GRACE_MS",
  10 * minute,
  "ms",
  "time that a share waits for its sender to return",
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
  "time after which a receiver whose share is no longer offered searches for its next edition",
);
export const STALL_MS = limit(
  "STALL_MS",
  5 * second,
  "ms",
  "time after which a receiver that lacks records and gets none joins again",
);
export const BEGINNING_MS = limit(
  "BEGINNING_MS",
  10 * second,
  "ms",
  "time after which a receiver without first records tries another offered share; a stream may have ended when the receiver returns",
);
export const ADMISSION_MS = limit(
  "ADMISSION_MS",
  minute,
  "ms",
  "the same for a share whose sender admits receivers one by one; a person answers in that time, or is absent",
);
export const LOST_GRACE_MS = limit(
  "LOST_GRACE_MS",
  15 * second,
  "ms",
  "time that a finished sender, and the log of a stream, wait for receivers that vanished",
);
export const PAUSE_GRACE_MS = limit(
  "PAUSE_GRACE_MS",
  second,
  "ms",
  "time after which a receiver that closed its window to ask a person may find its records gone",
);
export const CONFIRM_MS = limit(
  "CONFIRM_MS",
  10 * second,
  "ms",
  "time that a complete receiver waits for the sender to accept its receipt",
);

// Connections

export const CONNECT_MS = limit(
  "CONNECT_MS",
  10 * second,
  "ms",
  "time to an open socket and a welcome; Bun itself waits for ever",
);
export const PING_MS = limit(
  "PING_MS",
  10 * second,
  "ms",
  "time between two pings of the relay to a client, so that both sides know that the connection works",
);
export const SILENCE_MS = limit(
  "SILENCE_MS",
  80 * second,
  "ms",
  "silence after which a client drops the connection; on a slow one, a ping waits behind a frame",
);
export const KEEPALIVE_MS = limit(
  "KEEPALIVE_MS",
  10 * second,
  "ms",
  "longest silence of a receiver; otherwise the relay takes a slow connection for a dead one",
);
export const BACKOFF_FIRST_MS = limit(
  "BACKOFF_FIRST_MS",
  200,
  "ms",
  "wait before the first attempt to reconnect, before jitter",
);
export const BACKOFF_MAX_MS = limit(
  "BACKOFF_MAX_MS",
  5 * second,
  "ms",
  "longest wait between attempts to reconnect, before jitter; as the original app",
);
export const RETRY_AFTER_MAX_MS = limit(
  "RETRY_AFTER_MAX_MS",
  10 * minute,
  "ms",
  "longest wait that a relay can require of a client",
);
export const CLIENT_TICK_MS = limit("CLIENT_TICK_MS", 50, "ms", "interval of a client's timer");
export const CERTIFICATE_BYTES = limit(
  "CERTIFICATE_BYTES",
  MiB,
  "bytes",
  "size of a file with certificates or a key; all authorities that a system trusts take a quarter of that",
);
