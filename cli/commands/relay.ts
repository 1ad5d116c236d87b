import { relayLimitArgs } from "./relay-limits.ts";
import { command, tokenFile } from "./command.ts";

export default command({
  name: "fileshare relay",
  description: "Run a relay",
  args: {
    host: {
      type: "string",
      valueHint: "address",
      description: "The address to listen at (0.0.0.0, every one of this machine)",
    },
    port: { type: "string", valueHint: "n", description: "The port; 0 takes a free one (8000)" },
    "tls-cert": {
      type: "string",
      valueHint: "file",
      description: "Speak TLS (wss://) with this certificate: PEM, with the chain to its authority",
    },
    "tls-key": {
      type: "string",
      valueHint: "file",
      description: "Its key, PEM; both files are read again when they change, and at SIGHUP",
    },
    "http-port": {
      type: "string",
      valueHint: "n",
      description:
        "With --tls-cert: a plain port that leads to the one with TLS and serves nothing",
    },
    workers: {
      type: "string",
      valueHint: "n",
      description: "Streaming threads (one per core on Linux, else 1)",
    },
    drain: {
      type: "string",
      valueHint: "seconds",
      description: "At SIGTERM or Ctrl-C, how long transfers may run on; 0 for not at all (8)",
    },
    "stall-timeout": {
      type: "string",
      valueHint: "seconds",
      description:
        "How long a receiver may hold up the others of a share that can't be read again (60)",
    },
    "log-bytes": {
      type: "string",
      valueHint: "bytes",
      description: "How much the relay keeps for who is late or slow, over all shares (1GiB)",
    },
    "log-dir": {
      type: "string",
      valueHint: "folder",
      description: "Where it keeps that, in a file without a name (the folder for temporary files)",
    },
    access: {
      type: "string",
      valueHint: "mode",
      description: "open, senders or closed: nobody, senders or everybody needs a token (open)",
    },
    "lobby-access": {
      type: "string",
      valueHint: "mode",
      description: "open, senders or closed: the same for the lobby (as --access)",
    },
    "token-file": tokenFile,
    "public-url": {
      type: "string",
      valueHint: "url",
      description:
        "Where people reach the relay, such as https://relay.example (wherever they ask)",
    },
    origin: {
      type: "string",
      valueHint: "url",
      description:
        "The origin of a web page elsewhere that may use the relay; may be given several times",
    },
    "trusted-proxy": {
      type: "string",
      valueHint: "cidr",
      description:
        "A proxy in front, or a range of them, whose X-Forwarded-For counts; may be given several times",
    },
    ...relayLimitArgs,
    log: {
      type: "string",
      valueHint: "form",
      description:
        "What it reports on the standard error: pretty, or json for one object a line (pretty)",
    },
    "log-level": {
      type: "string",
      valueHint: "level",
      description: "The least of it: debug, info, warn or error (info with --log, else warn)",
    },
    "ban-file": {
      type: "string",
      valueHint: "file",
      description: "Where addresses are kept that may not come; read again at SIGHUP",
    },
    admin: {
      type: "string",
      valueHint: "host:port",
      description:
        "Where its operators see what it does, and programs its metrics; off: nowhere (127.0.0.1:8999)",
    },
    "no-admin": { type: "boolean", description: "As --admin off" },
    lobby: {
      type: "boolean",
      default: true,
      description: "Open the lobby to the original app's clients and to HTTP",
      negativeDescription: "Keep the lobby closed to the original app's clients and to HTTP",
    },
    copy: {
      type: "boolean",
      description: "Copy frames to their sockets even where the kernel sends them by itself",
    },
    json: {
      type: "boolean",
      description: "Print where it listens, and that it drains, as JSON objects",
    },
  },
  examples: [
    ["fileshare relay", "listen at port 8000 of every address"],
    ["fileshare relay --host 127.0.0.1 --port 0 --json", "for scripts: a free port, told as JSON"],
    [
      "fileshare relay --egress-limit 50MiB --share-bytes 10GiB",
      "for strangers: bound what leaves per second, and how much one share may be",
    ],
    [
      "fileshare relay --port 443 --tls-cert relay.pem --tls-key relay.key",
      "at wss://, with a certificate for this machine's name",
    ],
    [
      "fileshare relay --access senders --token-file tokens.json",
      "let those send who have a token, and everybody receive",
    ],
    ["fileshare relay --drain 60", "at SIGTERM, let transfers of a minute end; again: at once"],
  ],
  many: ["origin", "trusted-proxy"],
  typedOnly: ["lobby", "no-admin"],
  run: async ({ admin, ...values }, raw) => {
    const { runRelay } = await import("./run-relay.ts");
    // The parser of arguments takes it for the contrary of a switch.
    return runRelay({ ...values, admin: raw.includes("--no-admin") ? "off" : admin });
  },
});
