/**
 * The limits of the wire and of its sessions, which relay and clients share. Each comment begins with
 * the unit; `docs/reference/protocol.md` prints this file as a table. A limit of one file stands in that
 * file; `relay/limits/operator-limits.ts` has those that operators set.
 */

// Frames and messages

/**
 * bytes: size of a frame with its header: large enough to make the cost per call small; the default
 * payload of NATS
 */
export const FRAME_BYTES = 1024 ** 2;
/** bytes: size of a control message of the relay; a larger one is refused before it is decoded */
export const CONTROL_BYTES = 64 * 1024;
/**
 * bytes: size of a control message of a client; a larger one is refused before it is decoded; the
 * largest, `hello` and `join`, take less than 1 KiB
 */
export const CLIENT_CONTROL_BYTES = 4 * 1024;
/** items: nested maps and arrays of one message; a manifest needs three */
export const MESSAGE_DEPTH = 6;
/** items: keys of all maps of a client's control message together; `offer` has the most, 9 */
export const CLIENT_KEYS = 64;
/** items: values and keys of one message; a manifest of MANIFEST_FILES folders needs 1,441,792 */
export const MESSAGE_VALUES = 3 * 2 ** 19;
/** records: records of one share (256 TiB); keeps AES-GCM far below its limit per key */
export const RECORD_INDEX = 2 ** 28;
/** bytes: a padded frame of an open share: small enough to send often, large enough to be fast */
export const OPEN_FRAME_BYTES = 64 * 1024;
/** bytes: a sealed text, such as a receiver's name, with nonce and tag */
export const SEALED_BYTES = 512;
/** characters: length of a receiver's name */
export const RECEIVER_NAME_CHARACTERS = 64;
/** characters: length of a reason or detail that one side sends to the other */
export const REASON_CHARACTERS = 200;
/**
 * items: entries of one `receivers` message, so that it stays below CONTROL_BYTES with the longest
 * names
 */
export const RECEIVERS_PER_MESSAGE = 100;
/** items: shares of one channel; one `offers` message lists them all */
export const OFFERS_PER_MESSAGE = 64;
/** items: stored shares of one channel that are over, told to a receiver that finds no other */
export const OVER_PER_MESSAGE = 8;
/** items: receipts of one `inspected` message, so that it stays below CONTROL_BYTES */
export const RECEIPTS_PER_MESSAGE = 100;
/** s: the longest life of a stored share that any relay allows; ten years */
export const STORE_LIFE_MOST_S = 10 * 365 * 24 * 60 * 60;
/** items: the most that a sender may say for the receivers of a stored share */
export const STORE_DOWNLOADS_MOST = 1_000_000;

// The code

/** items: 66 bits of a BIP-39 list, behind scrypt */
export const SECRET_WORDS = 6;
/** items: the secret words and one that checks them */
export const CODE_WORDS = 7;
/**
 * characters: least length of a code that a person makes up; such a code is easier to guess than it
 * looks
 */
export const OWN_CODE_MIN_CHARACTERS = 20;
/**
 * characters: longest input for a code: a whole command or link with the address of a relay; longer
 * input is refused unread
 */
export const CODE_MAX_CHARACTERS = 1024;

// The manifest

/**
 * bytes: size of a manifest: 100,000 files with paths of 100 bytes; checked before it is decoded
 */
export const MANIFEST_BYTES = 16 * 1024 ** 2;
/**
 * items: files and folders of one share, folders that only paths name included; each takes an
 * inode, and a folder takes a block too
 */
export const MANIFEST_FILES = 2 ** 17;
/** bytes: size of a text that receivers show; a longer one belongs in a file */
export const TEXT_BYTES = 64 * 1024;
/**
 * bytes: a component of a path in UTF-8 that every receiver can hold; file systems take 255 bytes, and
 * receivers add suffixes. A longer one is cut where it is not held
 */
export const NAME_BYTES = 200;
/** bytes: a whole path in UTF-8; below every PATH_MAX with room for the folder of the receiver */
export const PATH_BYTES = 1024;
/** items: folders of one path */
export const PATH_DEPTH = 32;

// Flow

/**
 * records: records sent to one receiver and not yet acknowledged, while little is known of its path;
 * covers 16 MiB of bandwidth times delay
 */
export const WINDOW_RECORDS = 16;
/**
 * records: the same on a path that delivers more within a round trip; covers 10 Gbit/s with a round
 * trip of 100 ms
 */
export const WINDOW_MOST_RECORDS = 128;
/** records: records requested from one sender and not yet received, while little is known of its path */
export const CREDIT_RECORDS = 16;
/** records: the same on a path that delivers more within a round trip; as WINDOW_MOST_RECORDS */
export const CREDIT_MOST_RECORDS = 128;
/**
 * records: records requested from one sender and not yet sent, as the sender counts them; many
 * times the credit
 */
export const WANT_QUEUE_RECORDS = 4096;
/**
 * records: a receiver acknowledges at least this often: a quarter of WINDOW_RECORDS; with a larger
 * window, an eighth of that
 */
export const ACK_EVERY_RECORDS = 4;
/** attempts: further requests of a receiver for a record that did not decrypt */
export const CORRUPT_RETRIES = 3;
/** bytes/s: least rate of --limit; a record must not take minutes */
export const RECEIVE_RATE_MIN = 64 * 1024;

// Shares

/**
 * items: receivers of one share, over all workers; receivers that left and are not reported yet
 * count too
 */
export const RECEIVERS_PER_SHARE = 10_000;
/**
 * items: admissions and dismissals of one share that a relay remembers; it forgets the oldest first
 */
export const ADMISSIONS_PER_SHARE = RECEIVERS_PER_SHARE;
/**
 * items: editions of one send whose files change; then the send ends, because it would never finish
 */
export const EDITIONS = 8;
/**
 * items: shares that a receiver remembers and does not take again; four times as many as one
 * channel offers
 */
export const SHARES_REMEMBERED = 256;
/** ms: time that a share waits for its sender to return */
export const SENDER_GRACE_MS = 600_000;
/** ms: time between two reports of receivers to a sender */
export const RECEIVERS_EVERY_MS = 250;
/**
 * ms: time after which a receiver whose share is no longer offered searches for its next edition
 */
export const MISSING_MS = 5000;
/** ms: time after which a receiver that lacks records and gets none joins again */
export const STALL_MS = 5000;
/**
 * ms: time after which a receiver without first records tries another offered share; a stream may
 * have ended when the receiver returns
 */
export const BEGINNING_MS = 10_000;
/**
 * ms: the same for a share whose sender admits receivers one by one; a person answers in that time,
 * or is absent
 */
export const ADMISSION_MS = 60_000;
/** ms: time that a finished sender, and the log of a stream, wait for receivers that vanished */
export const LOST_GRACE_MS = 15_000;
/**
 * ms: time after which a receiver that closed its window to ask a person may find its records gone
 */
export const PAUSE_GRACE_MS = 1000;
/** ms: time that a complete receiver waits for the sender to accept its receipt */
export const CONFIRM_MS = 10_000;

// Connections

/** items: connections of one session; each takes a place of its address at the relay */
export const CONNECTIONS_PER_SESSION = 8;
/** ms: time to an open socket and a welcome; Bun itself waits for ever */
export const CONNECT_MS = 10_000;
/**
 * ms: time between two pings of the relay to a client, so that both sides know that the connection
 * works
 */
export const PING_MS = 10_000;
/**
 * ms: silence after which a client drops the connection; on a slow one, a ping waits behind a frame
 */
export const SILENCE_MS = 80_000;
/** ms: longest silence of a receiver; otherwise the relay takes a slow connection for a dead one */
export const KEEPALIVE_MS = 10_000;
/** ms: wait before the first attempt to reconnect, before jitter */
export const BACKOFF_FIRST_MS = 200;
/** ms: longest wait between attempts to reconnect, before jitter; as the original app */
export const BACKOFF_MAX_MS = 5000;
/** ms: longest wait that a relay can require of a client */
export const RETRY_AFTER_MAX_MS = 600_000;
/** ms: interval of a client's timer */
export const CLIENT_TICK_MS = 50;
/**
 * bytes: size of a file with certificates or a key; all authorities that a system trusts take a
 * quarter of that
 */
export const CERTIFICATE_BYTES = 1024 ** 2;
