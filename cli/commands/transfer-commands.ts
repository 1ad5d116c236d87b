/**
 * The definitions of `send` and `recv`: options, help and examples. Help, completions, the manual page and the
 * reference are made from them; `registry.ts` names the code that runs them.
 */
import { define, shared, type ValuesOf } from "./command.ts";

export const send = define({
  name: "fileshare send",
  description: "Send files, folders, a text or a stream to every receiver with the code",
  args: {
    path: {
      type: "positional",
      required: false,
      description:
        "Files and folders to send; - reads standard input, as a pipe does (default: ask)",
    },
    text: {
      type: "string",
      valueHint: "text",
      description:
        "Send this text; receivers show it and save nothing; - reads it from standard input",
    },
    name: {
      type: "string",
      valueHint: "name",
      description:
        "The name that receivers see for the one file, folder or stream (default: its own name)",
    },
    exclude: {
      type: "string",
      valueHint: "pattern",
      description: "Leave out files and folders that match, as in a .gitignore; repeatable",
    },
    gitignore: { type: "boolean", description: "Leave out files and folders that git ignores" },
    follow: {
      type: "boolean",
      description:
        "Send the targets of links, if they are inside the sent folder (default: skip links)",
    },
    strict: {
      type: "boolean",
      description:
        "End the share when a file changes while it is sent (default: send all other files whole)",
    },
    "skip-unsafe": {
      type: "boolean",
      description:
        "Leave out unreadable files, and names that some systems refuse (default: send nothing)",
    },
    "offer-unsafe": {
      type: "boolean",
      description:
        "Offer names that some systems refuse, for receivers that run with --rename-unsafe",
    },
    receivers: {
      type: "string",
      valueHint: "n",
      description:
        "End when N receivers have everything and no other is receiving (default: 1; most: 10000)",
    },
    stay: { type: "boolean", description: "Serve receivers until Ctrl-C" },
    "wait-for": {
      type: "string",
      valueHint: "n",
      description:
        "Hold the content back until N receivers have agreed; they see the offer meanwhile (default: 1)",
    },
    "min-wait": {
      type: "string",
      valueHint: "seconds",
      description:
        "Start no sooner than this after the first receiver agreed (default: 0 s; most: 1 day)",
    },
    "max-wait": {
      type: "string",
      valueHint: "seconds",
      description:
        "Start this long after the first receiver agreed, even with fewer than --wait-for (default: never; most: 1 day)",
    },
    ask: { type: "boolean", description: "Ask you about each receiver before it gets anything" },
    "drop-slow": {
      type: "string",
      valueHint: "seconds",
      description:
        "Drop a receiver that takes no record for this long while another advances (default: never; most: 1 day)",
    },
    limit: {
      type: "string",
      valueHint: "rate",
      description:
        "Upload at most this much per second, such as 8MiB (default: no limit; least: 64KiB)",
    },
    code: {
      type: "string",
      valueHint: "code",
      description: "Use a code of your own (default: FILESHARE_CODE, else a new code)",
    },
    lobby: {
      type: "boolean",
      description: "Send to the lobby, where every client of the relay can receive",
    },
    qr: { type: "boolean", description: "Show the web link as a QR code" },
    copy: { type: "boolean", description: "Copy the code to the clipboard" },
    share: {
      type: "string",
      valueHint: "id",
      description: "Continue this share of fileshare list, and no other",
    },
    new: {
      type: "boolean",
      description: "Start a new share, even if an unfinished one has the same files",
    },
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
    ["fileshare send big.iso --relay wss://relay.example", "use another relay"],
  ],
  many: ["path", "exclude"],
  typedOnly: ["code", "share", "new", "text", "name"],
  rivals: [
    ["code", "lobby"],
    ["json", "quiet"],
  ],
});

export const recv = define({
  name: "fileshare recv",
  description: "Receive the files or the text that a sender offers under a code",
  args: {
    code: {
      type: "positional",
      required: false,
      description:
        "The code, its words, a pasted command or web link, or lobby (default: FILESHARE_CODE, else standard input, else ask)",
    },
    lobby: { type: "boolean", description: "Take file after file from the lobby until Ctrl-C" },
    yes: { type: "boolean", description: "Take the offer without a question" },
    ask: { type: "boolean", description: "Ask before each file in the lobby too" },
    hidden: {
      type: "boolean",
      description:
        "With --yes, take hidden files such as .bashrc and autorun.inf too (default: ask)",
    },
    executables: {
      type: "boolean",
      description: "With --yes, take executables too (default: ask)",
    },
    out: {
      type: "string",
      valueHint: "dir",
      description:
        "Save in this folder; recv makes it if its parent exists (default: the current one)",
    },
    prefix: {
      type: "string",
      valueHint: "text",
      description: "Put this text before every name (default: rcv_ in the lobby, else nothing)",
    },
    stdout: {
      type: "boolean",
      description: "Write the one file, stream or text to standard output, and save nothing",
    },
    overwrite: { type: "boolean", description: "Replace existing files that differ" },
    rename: {
      type: "boolean",
      description: "Keep both files; save the new one, or the new folder, as name (1)",
    },
    skip: { type: "boolean", description: "Leave existing files as they are" },
    "rename-unsafe": {
      type: "boolean",
      description: "Save files with unsafe names under safe names (default: refuse the share)",
    },
    checksum: {
      type: "boolean",
      description:
        "Fetch and compare files of equal size (default: equal size and time mean equal files)",
    },
    name: {
      type: "string",
      valueHint: "name",
      description: "The name that the sender sees for you (default: user@host)",
    },
    limit: {
      type: "string",
      valueHint: "rate",
      description:
        "Receive at most this much per second, such as 8MiB (default: no limit; least: 64KiB)",
    },
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
    ["fileshare recv --limit 2MiB", "leave bandwidth to others"],
  ],
  rivals: [
    ["yes", "ask"],
    ["overwrite", "rename", "skip"],
    ["json", "quiet"],
    ["lobby", "connect-timeout"],
  ],
});

export type SendValues = ValuesOf<typeof send>;
export type RecvValues = ValuesOf<typeof recv>;
