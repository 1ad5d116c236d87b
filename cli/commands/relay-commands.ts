/**
 * The definitions of `relay` and of the commands of its operator: options, help and examples. `registry.ts` names
 * the code that runs them.
 */
import { define, flag, shared, text, words, type ValuesOf } from "./definition.ts";
import { relayLimitArgs } from "./relay-limits.ts";

const tokenFile = text("file", "The file of the relay's tokens; it holds only their hashes");

export const relay = define({
  name: "fileshare relay",
  description: "Run a relay",
  args: {
    host: text(
      "address",
      "Listen at this address (default: 0.0.0.0, every address of this machine)",
    ),
    port: text("n", "Listen at this port; 0 takes a free one (default: 8000)"),
    "tls-cert": text(
      "file",
      "Use TLS (wss://) with this certificate; PEM, with the chain to its authority",
    ),
    "tls-key": text(
      "file",
      "The key of the certificate; PEM; the relay reads both files again when they change, and at SIGHUP",
    ),
    "http-port": text(
      "n",
      "With --tls-cert, redirect from this plain port to the port with TLS; 0 takes a free one (default: none)",
    ),
    workers: text(
      "n",
      "Run this many streaming threads (default: one per core on Linux, else 1; most: 64)",
    ),
    drain: text(
      "seconds",
      "At SIGTERM or Ctrl-C, let transfers run on for this long; 0 ends them at once (default: 8 s; most: 1 hour)",
    ),
    "stall-timeout": text(
      "seconds",
      "Drop a receiver that holds up the others of a stream for this long (default: 60 s; most: 1 hour)",
    ),
    "log-bytes": text(
      "bytes",
      "Keep at most this much for late and slow receivers, over all shares (default: 1GiB; 16MiB to 1TiB)",
    ),
    "log-dir": text(
      "folder",
      "Keep that in a file without a name in this folder (default: the folder for temporary files)",
    ),
    store: text(
      "place",
      "Store shares for senders that ask for it, in this folder or at s3://BUCKET/PREFIX (default: nowhere)",
    ),
    cluster: text(
      "urls",
      "Share the load with other relays that use these NATS servers, such as nats://10.0.0.1:4222,nats://10.0.0.2:4222 (default: alone)",
    ),
    "cluster-name": text(
      "name",
      "With --cluster, the name of the cluster; relays of another name in the same NATS are strangers (default: main)",
    ),
    "cluster-listen": text(
      "host:port",
      "With --cluster, serve the other relays at this address, without TLS, so only in a network of your own",
    ),
    "cluster-advertise": text(
      "host:port",
      "With --cluster, the address at which the other relays reach this one (default: that of --cluster-listen)",
    ),
    "cluster-site": text(
      "path",
      "With --cluster, where this relay is, such as eu/lab-3: a share crosses to each region and each site once",
    ),
    "cluster-secret": text(
      "file",
      "With --cluster, the file of the secret that all its relays have: at least 32 bytes, and no other user reads it",
    ),
    "cluster-creds": text("file", "With --cluster, log in to NATS with this .creds file"),
    "cluster-token": text(
      "token",
      "With --cluster, log in to NATS with this token; prefer FILESHARE_CLUSTER_TOKEN, because other users can read arguments",
    ),
    "cluster-ca": text(
      "file",
      "With --cluster, trust only the authorities in this PEM file for NATS with TLS (default: those of this machine)",
    ),
    "cluster-cert": text("file", "With --cluster, the certificate of this relay for NATS; PEM"),
    "cluster-key": text("file", "With --cluster, the key of that certificate; PEM"),
    access: text(
      "mode",
      "open, senders or closed: nobody, senders or every client needs a token (default: open)",
    ),
    "lobby-access": text(
      "mode",
      "open, senders or closed: the same for the lobby (default: as --access)",
    ),
    "token-file": tokenFile,
    "public-url": text(
      "url",
      "The address that people use for the relay, such as https://relay.example or https://web.example/relay (default: any)",
    ),
    origin: text(
      "url",
      "Let web pages of this origin use the relay; repeatable (default: its own pages alone)",
    ),
    "trusted-proxy": text(
      "cidr",
      "Trust X-Forwarded-For from this proxy or range of proxies; repeatable (default: none)",
    ),
    ...relayLimitArgs,
    log: text(
      "form",
      "Report on standard error as pretty text, or as json, one object per line (default: pretty)",
    ),
    "log-level": text(
      "level",
      "Report from this level on: debug, info, warn or error (default: info with --log, else warn)",
    ),
    "ban-file": text(
      "file",
      "Keep banned addresses in this file; the relay reads it again at SIGHUP (default: until the relay ends)",
    ),
    admin: text(
      "host:port",
      "Serve operators and metrics at this address; off serves neither (default: 127.0.0.1:8999)",
    ),
    "no-admin": flag("The same as --admin off"),
    lobby: {
      type: "boolean",
      default: true,
      description: "Open the lobby to HTTP and to the original app's clients",
      negativeDescription: "Close the lobby to HTTP and to the original app's clients",
    },
    announce: flag(
      "Announce the relay in the local network, so that receivers find it without --relay; shows blinded ids of at most 44 channels",
    ),
    "no-page": flag("Show browsers a help page in place of the page that sends and receives"),
    copy: flag(
      "Copy frames to sockets, even where the kernel could send them from the log (sendfile)",
    ),
    json: flag("Print where the relay listens, and when it drains, as JSON objects"),
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
      "fileshare relay --store /var/lib/fileshare --store-bytes 500GiB",
      "store shares for senders that want to close their laptop",
    ],
    [
      "fileshare relay --cluster nats://10.0.0.9:4222 --cluster-listen 10.0.0.1:8001 --cluster-secret cluster.key",
      "share the load with the other relays of a cluster",
    ],
    [
      "fileshare relay --drain 60",
      "at SIGTERM, let transfers run on for a minute; a second SIGTERM ends the relay at once",
    ],
  ],
  many: ["origin", "trusted-proxy"],
  typedOnly: ["lobby", "no-admin"],
});

const adminListener = text(
  "host:port",
  "The relay's admin listener (default: that of your relay on this machine)",
);

export const relayStatus = define({
  name: "fileshare relay status",
  description: "Show the shares, receivers and throughput of a running relay, live",
  args: {
    admin: adminListener,
    token: shared.token,
    cluster: flag("Show the relays of its cluster instead of its shares; --json has both"),
    once: flag("Print it once (default without a terminal)"),
    json: flag("Print it once as a JSON object"),
    page: flag("Print a link to the admin page; keep the link secret"),
  },
  examples: [
    ["fileshare relay status", "show your relay on this machine, until Ctrl-C"],
    ["fileshare relay status --cluster", "show the relays of its cluster"],
    ["fileshare relay status --json", "print one JSON object for a script"],
    ["fileshare relay status --page", "print a link for the browser"],
  ],
  typedOnly: ["cluster", "once", "json", "page"],
});

export const relayKill = define({
  name: "fileshare relay kill",
  description: "End shares of a running relay, for each sender and all receivers",
  args: {
    number: words("The numbers of the shares in fileshare relay status"),
    admin: adminListener,
    token: shared.token,
  },
  examples: [["fileshare relay kill 12", "end share 12; the relay refuses it for an hour"]],
  many: ["number"],
});

export const relayBan = define({
  name: "fileshare relay ban",
  description: "Disconnect addresses from a running relay, and refuse them from now on",
  args: {
    address: words("Addresses, or ranges such as 203.0.113.0/24; one of IPv6 stands for its /64"),
    for: text("time", "Ban for 30d, 12h or 45m, or until the day 2027-01-31 (default: for ever)"),
    admin: adminListener,
    token: shared.token,
  },
  examples: [
    ["fileshare relay ban 203.0.113.7 --for 12h", "ban an address for half a day"],
    ["fileshare relay ban 203.0.113.0/24", "ban a network for ever"],
  ],
  many: ["address"],
  typedOnly: ["for"],
});

export const relayUnban = define({
  name: "fileshare relay unban",
  description: "Allow banned addresses at a running relay again",
  args: {
    address: words("The banned addresses or ranges"),
    admin: adminListener,
    token: shared.token,
  },
  examples: [["fileshare relay unban 203.0.113.7", "allow this address again"]],
  many: ["address"],
});

export const tokenAdd = define({
  name: "fileshare relay token add",
  description: "Make a token for a relay, and print it once",
  args: {
    "token-file": tokenFile,
    name: text("name", "The owner of the token, for the list"),
    role: text(
      "roles",
      "send, receive, store or admin: the use that the token allows; several with commas (default: send,receive)",
    ),
    expires: text(
      "when",
      "End of the token: after 30d, 12h or 45m, or at the day 2027-01-31 (default: never)",
    ),
  },
  examples: [
    ["fileshare relay token add --token-file tokens.json --name ada", "let ada send and receive"],
    [
      "fileshare relay token add --role send --expires 30d",
      "make a token that may send for 30 days",
    ],
  ],
  many: ["role"],
  typedOnly: ["name", "role", "expires"],
});

export const tokenList = define({
  name: "fileshare relay token list",
  description: "Show the tokens of a relay, without their secrets",
  args: {
    "token-file": tokenFile,
    json: flag("Print each token as a JSON object"),
  },
  examples: [
    ["fileshare relay token list --token-file tokens.json", "show ids, roles, names and ends"],
  ],
});

export const tokenRevoke = define({
  name: "fileshare relay token revoke",
  description: "Revoke tokens of a relay; it disconnects their clients within seconds",
  args: {
    id: words("The ids of the tokens in fileshare relay token list"),
    "token-file": tokenFile,
  },
  examples: [["fileshare relay token revoke 3f9a1c2b", "revoke one token"]],
  many: ["id"],
});

export type RelayValues = ValuesOf<typeof relay>;
export type RelayStatusValues = ValuesOf<typeof relayStatus>;
export type RelayKillValues = ValuesOf<typeof relayKill>;
export type RelayBanValues = ValuesOf<typeof relayBan>;
export type RelayUnbanValues = ValuesOf<typeof relayUnban>;
export type TokenAddValues = ValuesOf<typeof tokenAdd>;
export type TokenListValues = ValuesOf<typeof tokenList>;
export type TokenRevokeValues = ValuesOf<typeof tokenRevoke>;
