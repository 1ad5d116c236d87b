/**
 * The client library of NATS, which only a relay of a cluster loads, and one connection by it. The library's own
 * reconnecting is off: `nats-kv.ts` begins anew with each connection, and a change that waits in a buffer meanwhile
 * would come later than its sender believes.
 */
import { createSecureContext } from "node:tls";

import type { Authenticator, NatsConnection } from "@nats-io/transport-node";

import { FaultError } from "../../protocol/mod.ts";

/** Between two pings of a connection; the watch notices most losses sooner. ms */
const PING_MS = 10_000;
/** Pings without an answer that end a connection. */
const PINGS_LOST = 2;

/** Where the directory is, and as whom to come. */
export interface NatsOptions {
  /** URLs such as nats://host:4222, or tls:// for TLS at any price; no passwords in them. */
  readonly servers: readonly string[];
  /** Of the cluster: a part of the buckets' names. */
  readonly name: string;
  /** Reads the .creds file anew for each connection, because such files are renewed. @throws FaultError `bad-cluster` */
  readonly credentials?: (() => Uint8Array) | undefined;
  readonly token?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Texts in PEM. */
  readonly tls?:
    { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

export const NATS_PACKAGES = ["@nats-io/transport-node", "@nats-io/jetstream"] as const;

export type NatsLibrary = Awaited<ReturnType<typeof loadNats>>;

/** @throws FaultError `no-nats` */
export async function loadNats() {
  try {
    const [transport, jetstream] = await Promise.all([
      import("@nats-io/transport-node"),
      import("@nats-io/jetstream"),
    ]);
    keepOffStdout();
    return { ...transport, ...jetstream };
  } catch (error) {
    throw new FaultError("no-nats", undefined, { cause: error });
  }
}

/** The library's words on stdout about bytes of a server that are not of NATS. Such bytes end the connection. */
const READER_CLOSED = "reader closed";
let isOffStdout = false;

/** Programs read the relay's events on stdout, and the library has no setting to print elsewhere. */
function keepOffStdout(): void {
  if (isOffStdout) return;
  isOffStdout = true;
  const { log } = console;
  console.log = (...said: unknown[]): void => {
    if (said[0] !== READER_CLOSED) log(...said);
  };
}

/** @throws FaultError `bad-cluster` for credentials or certificates that no server could take */
export function checkNats(library: NatsLibrary, options: NatsOptions): void {
  try {
    authenticator(library, options)?.("a nonce");
  } catch (error) {
    if (error instanceof FaultError) throw error;
    throw new FaultError("bad-cluster", "the credentials can't be read", { cause: error });
  }
  try {
    if (options.tls !== undefined) createSecureContext(options.tls);
  } catch (error) {
    throw new FaultError("bad-cluster", "the certificate can't be used", { cause: error });
  }
}

/**
 * Tries each server once, in a random order.
 * @param timeout of one server. ms
 * @throws FaultError `bad-cluster`
 */
export async function connectNats(
  library: NatsLibrary,
  options: NatsOptions,
  timeout: number,
): Promise<NatsConnection> {
  const { servers, name, token, user, password, tls } = options;
  const needsTls = tls !== undefined || servers.some((url) => /^tls:/i.test(url));
  const credentials = authenticator(library, options);
  return await library.connect({
    servers: [...servers],
    name: `fileshare ${name}`,
    reconnect: false,
    timeout,
    pingInterval: PING_MS,
    maxPingOut: PINGS_LOST,
    ...(needsTls && { tls: { ...tls } }),
    ...(credentials && { authenticator: credentials }),
    ...(token !== undefined && { token }),
    ...(user !== undefined && { user, pass: password ?? "" }),
  });
}

function authenticator(
  library: NatsLibrary,
  { credentials }: NatsOptions,
): Authenticator | undefined {
  if (credentials === undefined) return undefined;
  // The library demands a line's end behind the last line.
  const text = new TextDecoder().decode(credentials());
  return library.credsAuthenticator(new TextEncoder().encode(`${text}\n`));
}
