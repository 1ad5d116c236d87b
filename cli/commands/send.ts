import { command, shared } from "./command.ts";

export default command({
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
  run: async (values, raw, args) => (await import("./run-send.ts")).runSend(values, raw, args),
});
