/**
 * The options of `fileshare relay` as values: where it listens and what it keeps (`listenOptions`), its access policy
 * (`accessOf`), and its admin listener (`adminAddress`, which moves to a free port if the usual one is taken). `run-relay.ts`
 * hands them to the relay; its limits are in `relay-limits.ts`.
 */
import { tmpdir } from "node:os";
import { resolve } from "node:path";

import { usage } from "../arguments/command-line.ts";
import {
  oneOf,
  parseBytes,
  parseSeconds,
  parseSecondsOrNone,
  parseWhole,
} from "../arguments/values.ts";
import type { RelayValues } from "./relay-commands.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import {
  ADMIN_PORT,
  DRAIN_MAX_MS,
  DRAIN_MS,
  LOG_BYTES,
  LOG_BYTES_MAX,
  LOG_BYTES_MIN,
  RELAY_WORKERS,
  STALL_TIMEOUT_MAX_MS,
  STALL_TIMEOUT_MS,
} from "../../relay/limits/operator-limits.ts";

/** The content of a token file, for machines without files. It holds hashes, so it is not secret. */
const TOKENS_VARIABLE = "FILESHARE_RELAY_TOKENS";

/** @throws FaultError "usage", "bad-tokens" */
export async function accessOf(values: RelayValues) {
  const { ACCESS_MODES, isAddressRange, knownTokens, parseTokens } =
    await import("../../relay/mod.ts");
  const mode = oneOf("--access", values.access, ACCESS_MODES) ?? "open";
  const lobby = oneOf("--lobby-access", values["lobby-access"], ACCESS_MODES) ?? mode;
  const text = process.env[TOKENS_VARIABLE] ?? "";
  if (text === "" && values["token-file"] === undefined && (mode !== "open" || lobby !== "open")) {
    throw usage(`tokens are needed; give them with --token-file or ${TOKENS_VARIABLE}`);
  }
  const tokens = text === "" ? [] : knownTokens(parseTokens(text, TOKENS_VARIABLE));
  const trustedProxies = values["trusted-proxy"];
  for (const range of trustedProxies) {
    if (isAddressRange(range)) continue;
    throw usage(`--trusted-proxy takes an address or a range such as 10.0.0.0/8, not "${range}"`);
  }
  return {
    mode,
    lobby,
    tokens,
    trustedProxies,
    ...publicAddress(values["public-url"]),
    origins: values.origin.map((given) => originOf("--origin", given)),
  };
}

/** The path is that at which a proxy has the relay: browsers compare origins alone. */
function publicAddress(given: string | undefined) {
  if (given === undefined) return { publicOrigin: undefined };
  const url = URL.parse(given.replace(/^ws(?=s?:)/i, "http"));
  const isAddress =
    url !== null && url.href === url.origin + url.pathname && !url.host.includes("*");
  if (!isAddress || !/^https?:$/.test(url.protocol)) {
    throw usage(`--public-url takes a URL such as https://relay.example, not "${given}"`);
  }
  return { publicOrigin: url.origin, publicPath: url.pathname.replace(/\/+$/, "") };
}

/** As browsers write it. */
function originOf(option: string, given: string): string {
  const url = URL.parse(given.replace(/^ws(?=s?:)/i, "http"));
  // A host with a star in it is one to URLs, and would match nothing.
  const isOrigin = url !== null && url.href === `${url.origin}/` && !url.host.includes("*");
  if (isOrigin && /^https?:$/.test(url.protocol)) return url.origin;
  throw usage(`${option} takes a URL without a path such as https://relay.example, not "${given}"`);
}

export interface AdminAddress {
  readonly hostname: string;
  readonly port: number;
  /** Whether it was asked for: else another port will do where that one is taken. */
  readonly isGiven: boolean;
}

const LOOPBACK = "127.0.0.1";

/**
 * @param relayPort a relay at a free port has its admin listener at one too
 * @returns undefined: nowhere
 * @throws FaultError "usage"
 */
export function adminAddress(
  given: string | undefined,
  relayPort: number,
): AdminAddress | undefined {
  if (given === "off") return undefined;
  if (given === undefined) {
    const port = relayPort === 0 ? 0 : ADMIN_PORT;
    return { hostname: LOOPBACK, port, isGiven: false };
  }
  const parts = /^(?:(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+):)?(\d{1,5})$/i.exec(given);
  const port = Number(parts?.[2]);
  if (parts === null || port > 65_535) {
    throw usage(`--admin takes an address such as 127.0.0.1:${ADMIN_PORT}, or off, not "${given}"`);
  }
  const host = parts[1] ?? LOOPBACK;
  return { hostname: host.startsWith("[") ? host.slice(1, -1) : host, port, isGiven: true };
}

/**
 * Starts at that address, or at a free port if the address is the usual one and taken.
 * @param takeOver asks an earlier relay that has the port to leave. @returns whether it did
 */
export async function atAdminAddress<T>(
  address: AdminAddress | undefined,
  start: (admin: Omit<AdminAddress, "isGiven"> | undefined) => Promise<T>,
  takeOver: (port: number) => Promise<boolean>,
): Promise<T> {
  if (address === undefined) return start(undefined);
  const { hostname, port, isGiven } = address;
  try {
    return await start({ hostname, port });
  } catch (error) {
    const isTaken =
      error instanceof FaultError &&
      error.code === "port-in-use" &&
      error.detail?.startsWith("--admin") === true;
    if (!isTaken) throw error;
    if (await takeOver(port)) return start({ hostname, port });
    if (isGiven) throw error;
    return start({ hostname, port: 0 });
  }
}

/**
 * Where and how it listens, and what it keeps.
 * @throws FaultError "usage"
 */
export function listenOptions(values: RelayValues) {
  const hostname = values.host ?? "0.0.0.0";
  if (hostname === "") throw usage("--host takes an address");
  const port = parseWhole("--port", values.port ?? "8000", 0, 65_535);
  const drainMs = parseSecondsOrNone("--drain", values.drain ?? `${DRAIN_MS / 1000}`, DRAIN_MAX_MS);
  const tls = certificateFiles(values);
  const httpPort = httpPortOf(values, port);
  const stall = values["stall-timeout"] ?? `${STALL_TIMEOUT_MS / 1000}`;
  const stallMs = parseSeconds("--stall-timeout", stall, STALL_TIMEOUT_MAX_MS);
  const workers = workersOption(values.workers);
  const log = values["log-bytes"] ?? `${LOG_BYTES}`;
  const logBytes = parseBytes("--log-bytes", log, LOG_BYTES_MIN, LOG_BYTES_MAX);
  const logFolder = values["log-dir"] ?? tmpdir();
  const store = values.store === undefined ? undefined : storePlace(values.store, process.env);
  return { hostname, port, drainMs, tls, httpPort, stallMs, workers, logBytes, logFolder, store };
}

/** The bucket's name as S3 allows it, and the keys before which nothing of the relay is. */
const BUCKET = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w!*'().~/-]*))?$/i;

/**
 * @param env holds the address and the keys of S3, in the variables that Bun's own client reads
 * @throws FaultError "usage"
 */
export function storePlace(given: string, env: Readonly<Record<string, string | undefined>>) {
  if (given === "") throw usage("--store takes a folder or s3://BUCKET/PREFIX");
  if (!/^s3:/i.test(given)) return { kind: "disk" as const, folder: resolve(given) };
  const [, bucket, path = ""] = BUCKET.exec(given) ?? [];
  if (bucket === undefined) {
    throw usage(`--store takes an address such as s3://bucket/prefix, not "${given}"`);
  }
  const variable = (name: string): string | undefined =>
    env[`S3_${name}`] || env[`AWS_${name}`] || undefined;
  const prefix = path.replace(/^\/+|\/+$/g, "");
  return {
    kind: "s3" as const,
    bucket,
    prefix: prefix === "" ? "" : `${prefix}/`,
    endpoint: variable("ENDPOINT"),
    region: variable("REGION"),
    accessKeyId: variable("ACCESS_KEY_ID"),
    secretAccessKey: variable("SECRET_ACCESS_KEY"),
    // A token is of one key: that of another account, which is in the environment too, would spoil it.
    sessionToken: env["S3_ACCESS_KEY_ID"]
      ? env["S3_SESSION_TOKEN"] || undefined
      : variable("SESSION_TOKEN"),
  };
}

/** @throws FaultError "usage" also for several where the system gives a port to one alone */
export function workersOption(
  value: string | undefined,
  platform: NodeJS.Platform = process.platform,
): number | undefined {
  const workers =
    value === undefined ? undefined : parseWhole("--workers", value, 1, RELAY_WORKERS);
  if (workers === undefined || workers === 1 || platform === "linux") return workers;
  throw usage("--workers takes 1 on this system: only Linux shares one port among several workers");
}

/** @throws FaultError "usage" for one without the other */
function certificateFiles(
  values: RelayValues,
): { readonly cert: string; readonly key: string } | undefined {
  const { "tls-cert": cert, "tls-key": key } = values;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw usage("--tls-cert and --tls-key go together");
  return { cert, key };
}

function httpPortOf(values: RelayValues, port: number): number | undefined {
  const given = values["http-port"];
  if (given === undefined) return undefined;
  if (values["tls-cert"] === undefined)
    throw usage("--http-port redirects to TLS; give --tls-cert too");
  const httpPort = parseWhole("--http-port", given, 0, 65_535);
  if (httpPort !== 0 && httpPort === port) throw usage("--http-port and --port must differ");
  return httpPort;
}
