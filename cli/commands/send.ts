import { command, shared } from "./command.ts";

export default command({
  name: "fileshare send",
  description: "Send files, folders, a text or a stream to all who have the code",
  args: {
    path: {
      type: "positional",
      required: false,
      description:
        "Files and folders; - is the standard input, as is what is piped in; asked for when left out",
    },
    text: {
      type: "string",
      valueHint: "text",
      description: "Send this text, which is shown and not saved; - reads it from standard input",
    },
    name: {
      type: "string",
      valueHint: "name",
      description: "What receivers see the one file, folder or stream as",
    },
    exclude: {
      type: "string",
      valueHint: "pattern",
      description: "Leave out of folders what fits, as in a .gitignore; may be given again",
    },
    gitignore: { type: "boolean", description: "Leave out of folders what git leaves out" },
    follow: {
      type: "boolean",
      description: "Send what links lead to, inside their own folder; else links are skipped",
    },
    strict: {
      type: "boolean",
      description: "End when a file changes while it is sent; else all others arrive whole",
    },
    "skip-unsafe": {
      type: "boolean",
      description: "Leave out what cannot be read, or named on some system; else nothing is sent",
    },
    "offer-unsafe": {
      type: "boolean",
      description: "Offer such names as they are, to receivers that take them with --rename-unsafe",
    },
    receivers: {
      type: "string",
      valueHint: "n",
      description: "End when so many receivers have all of it and nobody is still receiving (1)",
    },
    stay: { type: "boolean", description: "Go on serving until Ctrl-C" },
    "wait-for": {
      type: "string",
      valueHint: "n",
      description: "Begin when so many have agreed to receive; until then they see the offer alone",
    },
    "min-wait": {
      type: "string",
      valueHint: "seconds",
      description: "Begin no sooner than so long after the first agreed",
    },
    "max-wait": {
      type: "string",
      valueHint: "seconds",
      description: "Begin so long after the first agreed, though fewer than --wait-for did",
    },
    ask: { type: "boolean", description: "Ask about each receiver before it gets anything" },
    "drop-slow": {
      type: "string",
      valueHint: "seconds",
      description: "Drop receivers that take nothing for so long while others go on",
    },
    limit: {
      type: "string",
      valueHint: "rate",
      description: "The most to upload per second, such as 8MiB or 500k",
    },
    code: {
      type: "string",
      valueHint: "code",
      description: "A code of your own (else FILESHARE_CODE, else a new one)",
    },
    lobby: { type: "boolean", description: "Send to the lobby, where everyone can receive" },
    qr: { type: "boolean", description: "Show the web link as a QR code" },
    copy: { type: "boolean", description: "Put the code into the clipboard" },
    share: {
      type: "string",
      valueHint: "id",
      description: "Go on with that share, one of fileshare list, and no other",
    },
    new: {
      type: "boolean",
      description: "Begin anew, also when the same was sent before and is not through",
    },
    ...shared,
  },
  examples: [
    ["fileshare send big.iso", "print a code, send to the first receiver"],
    ["fileshare send photos notes.txt --exclude '*.tmp'", "send a folder and a file"],
    ["fileshare send . --gitignore", "send this folder as git sees it"],
    ["fileshare send --text 'see you at eight'", "send a text, shown at the other side"],
    ["tar c src | fileshare send --name src.tar", "send a stream while it is produced"],
    ["fileshare send big.iso --receivers 5", "end when five have it"],
    ["fileshare send big.iso --wait-for 20 --max-wait 300", "begin with 20, or after 5 minutes"],
    ["fileshare send big.iso --stay", "serve every receiver until Ctrl-C"],
    ["fileshare send big.iso --relay wss://relay.example", "use that relay"],
  ],
  many: ["path", "exclude"],
  typedOnly: ["code", "share", "new", "text", "name"],
  rivals: [
    ["code", "lobby"],
    ["json", "quiet"],
  ],
  run: async (values, raw, args) => (await import("./run-send.ts")).runSend(values, raw, args),
});
