/**
 * The options `--cluster...` of `fileshare relay` as values: servers of NATS, the secret of the cluster, and the address for its other relays.
 * `run-relay.ts` calls this before anything starts.
 */
import { isIPv6 } from "node:net";

import { FaultError } from "../../protocol/wire/faults.ts";
import { usage } from "../arguments/command-line.ts";
import type { RelayValues } from "./relay-commands.ts";

type ReadFile = (path: string) => { readonly text: string; readonly mode: number };

/** The text of a secret file, for machines without files. */
const SECRET_VARIABLE = "FILESHARE_RELAY_SECRET";
const DEFAULT_NAME = "main";
/** As SITE_FORM of `relay/cluster/directory-kv.ts`. */
const SITE = /^[a-z0-9-]{1,32}(?:\/[a-z0-9-]{1,32}){0,3}$/;
const NATS_PORT = 4222;
const PORT_MOST = 65_535;
/** Of the secret, in bytes: guessing takes too long. As `relay/cluster/proof.ts`. */
const SECRET_LEAST_BYTES = 32;
/** Servers of one cluster of NATS. */
const SERVERS_MOST = 16;
/** Of a certificate with its chain, and of credentials. bytes */
const FILE_BYTES = 256 * 1024;

const OTHERS = [
  "cluster-name",
  "cluster-listen",
  "cluster-advertise",
  "cluster-site",
  "cluster-secret",
  "cluster-creds",
  "cluster-token",
  "cluster-ca",
  "cluster-cert",
  "cluster-key",
] as const;

type ClusterValues = Pick<RelayValues, "cluster" | (typeof OTHERS)[number]>;
type Variables = Readonly<Record<string, string | undefined>>;

/**
 * @returns undefined: the relay is alone
 * @throws FaultError "usage", "bad-cluster"
 */
export async function clusterOptions(values: ClusterValues, env: Variables) {
  const { cluster, "cluster-name": name = DEFAULT_NAME } = values;
  if (cluster === undefined) {
    const lonely = OTHERS.find((option) => values[option] !== undefined);
    if (lonely !== undefined) throw usage(`--${lonely} needs --cluster nats://HOST:4222`);
    return undefined;
  }
  if (!/^[\w-]{1,32}$/.test(name)) {
    throw usage(`--cluster-name takes up to 32 letters, digits, - and _, not "${name}"`);
  }
  const given = values["cluster-listen"];
  if (given === undefined) {
    throw usage(
      "--cluster needs --cluster-listen HOST:PORT, where the other relays reach this one",
    );
  }
  const listen = addressOf("--cluster-listen", given);
  const { port } = listen;
  if (port === undefined)
    throw usage(`--cluster-listen needs HOST:PORT, as in 10.0.0.1:8001, not "${given}"`);
  const advertised = values["cluster-advertise"];
  const advertise =
    advertised === undefined ? undefined : addressOf("--cluster-advertise", advertised);
  const reached = advertise ?? listen;
  if (/^[0:.]+$/.test(reached.hostname) && reached.hostname !== "::1") {
    const option = advertise === undefined ? "--cluster-listen" : "--cluster-advertise";
    throw usage(
      `${option} ${reached.hostname} is every address of this machine; give one that the other relays reach with --cluster-advertise`,
    );
  }
  const site = values["cluster-site"];
  if (site !== undefined && !SITE.test(site)) {
    throw usage(
      `--cluster-site takes up to four names such as eu/lab-3, each of up to 32 small letters, digits and -, not "${site}"`,
    );
  }
  const servers = serversOf(cluster, values["cluster-token"]);
  const { readTextFile } = await import("../../relay/mod.ts");
  const read: ReadFile = (path) => readTextFile(path, FILE_BYTES, "bad-cluster");
  const { "cluster-creds": creds } = values;
  if (creds !== undefined && (servers.token ?? servers.user) !== undefined) {
    throw usage("give either --cluster-creds, or a token or a user");
  }
  return {
    ...servers,
    name,
    secret: secretOf(values["cluster-secret"], env, read),
    listen: { hostname: listen.hostname, port },
    advertise,
    site,
    credentials: creds === undefined ? undefined : credentialsIn(creds, read),
    tls: tlsOf(values, read),
  };
}

/** @throws FaultError "bad-cluster", and so does the function later */
function credentialsIn(path: string, read: ReadFile): () => Uint8Array {
  const text = (): Uint8Array => new TextEncoder().encode(read(path).text);
  text();
  return text;
}

/** @throws FaultError "usage" */
function serversOf(given: string, tokenGiven: string | undefined) {
  const urls = given.split(",").map((text) => serverOf(text.trim()));
  if (urls.length > SERVERS_MOST) throw usage(`--cluster takes at most ${SERVERS_MOST} servers`);
  const named = urls.filter(({ username }) => username !== "");
  const [first] = named;
  const isSame = named.every(({ username, password }) => {
    return username === first?.username && password === first.password;
  });
  if (!isSame) throw usage("--cluster takes one user for all servers");
  if (first !== undefined && tokenGiven !== undefined) {
    throw usage("give either --cluster-token or a user in --cluster");
  }
  // NATS takes a user without a password for a token.
  const [user, password] = [first?.username, first?.password].map((text) => decoded(text ?? ""));
  const isToken = user !== "" && password === "";
  return {
    servers: urls.map(({ protocol, hostname, port }) => {
      return `${protocol}//${hostname}:${port === "" ? NATS_PORT : port}`;
    }),
    token: isToken ? user : tokenGiven,
    user: isToken || user === "" ? undefined : user,
    password: password === "" ? undefined : password,
  };
}

function serverOf(text: string): URL {
  const url = URL.parse(text);
  const isServer =
    url !== null &&
    /^(?:nats|tls):$/.test(url.protocol) &&
    url.hostname !== "" &&
    url.port !== "0" &&
    ["", "/"].includes(url.pathname) &&
    url.search === "" &&
    url.hash === "";
  if (isServer) return url;
  // It may hold a password.
  const shown = text.replace(/\/\/[^/]*@/, "//...@");
  throw usage(
    `--cluster takes addresses of NATS such as nats://10.0.0.1:4222, with commas between them, not "${shown}"`,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw usage("--cluster has a user or a password with a % that is no code (write %25)");
  }
}

function addressOf(option: string, given: string): { hostname: string; port?: number } {
  const parts = /^(\[[0-9a-f:.]+\]|[\w.-]{1,253})(?::(\d{1,5}))?$/i.exec(given);
  const [, host = "", portText] = parts ?? [];
  const hostname = host.startsWith("[") ? host.slice(1, -1) : host;
  const port = portText === undefined ? undefined : Number(portText);
  const isHost = hostname !== "" && (!host.startsWith("[") || isIPv6(hostname));
  if (isHost && (port ?? 0) <= PORT_MOST) return { hostname, ...(port !== undefined && { port }) };
  throw usage(`${option} takes an address such as 10.0.0.1:8001, not "${given}"`);
}

/** @throws FaultError "usage" without one, "bad-cluster" for one that others may know */
function secretOf(path: string | undefined, env: Variables, read: ReadFile): Uint8Array {
  const variable = env[SECRET_VARIABLE] ?? "";
  if (path !== undefined && variable !== "") {
    throw usage(`give either --cluster-secret or ${SECRET_VARIABLE}`);
  }
  if (path === undefined && variable === "") {
    throw usage(
      `--cluster needs the secret of the cluster, in --cluster-secret FILE or ${SECRET_VARIABLE}`,
    );
  }
  const { text, mode } = path === undefined ? { text: variable, mode: 0 } : read(path);
  const from = path ?? SECRET_VARIABLE;
  // A group may read it: that of a service without a user of its own. Windows has no such modes.
  if (process.platform !== "win32" && (mode & 0o027) !== 0) {
    throw new FaultError("bad-cluster", `others may use ${from}: chmod 600 ${from}`);
  }
  const secret = new TextEncoder().encode(text.trim());
  if (secret.length >= SECRET_LEAST_BYTES) return secret;
  throw new FaultError(
    "bad-cluster",
    `${from} has ${secret.length} bytes, and a secret needs at least ${SECRET_LEAST_BYTES}`,
  );
}

/** @throws FaultError "usage", "bad-cluster" */
function tlsOf(values: ClusterValues, read: ReadFile) {
  const { "cluster-ca": ca, "cluster-cert": cert, "cluster-key": key } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw usage("--cluster-cert and --cluster-key go together");
  }
  if (ca === undefined && cert === undefined) return undefined;
  return {
    ...(ca !== undefined && { ca: read(ca).text }),
    ...(cert !== undefined && { cert: read(cert).text }),
    ...(key !== undefined && { key: read(key).text }),
  };
}
