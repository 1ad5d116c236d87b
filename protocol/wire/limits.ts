/**
 * Every bound of the project: its value, its unit and why it is what it is.
 * `docs/reference/protocol.md` prints this table; a test compares the two.
 */

export type Unit =
  | "bytes"
  | "bytes/s"
  | "records"
  | "items"
  | "items/s"
  | "items/min"
  | "characters"
  | "bits"
  | "ms"
  | "attempts";

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
const hour = 60 * minute;
const day = 24 * hour;

// The wire

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
export const RECORD_INDEX = limit(
  "RECORD_INDEX",
  2 ** 28,
  "records",
  "records of one share (256 TiB); keeps AES-GCM far below its limit per key",
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
  "shares of one channel, all listed in one `offers` message",
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
export const OWN_CODE_BITS = limit(
  "OWN_CODE_BITS",
  50,
  "bits",
  "guesses that a code of a person's own has to take by zxcvbn's estimate; at 0.2 s of a core each, 7 million core-years",
);
export const CODE_MAX_CHARACTERS = limit(
  "CODE_MAX_CHARACTERS",
  1024,
  "characters",
  "a whole command or link, with the address of a relay; longer input is refused before anything looks at it",
);
export const CODE_INPUT_MS = limit(
  "CODE_INPUT_MS",
  30 * second,
  "ms",
  "a receiver waits so long for a code on a standard input that is no terminal",
);
export const CODE_TRIES = limit(
  "CODE_TRIES",
  3,
  "attempts",
  "times that a receiver asks a person for a code",
);

// The manifest

export const MANIFEST_BYTES = limit(
  "MANIFEST_BYTES",
  16 * MiB,
  "bytes",
  "checked before it is decoded; 100,000 files with paths of 100 bytes",
);
export const MANIFEST_FILES = limit(
  "MANIFEST_FILES",
  2 ** 17,
  "items",
  "files and folders of one share, also those that paths only lead through; each is an inode, a folder a block too",
);
export const LOBBY_ENTRIES = limit(
  "LOBBY_ENTRIES",
  1000,
  "items",
  "files and folders of one share that a receiver in the lobby takes without a question; 4 MiB of folders, gone in a second",
);
export const TEXT_BYTES = limit(
  "TEXT_BYTES",
  64 * KiB,
  "bytes",
  "a share that is a text, shown and not saved; more belongs into a file",
);
export const LONG_MANIFEST_BYTES = limit(
  "LONG_MANIFEST_BYTES",
  MiB,
  "bytes",
  "of a manifest, above which a receiver frees memory at once before it reads it",
);
export const MANY_FILES = limit(
  "MANY_FILES",
  25_000,
  "items",
  "entries of a manifest after each of which a receiver that reads it frees memory at once",
);
export const NAME_BYTES = limit(
  "NAME_BYTES",
  200,
  "bytes",
  "one component of a path in UTF-8; file systems take 255, and we add suffixes",
);
export const PATH_BYTES = limit(
  "PATH_BYTES",
  1024,
  "bytes",
  "a whole path in UTF-8; below every PATH_MAX with room for the directory chosen",
);
export const PATH_DEPTH = limit("PATH_DEPTH", 32, "items", "directories of one path");

// What is sent

export const SOURCE_FILES_OPEN = limit(
  "SOURCE_FILES_OPEN",
  16,
  "items",
  "files that a sender holds open; the one that was read longest ago is closed",
);
export const COLLECT_FILES = limit(
  "COLLECT_FILES",
  2000,
  "items",
  "files that a sender lists or reads at once, after which it frees memory; left alone, the engine takes twice as much",
);
export const SKIPPED_TOLD = limit(
  "SKIPPED_TOLD",
  100,
  "items",
  "links and the like that a sender says it skips, one by one; more are counted",
);
export const UNSENDABLE_TOLD = limit(
  "UNSENDABLE_TOLD",
  20,
  "items",
  "names that cannot be sent, and files that cannot be read, said one by one; more are counted",
);
export const RENAMED_TOLD = limit(
  "RENAMED_TOLD",
  20,
  "items",
  "names that a receiver says it changed, or refuses, one by one; more are counted",
);
export const FOLDS_TRIED = limit(
  "FOLDS_TRIED",
  64,
  "items",
  "pairs of names that a receiver's file system may take for one, tried for each share",
);
export const IGNORE_FILE_BYTES = limit(
  "IGNORE_FILE_BYTES",
  MiB,
  "bytes",
  "one .gitignore; a longer one is a mistake",
);
export const EDITIONS = limit(
  "EDITIONS",
  8,
  "items",
  "shares that one send becomes as its files change under it; then it ends, as it would never be through",
);
export const FILL_BYTES = limit(
  "FILL_BYTES",
  64 * MiB,
  "bytes",
  "zeros that a sender sends for the rest of a file that changed; for more it offers the share anew, as long as it may",
);
export const EDITION_EXTRA_BYTES = limit(
  "EDITION_EXTRA_BYTES",
  16 * MiB,
  "bytes",
  "a share that is offered anew may have so much more than twice what was agreed to, without another question",
);
export const MISSING_MS = limit(
  "MISSING_MS",
  5000,
  "ms",
  "a receiver whose share is not offered any more waits so long before it looks whether another takes its place",
);
export const EDITION_SETTLE_MS = limit(
  "EDITION_SETTLE_MS",
  5000,
  "ms",
  "a sender that offers its share anew waits so long for receipts of receivers that have all of the one before",
);
export const END_SHARE_MS = limit(
  "END_SHARE_MS",
  5000,
  "ms",
  "a sender tries so long to end at the relay what an earlier run of it offered; else its receivers wait SENDER_GRACE_MS",
);
export const UNSOUND_TOLD = limit(
  "UNSOUND_TOLD",
  100,
  "items",
  "files that changed while they were sent, as each side names them; more are counted",
);
export const UNSIZED_BYTES = limit(
  "UNSIZED_BYTES",
  64 * MiB,
  "bytes",
  "read of the files of one share whose size the system does not tell, before it is offered; they are sent from memory",
);
export const UNSIZED_MS = limit(
  "UNSIZED_MS",
  5000,
  "ms",
  "a sender reads such a file for so long; files of the kernel may wait for something to happen for ever",
);
export const ENDLESS_FILES = limit(
  "ENDLESS_FILES",
  20,
  "items",
  "files without an end in the folders of one share, after which a sender searches no further: each takes up to UNSIZED_MS",
);
export const IGNORE_TESTS = limit(
  "IGNORE_TESTS",
  8192,
  "items",
  "paths whose results the library for patterns remembers before it is made anew",
);
export const LIST_AT_ONCE = limit(
  "LIST_AT_ONCE",
  500,
  "items",
  "entries of folders that a sender looks at in one turn; then it hears whether it shall end",
);

// Shares whose end nobody knows

export const OPEN_FRAME_BYTES = limit(
  "OPEN_FRAME_BYTES",
  64 * KiB,
  "bytes",
  "a frame of an open share, padded to that; small enough to send often, large enough to be quick",
);
export const TEXT_MESSAGE_BYTES = limit(
  "TEXT_MESSAGE_BYTES",
  16 * MiB,
  "bytes",
  "a WebSocket message of an original app's sender, which may cut its file as it likes",
);
export const OPEN_FLUSH_MS = limit(
  "OPEN_FLUSH_MS",
  50,
  "ms",
  "what an open share has produced waits so long for more before it leaves",
);

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
export const CREDIT_BESIDE_RECORDS = limit(
  "CREDIT_BESIDE_RECORDS",
  2,
  "records",
  "asked beside the credit of a sender that holds back all that fills it: one that surely comes, and the next new one",
);
export const READ_AHEAD_RECORDS = limit(
  "READ_AHEAD_RECORDS",
  16,
  "records",
  "asked for beyond the record that a receiver needs now",
);
export const READ_AHEAD_GAIN_RECORDS = limit(
  "READ_AHEAD_GAIN_RECORDS",
  4,
  "records",
  "read ahead of a receiver for each that it acknowledged since it joined where it is",
);
export const NEWCOMER_TURN_RECORDS = limit(
  "NEWCOMER_TURN_RECORDS",
  10,
  "records",
  "of so many asked of a sender one is for newcomers, which just came where they are and take nothing yet",
);
export const NEWCOMER_CREDIT_RECORDS = limit(
  "NEWCOMER_CREDIT_RECORDS",
  4,
  "records",
  "of the credit, for newcomers; a quarter, so that nobody else waits longer for their records",
);
export const NEWCOMER_RATE = limit(
  "NEWCOMER_RATE",
  8,
  "items/s",
  "records asked of a sender for newcomers while nobody else needs any",
);
export const NEWCOMER_BURST_RECORDS = limit(
  "NEWCOMER_BURST_RECORDS",
  32,
  "records",
  "of these at once; a receiver that begins needs some, an HTTP download of a part needs two",
);
export const NEWCOMERS_ALONE_MS = limit(
  "NEWCOMERS_ALONE_MS",
  1000,
  "ms",
  "newcomers have no rate when no other receiver needed a record for so long, as after a restart",
);
export const WANT_QUEUE_RECORDS = limit(
  "WANT_QUEUE_RECORDS",
  4096,
  "records",
  "asked of one sender and not yet sent, as the sender counts them; many times the credit",
);
export const UPLOAD_BUFFER_BYTES = limit(
  "UPLOAD_BUFFER_BYTES",
  4 * MiB,
  "bytes",
  "a sender's unsent bytes in memory; no record is read from disk above it",
);
export const ACK_EVERY_RECORDS = limit(
  "ACK_EVERY_RECORDS",
  4,
  "records",
  "a receiver acknowledges at least this often; a quarter of the window",
);
export const CORRUPT_RETRIES = limit(
  "CORRUPT_RETRIES",
  3,
  "attempts",
  "times that a receiver asks again for a record that did not decrypt",
);

// The relay

export const BLOCK_BYTES = limit(
  "BLOCK_BYTES",
  FRAME_BYTES,
  "bytes",
  "the unit of the log's memory; one full frame, or many small ones of a share",
);
export const LOG_BYTES = limit(
  "LOG_BYTES",
  1024 * MiB,
  "bytes",
  "the log over all shares and workers; old records come again from the sender",
);
export const LOG_BYTES_MIN = limit(
  "LOG_BYTES_MIN",
  16 * MiB,
  "bytes",
  "the least that --log-bytes takes: what one sender is asked for at once",
);
export const LOG_BYTES_MAX = limit(
  "LOG_BYTES_MAX",
  1024 * 1024 * MiB,
  "bytes",
  "the most that --log-bytes takes; each block of it has a place in several tables",
);
export const BUFFERED_BYTES = limit(
  "BUFFERED_BYTES",
  256 * MiB,
  "bytes",
  "memory of one worker for what waits for clients or came from them and is not finished, over all doors; above it clients wait for room",
);
export const ARRIVING_BYTES = limit(
  "ARRIVING_BYTES",
  128 * MiB,
  "bytes",
  "of BUFFERED_BYTES, what came from clients; half, so that uploads never keep downloads from going on",
);
export const STILL_BYTES = limit(
  "STILL_BYTES",
  32 * MiB,
  "bytes",
  "of BUFFERED_BYTES, what waits for clients that take nothing; a piece for each of 2048 downloads, or 16 frames where the kernel can't send them itself",
);
export const STILL_MS = limit(
  "STILL_MS",
  5 * second,
  "ms",
  "a client that takes nothing for so long counts as one that takes nothing, and goes when others wait for its room",
);
export const MEMORY_QUEUE = limit(
  "MEMORY_QUEUE",
  4096,
  "items",
  "clients of one worker that wait for memory; more are refused as by a full relay",
);
export const PROVEN_BYTES = limit(
  "PROVEN_BYTES",
  4 * MiB,
  "bytes",
  "a client that took so much takes what it is given; less may lie in buffers of the kernels",
);
export const PIECE_BYTES = limit(
  "PIECE_BYTES",
  16 * KiB,
  "bytes",
  "given at once to a download by HTTP or the original app: all of ours that one costs which nobody reads",
);
export const STEADY_PIECE_BYTES = limit(
  "STEADY_PIECE_BYTES",
  512 * KiB,
  "bytes",
  "the same for one that took PROVEN_BYTES, while few wait; each piece costs some calls",
);
export const STEADY_PIECE_BYTES_MIN = limit(
  "STEADY_PIECE_BYTES_MIN",
  64 * KiB,
  "bytes",
  "the same while many wait, so that all of them together are within STILL_BYTES as long as that is possible",
);
export const CLIENT_WINDOW_BYTES = limit(
  "CLIENT_WINDOW_BYTES",
  16 * KiB,
  "bytes",
  "of a client that sends no frames, kept by the kernel until it is read; so one that sends much is seen before it is much",
);
export const ARRIVALS_MS = limit(
  "ARRIVALS_MS",
  10,
  "ms",
  "between two looks at what came from clients and is no whole message",
);
export const OPENED_BYTES = limit(
  "OPENED_BYTES",
  8 * MiB,
  "bytes",
  "records of the lobby that a worker keeps opened; those who take a file at one speed want the same ones",
);
export const CONTROL_QUEUE_BYTES = limit(
  "CONTROL_QUEUE_BYTES",
  256 * KiB,
  "bytes",
  "control messages to one socket that wait until a frame is through",
);
export const LOG_IDLE_MS = limit(
  "LOG_IDLE_MS",
  5 * second,
  "ms",
  "a share without receivers keeps its records so long; then they come again from the sender",
);
export const SENDER_QUEUE_BYTES = limit(
  "SENDER_QUEUE_BYTES",
  MiB,
  "bytes",
  "unsent to a sender; above it no news of its receivers is added",
);
// Limits that an operator may set; relay/limits/operator-limits.ts has the options

export const SOCKETS = limit(
  "SOCKETS",
  20_000,
  "items",
  "clients of a relay, over all workers and doors; each costs 2 to 5 kB of ours while it waits, and more of the kernel",
);
export const SOCKETS_PER_ADDRESS = limit(
  "SOCKETS_PER_ADDRESS",
  2000,
  "items",
  "a tenth of all: a whole school behind one address, and no address fills the relay alone",
);
export const ATTEMPTS_PER_MINUTE = limit(
  "ATTEMPTS_PER_MINUTE",
  6000,
  "items/min",
  "new sockets and requests of one address, and as many at once: thrice SOCKETS_PER_ADDRESS, so that all may come back after a restart and fail twice",
);
export const HELLO_MS = limit("HELLO_MS", 5 * second, "ms", "from the open socket to its hello");
export const MESSAGE_MS = limit(
  "MESSAGE_MS",
  2 * minute,
  "ms",
  "from its first byte to its last, a message of FRAME_BYTES may take so long and a longer one in proportion: 9 KiB/s",
);
export const IDLE_MS = limit(
  "IDLE_MS",
  32 * second,
  "ms",
  "a socket that sends nothing, not even pongs, is closed; three pings and the answer's way",
);
export const UNREAD_MS = limit(
  "UNREAD_MS",
  5 * minute,
  "ms",
  "a client of HTTP or the original app that takes not one piece of what waits: a phone that sleeps for some minutes goes on",
);
export const MESSAGES_PER_SECOND = limit(
  "MESSAGES_PER_SECOND",
  50,
  "items/s",
  "of one socket, pings too, beyond one for each record or receiver that it was told of; clients of ours send one in some seconds",
);
export const SHARES = limit("SHARES", 10_000, "items", "shares on one relay");
export const SHARES_PER_ADDRESS = limit(
  "SHARES_PER_ADDRESS",
  500,
  "items",
  "a twentieth of all; half of a school of a thousand sends at the same time",
);
export const SHARES_PER_CHANNEL = limit(
  "SHARES_PER_CHANNEL",
  OFFERS_PER_MESSAGE,
  "items",
  "shares offered at once in one channel; the lobby is one",
);
export const CHANNELS = limit("CHANNELS", SHARES, "items", "channels that have a share");
export const CHANNELS_PER_ADDRESS = limit(
  "CHANNELS_PER_ADDRESS",
  SHARES_PER_ADDRESS,
  "items",
  "channels in which one address has a share; a code of its own for each share is how people send",
);
export const RECEIVERS_PER_SHARE = limit(
  "RECEIVERS_PER_SHARE",
  10_000,
  "items",
  "receivers of one share, over all workers; on each, those that left and are not reported count too",
);
export const BYTES_PER_SHARE = limit(
  "BYTES_PER_SHARE",
  1024 * 1024 * MiB,
  "bytes",
  "of one share: 1 TiB takes a day at 12 MiB/s; a sender of more asks the operator",
);
export const CHANNEL_LOG_BYTES = limit(
  "CHANNEL_LOG_BYTES",
  Infinity,
  "bytes",
  "of the log for all shares of one channel: the whole, which channels part among them when several want some",
);
export const EGRESS_RATE = limit(
  "EGRESS_RATE",
  Infinity,
  "bytes/s",
  "to all receivers together: as fast as it goes, unless the operator, who pays for the line, sets it",
);
export const SHARE_START_MS = limit(
  "SHARE_START_MS",
  2 * minute,
  "ms",
  "a sender is asked for the first record and sends nothing: it needs nobody's yes, and takes MESSAGE_MS at most",
);
export const SHARE_RECORD_MS = limit(
  "SHARE_RECORD_MS",
  day,
  "ms",
  "a sender that can read its source again is asked for records and sends none; it may hold them back for WAIT_MAX_MS until enough receivers have agreed",
);
export const SHARE_JOIN_MS = limit(
  "SHARE_JOIN_MS",
  day,
  "ms",
  "a share that nobody ever joined: its receivers come on the same day or have a new code",
);
export const SHARE_LIFE_MS = limit(
  "SHARE_LIFE_MS",
  30 * day,
  "ms",
  "of a share in all; who serves for months offers it anew now and then",
);

// The relay's own

export const ADMIN_REQUESTS = limit(
  "ADMIN_REQUESTS",
  64,
  "items",
  "requests to the admin listener at once, of which each has a socket of its own: a few people, probes and a Prometheus",
);
export const TURNED_AWAY = limit(
  "TURNED_AWAY",
  100,
  "items",
  "sockets of one worker over a limit that are let in to be told so; more get an HTTP status alone",
);
export const ADDRESSES_COUNTED = limit(
  "ADDRESSES_COUNTED",
  2 ** 15,
  "items",
  "addresses with sockets or much that they tried; more than SOCKETS. Were there more, some would be counted together",
);
export const VERDICTS_PER_SHARE = limit(
  "VERDICTS_PER_SHARE",
  RECEIVERS_PER_SHARE,
  "items",
  "receivers that a sender admitted or dismissed, as a relay remembers them; then the oldest is forgotten",
);
export const PING_MS = limit(
  "PING_MS",
  10 * second,
  "ms",
  "between two pings of the relay to a socket, so that both sides know that the line is whole",
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
  "a sender hears of its receivers at most four times per second",
);
export const TICK_MS = limit("TICK_MS", 250, "ms", "the relay's timer");
export const NEED_AGAIN_MS = limit(
  "NEED_AGAIN_MS",
  1000,
  "ms",
  "a record needed and not here is needed again after this; covers whatever got lost",
);

export const WORKER_PING_MS = limit(
  "WORKER_PING_MS",
  second,
  "ms",
  "between two questions to a worker whether it still answers",
);
export const WORKER_SILENT_PINGS = limit(
  "WORKER_SILENT_PINGS",
  15,
  "attempts",
  "a worker that leaves a question open for so many periods is replaced; one frame to thousands of sockets takes seconds",
);
export const WORKER_ENDING_PINGS = limit(
  "WORKER_ENDING_PINGS",
  5,
  "attempts",
  "periods that a worker may take to end; one that is stuck in native code never does, and the relay ends",
);
export const WORKER_RESTART_MS = limit(
  "WORKER_RESTART_MS",
  second,
  "ms",
  "before a worker is started again that failed twice in a row; doubled each time, nothing the first time",
);
export const WORKER_RESTART_MAX_MS = limit(
  "WORKER_RESTART_MAX_MS",
  minute,
  "ms",
  "between two starts of a worker that keeps failing while others are up",
);
export const WORKER_STEADY_MS = limit(
  "WORKER_STEADY_MS",
  minute,
  "ms",
  "a worker that was up so long is sound: failures before do not count any more",
);
export const WORKER_FAILURES = limit(
  "WORKER_FAILURES",
  6,
  "attempts",
  "in a row, of every worker with none up: then the relay ends; with the pauses between, 15 s",
);

export const RELAY_WORKERS = limit(
  "RELAY_WORKERS",
  64,
  "items",
  "streaming threads of one relay; each has its own event loop and memory",
);

/** Where a relay's admin listener is by itself. */
export const ADMIN_PORT = 8999;

export const DRAIN_MS = limit(
  "DRAIN_MS",
  8 * second,
  "ms",
  "transfers may run on so long when the relay is told to end; with FAREWELL_MS less than the 10 s after which container runtimes kill",
);
export const DRAIN_MAX_MS = limit(
  "DRAIN_MAX_MS",
  60 * minute,
  "ms",
  "the most that --drain takes; clients resume elsewhere all the same",
);
export const DRAIN_QUIET_MS = limit(
  "DRAIN_QUIET_MS",
  second,
  "ms",
  "nobody takes a share for so long: its clients are told to come back later; its sender may end it before",
);
export const FAREWELL_MS = limit(
  "FAREWELL_MS",
  second,
  "ms",
  "what a relay that ends said last has so long to leave before the lines are cut",
);

export const DESCRIPTORS_SPARE = limit(
  "DESCRIPTORS_SPARE",
  64,
  "items",
  "of the limit of open files that no client gets: for the log, for threads and for who has said nothing yet",
);
export const DESCRIPTORS_PER_WORKER = limit(
  "DESCRIPTORS_PER_WORKER",
  10,
  "items",
  "open files of a worker itself; five, and as many while one takes the place of another",
);
export const DESCRIPTORS_LEFT = limit(
  "DESCRIPTORS_LEFT",
  16,
  "items",
  "with less of the limit of open files left nobody is accepted, until there is twice as much",
);
export const ACCEPT_PAUSE_MS = limit(
  "ACCEPT_PAUSE_MS",
  second,
  "ms",
  "a worker that ran out of descriptors accepts nobody for so long; until it notices it may be busy for TICK_MS",
);
export const TOKENS = limit(
  "TOKENS",
  1000,
  "items",
  "tokens of a relay; all are posted to each worker when one changes",
);
export const TOKEN_FILE_BYTES = limit(
  "TOKEN_FILE_BYTES",
  MiB,
  "bytes",
  "of the file of a relay's tokens; TOKENS of them with long names are half of that",
);
export const TOKEN_NAME_CHARACTERS = limit(
  "TOKEN_NAME_CHARACTERS",
  64,
  "characters",
  "of a token's name; whose it is",
);
export const TOKENS_EVERY_MS = limit(
  "TOKENS_EVERY_MS",
  2 * second,
  "ms",
  "between two looks whether the file of tokens has changed; so long a revoked one may still count",
);
export const TOKEN_LOCK_MS = limit(
  "TOKEN_LOCK_MS",
  10 * second,
  "ms",
  "to wait for others who change the file of tokens; each needs a few ms",
);
export const CERTIFICATE_BYTES = limit(
  "CERTIFICATE_BYTES",
  MiB,
  "bytes",
  "of a file with a certificate or its key; the authorities that a system trusts are a quarter of that",
);
export const CERTIFICATE_EVERY_MS = limit(
  "CERTIFICATE_EVERY_MS",
  5 * second,
  "ms",
  "between two looks whether the files of a relay's certificate have changed",
);
export const CERTIFICATE_WARN_MS = limit(
  "CERTIFICATE_WARN_MS",
  14 * 24 * 60 * minute,
  "ms",
  "a relay and doctor warn when a certificate ends sooner; what renews them does so a month before",
);

// Clients

export const CONNECT_MS = limit(
  "CONNECT_MS",
  10 * second,
  "ms",
  "to an open socket and a welcome; Bun itself waits for ever",
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
  "a client does what a relay asks that says when to come again, but waits no longer than that",
);
export const TLS_PROBE_MS = limit(
  "TLS_PROBE_MS",
  3 * second,
  "ms",
  "a client whom a port hung up on asks so long whether TLS is spoken there, to say what is wrong",
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
  "a receiver says something at least so often, or the relay takes a slow line for a dead one",
);
export const CLIENT_TICK_MS = limit("CLIENT_TICK_MS", 50, "ms", "a client's timer");
export const FLUSH_MS = limit(
  "FLUSH_MS",
  3 * second,
  "ms",
  "what a client said last has so long to leave before the line is cut",
);
export const PROGRESS_EVERY_MS = limit(
  "PROGRESS_EVERY_MS",
  100,
  "ms",
  "between two progress events",
);
export const EVENTS_AT_ONCE = limit(
  "EVENTS_AT_ONCE",
  20,
  "items",
  "events of one kind, or of one receiver, that another side can cause at will and a client tells at once",
);
export const EVENTS_EVERY_MS = limit(
  "EVENTS_EVERY_MS",
  second,
  "ms",
  "between two such events after that, and between two about refused receipts; what is left out is counted",
);
export const RECEIVER_EVENTS_AT_ONCE = limit(
  "RECEIVER_EVENTS_AT_ONCE",
  1000,
  "items",
  "events about all receivers that a sender tells at once: a hall in which everybody comes at the same time",
);
export const RECEIVER_EVENTS_EVERY_MS = limit(
  "RECEIVER_EVENTS_EVERY_MS",
  10,
  "ms",
  "between two events about receivers after that; the latest of each receiver waits for its turn",
);
export const LINES_HELD = limit(
  "LINES_HELD",
  200,
  "items",
  "lines that wait while a person is asked something; of more the first are left out and counted",
);
export const QUESTIONS_EVERY_MS = limit(
  "QUESTIONS_EVERY_MS",
  second,
  "ms",
  "from a question that was taken back to the next one: a receiver that comes and goes must not fill a terminal",
);
export const CHECKPOINT_MS = limit(
  "CHECKPOINT_MS",
  2 * second,
  "ms",
  "between two syncs of what a receiver has written",
);
export const RECEIVE_RATE_MIN = limit(
  "RECEIVE_RATE_MIN",
  64 * KiB,
  "bytes",
  "per second, the least that --limit takes; a record must not take minutes",
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
  "a receiver tries another share, if another is offered, when the first records of one do not come for that long; a stream may well be over when it comes back",
);
export const ADMISSION_MS = limit(
  "ADMISSION_MS",
  minute,
  "ms",
  "the same for a share whose sender lets receivers in one by one; a person answers in that time, or is not there",
);
export const SHARES_REMEMBERED = limit(
  "SHARES_REMEMBERED",
  256,
  "items",
  "shares that a receiver took, or could not read, and will not take again; four times as many as are offered at once",
);
export const LOST_GRACE_MS = limit(
  "LOST_GRACE_MS",
  15 * second,
  "ms",
  "receivers that vanished unfinished are waited for so long by a sender that could end, and by a log that can't be read again",
);
export const PAUSE_GRACE_MS = limit(
  "PAUSE_GRACE_MS",
  second,
  "ms",
  "a receiver that closes its window to ask a person may open it again so long after and find its records",
);
export const STALL_TIMEOUT_MS = limit(
  "STALL_TIMEOUT_MS",
  minute,
  "ms",
  "a receiver of a share that can't be read again, which others wait for, may take so long for a record",
);
export const HELD_UP_MS = limit(
  "HELD_UP_MS",
  2 * second,
  "ms",
  "how long a client of the lobby that speaks no fileshare may hold up others of a stream",
);
export const STALL_TIMEOUT_MAX_MS = limit(
  "STALL_TIMEOUT_MAX_MS",
  60 * minute,
  "ms",
  "the most that --stall-timeout takes; so long one receiver could hold up all others",
);
export const CONFIRM_MS = limit(
  "CONFIRM_MS",
  10 * second,
  "ms",
  "a receiver with the whole file waits so long for the sender to take its receipt",
);

export const RECEIVERS_WANTED = limit(
  "RECEIVERS_WANTED",
  RECEIVERS_PER_SHARE,
  "items",
  "the most that --receivers takes; more would wait for ever",
);
export const WAIT_MAX_MS = limit(
  "WAIT_MAX_MS",
  24 * 60 * minute,
  "ms",
  "the most that --min-wait, --max-wait and --drop-slow take",
);
export const TIMEOUT_MAX_MS = limit(
  "TIMEOUT_MAX_MS",
  7 * day,
  "ms",
  "the most that --timeout takes",
);
export const ALONE_MS = limit(
  "ALONE_MS",
  20 * second,
  "ms",
  "after so long without a relay, sender or receiver a client says what may be the reason",
);
export const SUMMARY_RECEIVERS = limit(
  "SUMMARY_RECEIVERS",
  1000,
  "items",
  "receivers that the summary of a stopped send lists one by one; the rest is counted",
);
export const CONNECT_TIMEOUT_MAX_MS = limit(
  "CONNECT_TIMEOUT_MAX_MS",
  24 * 60 * minute,
  "ms",
  "the most that --connect-timeout takes",
);
export const CLIPBOARD_MS = limit(
  "CLIPBOARD_MS",
  2 * second,
  "ms",
  "a clipboard tool that takes longer is ended; its display may be gone",
);
export const CLOCK_SKEW_MS = limit(
  "CLOCK_SKEW_MS",
  minute,
  "ms",
  "doctor warns when this machine's clock and the relay's are further apart",
);
export const DOCTOR_TRANSFER_BYTES = limit(
  "DOCTOR_TRANSFER_BYTES",
  32 * MiB,
  "bytes",
  "that doctor sends to itself; so many that a fast line needs longer than the clock is coarse",
);
export const DOCTOR_TRANSFER_MS = limit(
  "DOCTOR_TRANSFER_MS",
  10 * second,
  "ms",
  "what came of that by then says enough about a slow line",
);
export const OPEN_FILES_WANTED = limit(
  "OPEN_FILES_WANTED",
  4096,
  "items",
  "doctor warns of a lower limit of open files; a relay has a socket for each client",
);
export const CONFIG_BYTES = limit(
  "CONFIG_BYTES",
  64 * KiB,
  "bytes",
  "of the configuration file; every option of every command needs a few hundred",
);
export const RECEIVER_LINES = limit(
  "RECEIVER_LINES",
  12,
  "items",
  "receivers that a sender's screen shows one by one; more are summed up",
);
export const RESULT_LINES = limit(
  "RESULT_LINES",
  20,
  "items",
  "receivers whose results a sender lists at the end; of more those that failed, and a summary",
);
export const NAMES_SHOWN = limit(
  "NAMES_SHOWN",
  100,
  "items",
  "names of an offer that are listed, and as many flagged ones after them; the rest is counted",
);

// Decoding

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

// The receiver's disk

export const PARTIAL_STEM_BYTES = limit(
  "PARTIAL_STEM_BYTES",
  80,
  "bytes",
  "of a file's name in that of its partial directory; leaves room for share and owner, also where names have 143 bytes",
);
export const SYNCS_AT_ONCE = limit(
  "SYNCS_AT_ONCE",
  64,
  "items",
  "files of a tree that are brought to the disk at once; each is open meanwhile",
);
export const SYNCS_EACH = limit(
  "SYNCS_EACH",
  512,
  "items",
  "files of a tree that are brought to the disk one by one; of more the whole file system is, at once",
);
export const TREE_STEP = limit(
  "TREE_STEP",
  256,
  "items",
  "files that are made or moved in one turn; then the line to the relay is seen to",
);
export const COMPARE_BYTES = limit(
  "COMPARE_BYTES",
  MiB,
  "bytes",
  "of two files, compared in one turn for --checksum",
);
export const OUTPUT_BUFFER_BYTES = limit(
  "OUTPUT_BUFFER_BYTES",
  2 * MiB,
  "bytes",
  "that wait for who reads the standard output; above it the line to the relay is not read",
);
export const FULL_OUTPUT_MS = limit(
  "FULL_OUTPUT_MS",
  5,
  "ms",
  "between two tries to write to a full pipe that does not block",
);
export const NUMBERED_NAMES = limit(
  "NUMBERED_NAMES",
  999,
  "attempts",
  "`name (1)`, `name (2)`...; a receiver that finds all taken gives up",
);
export const FOREIGN_PARTIAL_MS = limit(
  "FOREIGN_PARTIAL_MS",
  minute,
  "ms",
  "a partial of another machine, untouched so long, is taken over; far above the time between checkpoints",
);

// What a client remembers under XDG_STATE_HOME

export const SENDS_KEPT = limit(
  "SENDS_KEPT",
  64,
  "items",
  "unfinished sends that can go on; of more, those forget first that were left alone the longest",
);
export const RECEIVES_KEPT = limit("RECEIVES_KEPT", 256, "items", "unfinished receives, alike");
export const RECEIVER_IDS_KEPT = limit(
  "RECEIVER_IDS_KEPT",
  1024,
  "items",
  "ids that a receiver was to its senders, by share; of more, those are forgotten that were not used the longest",
);
export const RECEIVER_IDS_MS = limit(
  "RECEIVER_IDS_MS",
  7 * day,
  "ms",
  "a receiver is the same to a share for so long after it last took it: longer than senders wait",
);
export const STATE_ENTRY_BYTES = limit(
  "STATE_ENTRY_BYTES",
  1024 * KiB,
  "bytes",
  "what is remembered of one send or receive, its command line included; longer is not remembered",
);
