/**
 * The definitions of `send` and `recv`: options, help and examples. Help, completions, the manual page and the
 * reference are made from them; `registry.ts` names the code that runs them.
 */
import { carrying, define, flag, shared, text, words, type ValuesOf } from "./definition.ts";

/** Options that make no sense without the sender, or not with a relay that others keep. */
export const NEED_SENDER = [
  "ask",
  "receivers",
  "wait-for",
  "min-wait",
  "max-wait",
  "drop-slow",
  "lobby",
  "carry",
  "port",
] as const;

export const send = define({
  name: "fileshare send",
  description: "Send files, folders, a text or a stream to every receiver with the code",
  args: {
    path: words("Files and folders to send; - reads standard input, as a pipe does (default: ask)"),
    text: text(
      "text",
      "Send this text; receivers show it and save nothing; - reads it from standard input",
    ),
    name: text(
      "name",
      "The name that receivers see for the one file, folder or stream (default: its own name)",
    ),
    exclude: text(
      "pattern",
      "Leave out files and folders that match, as in a .gitignore; repeatable",
    ),
    gitignore: flag("Leave out files and folders that git ignores"),
    follow: flag(
      "Send the targets of links, if they are inside the sent folder (default: skip links)",
    ),
    strict: flag(
      "End the share when a file changes while it is sent (default: send all other files whole)",
    ),
    "skip-unsafe": flag(
      "Leave out unreadable files, and names that receivers refuse (default: send nothing)",
    ),
    "offer-unsafe": flag(
      "Offer names that receivers refuse, for receivers that run with --rename-unsafe",
    ),
    receivers: text(
      "n",
      "End when N receivers have everything and no other is receiving (default: 1; most: 10000)",
    ),
    stay: flag("Serve receivers until Ctrl-C"),
    store: flag(
      "Store the share at the relay, and end when it is there; receivers need no sender then",
    ),
    expires: text(
      "time",
      "With --store: delete it at this time, such as 12h, 30d or 2027-01-31 (default: 7d; most: what the relay allows)",
    ),
    downloads: text(
      "n",
      "With --store: delete it once N receivers have everything (default: no limit; most: 1000000)",
    ),
    "wait-for": text(
      "n",
      "Hold the content back until N receivers have agreed; they see the offer meanwhile (default: 1)",
    ),
    "min-wait": text(
      "seconds",
      "Start no sooner than this after the first receiver agreed (default: 0 s; most: 1 day)",
    ),
    "max-wait": text(
      "seconds",
      "Start this long after the first receiver agreed, even with fewer than --wait-for (default: never; most: 1 day)",
    ),
    ask: flag("Ask you about each receiver before it gets anything"),
    "drop-slow": text(
      "seconds",
      "Drop a receiver that takes no record for this long while another advances (default: never; most: 1 day)",
    ),
    limit: text(
      "rate",
      "Upload at most this much per second, such as 8MiB (default: no limit; least: 64KiB)",
    ),
    connections: text(
      "n",
      "Connections to the relay, 1 to 8 (default: auto, which takes one, and 8 if the relay is far away)",
    ),
    code: text("code", "Use a code of your own (default: FILESHARE_CODE, else a new code)"),
    lobby: flag("Send to the lobby, where every client of the relay can receive"),
    carry: flag(
      "Start a relay inside this command, even if one is set up (default: only if there is none)",
    ),
    "no-carry": flag("Start no relay; without another one use ws://127.0.0.1:8000"),
    ...carrying,
    qr: flag("Show the web link as a QR code"),
    copy: flag("Copy the code to the clipboard"),
    share: text("id", "Continue this share of fileshare list, and no other"),
    new: flag("Start a new share, even if an unfinished one has the same files"),
    ...shared,
  },
  examples: [
    ["fileshare send big.iso", "print a code, and end when one receiver has the file"],
    [
      "fileshare send photos notes.txt --exclude '*.tmp'",
      "send a folder and a file, without temporary files",
    ],
    ["fileshare send . --gitignore", "send this folder without files that git ignores"],
    ["fileshare send --text 'see you at eight'", "send a text, which receivers show"],
    ["tar c src | fileshare send --name src.tar", "send a stream while it is produced"],
    ["fileshare send big.iso --receivers 5", "end when five receivers have the file"],
    [
      "fileshare send big.iso --wait-for 20 --max-wait 300",
      "start with 20 receivers, or after 5 minutes",
    ],
    ["fileshare send big.iso --stay", "serve every receiver until Ctrl-C"],
    [
      "fileshare send big.iso --store --expires 30d",
      "store it at the relay for 30 days, without this machine",
    ],
    ["fileshare send big.iso --port 9000", "carry the relay at this port, and no other"],
    ["fileshare send big.iso --relay wss://relay.example", "use another relay"],
  ],
  many: ["path", "exclude"],
  typedOnly: ["code", "share", "new", "text", "name"],
  rivals: [
    ["code", "lobby"],
    ["json", "quiet"],
    ["carry", "no-carry"],
    // The sender of a stored share is gone before these matter.
    ...NEED_SENDER.map((option) => ["store", option] as const),
  ],
});

export const recv = define({
  name: "fileshare recv",
  description: "Receive the files or the text that a sender offers under a code",
  args: {
    code: words(
      "The code, its words, a pasted command or web link, or lobby (default: FILESHARE_CODE, else standard input, else ask)",
    ),
    lobby: flag("Take file after file from the lobby until Ctrl-C"),
    yes: flag("Take the offer without a question"),
    ask: flag("Ask before each file in the lobby too"),
    hidden: flag(
      "With --yes, take hidden files such as .bashrc and autorun.inf too (default: ask)",
    ),
    executables: flag("With --yes, take executables too (default: ask)"),
    out: text(
      "dir",
      "Save in this folder; recv makes it if its parent exists (default: the current one)",
    ),
    prefix: text(
      "text",
      "Put this text before every name (default: rcv_ in the lobby, else nothing)",
    ),
    stdout: flag("Write the one file, stream or text to standard output, and save nothing"),
    overwrite: flag("Replace existing files that differ"),
    rename: flag(
      "Keep both files; save the new file or folder as name (1) (default without a terminal)",
    ),
    skip: flag("Leave existing files as they are"),
    "rename-unsafe": flag(
      "Save files with misleading names under safe names (default: refuse the share)",
    ),
    checksum: flag(
      "Fetch and compare files of equal size (default: equal size and time mean equal files)",
    ),
    "checksum-file": flag(
      "List the SHA-256 of all files in SHA256SUMS beside them, for sha256sum -c; a list that is there is completed",
    ),
    carry: flag(
      "Start a relay inside this command, for a sender that others cannot reach; without a code, make one",
    ),
    ...carrying,
    name: text("name", "The name that the sender sees for you (default: user@host)"),
    limit: text(
      "rate",
      "Receive at most this much per second, such as 8MiB (default: no limit; least: 64KiB)",
    ),
    connections: text(
      "n",
      "Connections to the relay, 1 to 8 (default: auto, which takes one, and 8 if the relay is far away)",
    ),
    ...shared,
  },
  many: ["code"],
  examples: [
    ["fileshare recv", "ask for the code (Tab completes words)"],
    [
      "FILESHARE_CODE=... fileshare recv --yes --out downloads",
      "receive in a script, without a question",
    ],
    ["fileshare recv --stdout --yes | tar x", "unpack while the archive arrives, without a file"],
    ["fileshare recv --overwrite", "bring a folder up to date, and fetch only files that differ"],
    ["fileshare recv --lobby", "take files from the lobby, and save each as rcv_..."],
    [
      "fileshare recv --lobby --yes --executables --hidden",
      "take every file that strangers send, without a question",
    ],
    [
      "fileshare recv --checksum-file",
      "write SHA256SUMS too, which sha256sum -c compares with the files",
    ],
    ["fileshare recv --limit 2MiB", "leave bandwidth to others"],
    ["fileshare recv --carry", "make a code, and carry the relay for its sender"],
  ],
  rivals: [
    ["yes", "ask"],
    ["overwrite", "rename", "skip"],
    ["json", "quiet"],
    ["lobby", "connect-timeout"],
    ["stdout", "checksum-file"],
  ],
});

export type SendValues = ValuesOf<typeof send>;
export type RecvValues = ValuesOf<typeof recv>;
