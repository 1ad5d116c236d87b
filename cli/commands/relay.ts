import { relayLimitArgs } from "./relay-limits.ts";
import { command, tokenFile } from "./command.ts";

export default command({
  name: "fileshare relay",
  description: "Run a relay",
  args: {
    host: {
      type: "string",
      valueHint: "address",
      description: "Listen at this address (default: 0.0.0.0, every address of this machine)",
    },
    port: {
      type: "string",
      valueHint: "n",
      description: "Listen at this port; 0 takes a free one (default: 8000)",
    },
    "tls-cert": {
      type: "string",
      valueHint: "file",
      description: "Use TLS (wss://) with this certificate; PEM, with the chain to its authority",
    },
    "tls-key": {
      type: "string",
      valueHint: "file",
      description:
        "The key of the certificate; PEM; the relay reads both files again when they change, and at SIGHUP",
    },
    "http-port": {
      type: "string",
      valueHint: "n",
      description:
        "With --tls-cert, redirect from this plain port to the port with TLS; 0 takes a free one (default: none)",
    },
    workers: {
      type: "string",
      valueHint: "n",
      description:
        "Run this many streaming threads (default: one per core on Linux, else 1; most: 64)",
    },
    drain: {
      type: "string",
      valueHint: "seconds",
      description:
        "At SIGTERM or Ctrl-C, let transfers run on for this long; 0 ends them at once (default: 8 s; most: 1 hour)",
    },
    "stall-timeout": {
      type: "string",
      valueHint: "seconds",
      description:
        "Drop a receiver that holds up the others of a stream for this long (default: 60 s; most: 1 hour)",
    },
    "log-bytes": {
      type: "string",
      valueHint: "bytes",
      description:
        "Keep at most this much for late and slow receivers, over all shares (default: 1GiB; 16MiB to 1TiB)",
    },
    "log-dir": {
      type: "string",
      valueHint: "folder",
      description:
        "Keep that in a file without a name in this folder (default: the folder for temporary files)",
    },
    access: {
      type: "string",
      valueHint: "mode",
      description:
        "open, senders or closed: nobody, senders or every client needs a token (default: open)",
    },
    "lobby-access": {
      type: "string",
      valueHint: "mode",
      description: "open, senders or closed: the same for the lobby (default: as --access)",
    },
    "token-file": tokenFile,
    "public-url": {
      type: "string",
      valueHint: "url",
      description:
        "The address that people use for the relay, such as https://relay.example (default: any)",
    },
    origin: {
      type: "string",
      valueHint: "url",
      description:
        "Let web pages of this origin use the relay; repeatable (default: its own pages alone)",
    },
    "trusted-proxy": {
      type: "string",
      valueHint: "cidr",
      description:
        "Trust X-Forwarded-For from this proxy or range of proxies; repeatable (default: none)",
    },
    ...relayLimitArgs,
    log: {
      type: "string",
      valueHint: "form",
      description:
        "Report on standard error as pretty text, or as json, one object per line (default: pretty)",
    },
    "log-level": {
      type: "string",
      valueHint: "level",
      description:
        "Report from this level on: debug, info, warn or error (default: info with --log, else warn)",
    },
    "ban-file": {
      type: "string",
      valueHint: "file",
      description:
        "Keep banned addresses in this file; the relay reads it again at SIGHUP (default: until the relay ends)",
    },
    admin: {
      type: "string",
      valueHint: "host:port",
      description:
        "Serve operators and metrics at this address; off serves neither (default: 127.0.0.1:8999)",
    },
    "no-admin": { type: "boolean", description: "The same as --admin off" },
    lobby: {
      type: "boolean",
      default: true,
      description: "Open the lobby to HTTP and to the original app's clients",
      negativeDescription: "Close the lobby to HTTP and to the original app's clients",
    },
    copy: {
      type: "boolean",
      description:
        "Copy frames to sockets, even where the kernel could send them from the log (sendfile)",
    },
    json: {
      type: "boolean",
      description: "Print where the relay listens, and when it drains, as JSON objects",
    },
  },
  examples: [
    ["fileshare relay", "listen at port 8000 of every address"],
    [
      "fileshare relay --host 127.0.0.1 --port 0 --json",
      "take a free port, and print it as JSON for a script",
    ],
    [
      "fileshare relay --egress-limit 50MiB --share-bytes 10GiB",
      "bound the traffic per second and the size of a share, for a relay that strangers use",
    ],
    [
      "fileshare relay --port 443 --tls-cert relay.pem --tls-key relay.key",
      "listen at wss://, with a certificate for this machine's name",
    ],
    [
      "fileshare relay --access senders --token-file tokens.json",
      "ask senders for a token, and let every client receive",
    ],
    [
      "fileshare relay --drain 60",
      "at SIGTERM, let transfers run on for a minute; a second SIGTERM ends the relay at once",
    ],
  ],
  many: ["origin", "trusted-proxy"],
  typedOnly: ["lobby", "no-admin"],
  run: async ({ admin, ...values }, raw) => {
    const { runRelay } = await import("./run-relay.ts");
    // The parser of arguments takes it for the contrary of a switch.
    return runRelay({ ...values, admin: raw.includes("--no-admin") ? "off" : admin });
  },
});
