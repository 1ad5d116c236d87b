import { command, shared } from "./command.ts";

export default command({
  name: "fileshare recv",
  description: "Receive what is sent under a code",
  args: {
    code: {
      type: "positional",
      required: false,
      description:
        "The code, or its words, a pasted command or web link, or lobby (else FILESHARE_CODE, else the standard input, else asked for)",
    },
    lobby: { type: "boolean", description: "Take file after file from the lobby, for ever" },
    yes: { type: "boolean", description: "Take what is offered without a question" },
    ask: { type: "boolean", description: "Ask in the lobby too" },
    hidden: {
      type: "boolean",
      description:
        "With --yes, take hidden files (.name, autorun.inf) without a question of their own",
    },
    executables: {
      type: "boolean",
      description: "With --yes, take executables without a question of their own",
    },
    out: {
      type: "string",
      valueHint: "dir",
      description: "The folder to save in, made if its parent is there (this one)",
    },
    prefix: {
      type: "string",
      valueHint: "text",
      description: "What to put before every name (rcv_ in the lobby, else nothing)",
    },
    stdout: {
      type: "boolean",
      description: "Write the one file to the standard output and save nothing",
    },
    overwrite: { type: "boolean", description: "Replace files that are there and differ" },
    rename: { type: "boolean", description: "Keep both: name (1), also for a folder" },
    skip: { type: "boolean", description: "Leave files that are there as they are" },
    "rename-unsafe": {
      type: "boolean",
      description:
        "Take files whose names are not safe to write under others; else refuse the share",
    },
    checksum: {
      type: "boolean",
      description:
        "Let only their content prove that files are the same: what has the size is fetched and compared",
    },
    name: {
      type: "string",
      valueHint: "name",
      description: "What the sender sees of you (user@host)",
    },
    limit: {
      type: "string",
      valueHint: "rate",
      description: "The most to take per second, such as 8MiB or 500k",
    },
    ...shared,
  },
  many: ["code"],
  examples: [
    ["fileshare recv", "ask for the code (Tab completes words)"],
    ["FILESHARE_CODE=... fileshare recv --yes --out downloads", "for scripts"],
    ["fileshare recv --stdout --yes | tar x", "unpack while it comes, without a file"],
    ["fileshare recv --overwrite", "bring a folder up to date; what is the same is not fetched"],
    ["fileshare recv --lobby", "take files from the lobby as they come, as rcv_..."],
    [
      "fileshare recv --lobby --yes --executables --hidden",
      "the same, and whatever strangers send, without a question",
    ],
    ["fileshare recv --limit 2MiB", "leave some of the line to others"],
  ],
  rivals: [
    ["yes", "ask"],
    ["overwrite", "rename", "skip"],
    ["json", "quiet"],
    ["lobby", "connect-timeout"],
  ],
  run: async (values, raw, args) => (await import("./run-recv.ts")).runRecv(values, raw, args),
});
