import { command, shared } from "./command.ts";

export default command({
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
  run: async (values, raw, args) => (await import("./run-recv.ts")).runRecv(values, raw, args),
});
