/**
 * Why there is no link to a relay: what the system, a proxy or the other side says, in words for people. The words of
 * Bun's WebSocket often do not tell, so the address is asked once more in plain HTTP, and with TLS. `relay-link.ts` asks
 * here when a link fails or is slow; the drivers make events of it.
 */
import { connect } from "node:net";

import { FAULTS, faultMessage, type FaultCode } from "../../protocol/mod.ts";
import { endpointOf } from "./relay-address.ts";
import { errorCode } from "../system/system-error.ts";
import { findProxy, proxyFor, proxyShown } from "./proxy.ts";
import { probe, type PlainAnswer, type ProbeWay, type SocketError } from "./relay-socket.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Route } from "../job/routes.ts";

/**
 * How long a client that a port hung up on tests whether TLS is spoken there, to name the mistake.
 */
const TLS_PROBE_MS = 3000;

/** Bun's words for an answer that is not of this protocol: another one, or a WebSocket's in part. */
const FOREIGN_ANSWER = /Invalid|Missing|Mismatch|TLS/;
/** An answer without TLS. */
const CLEAR_ANSWER = /WRONG_VERSION_NUMBER|HTTP_REQUEST/;
/** An alert of the server, by BoringSSL's names: it ended the handshake itself. */
const TLS_ALERT = /TLS handshake failed.*:(?:SSLV3|TLSV1)_/;
const EXPIRED = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);
/** OpenSSL's names of what can be wrong with a chain of certificates. */
const UNTRUSTED = /CERT|ISSUER|LEAF_SIGNATURE|INVALID_CA|INVALID_PURPOSE/;
/** The status of an upgrade that a relay did not get as one. */
const UPGRADE_REQUIRED = 426;
const TOO_MANY_REQUESTS = "429";
const PROXY_PASSWORD = "407";

/** Codes of the system and of the name server, as reasons for people. */
const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: "that name leads to no address",
  EAI_AGAIN: "no name server answers: is this machine online?",
  ECONNREFUSED: "nothing listens at that port",
  ECONNRESET: "it hung up",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network: is this machine online?",
  ENETDOWN: "this machine's network is down",
  EADDRNOTAVAIL: "this machine has no address for that network",
  ETIMEDOUT: "no answer: a firewall, or nothing has that address",
  EMFILE: "this program has too many open files: raise the limit with ulimit -n",
  ENFILE: "this machine has too many open files",
  ENOBUFS: "this machine has no memory left for sockets",
  ENOMEM: "this machine has no memory left",
};
const TAKES_AND_IS_SILENT =
  "it takes the connection and says nothing: something else than a relay, or large packets get lost on the way";

/** Faults that are about an address, which people are shown then. */
const ABOUT_ADDRESS: ReadonlySet<FaultCode> = new Set([
  "relay-unreachable",
  "not-a-relay",
  "wants-tls",
  "no-tls",
  "untrusted-certificate",
  "expired-certificate",
  "wrong-certificate",
  "upgrade-dropped",
]);
const ABOUT_PROXY: ReadonlySet<FaultCode> = new Set(["proxy-refused", "proxy-unreachable"]);

export interface LinkFault {
  readonly fault: FaultCode;
  readonly why?: string | undefined;
  /** The open link fell silent, and the relay answered no request either. */
  readonly isSilent?: true;
}

/** The detail of a fault of the link: the address or the proxy, and the reason. */
export function linkFaultDetail(relay: string, { fault, why }: LinkFault): string | undefined {
  if (ABOUT_PROXY.has(fault)) return why;
  if (!ABOUT_ADDRESS.has(fault)) return undefined;
  return why === undefined ? relay : `${relay} (${why})`;
}

/** Why a WebSocket did not open. It asks the address once more if Bun's words do not say. */
export async function explain(url: string, trouble: SocketError): Promise<LinkFault> {
  const { message, code } = trouble;
  const proxy = findProxy(url, process.env);
  const through = proxy && `${proxyShown(proxy.url)} of ${proxy.variable}`;
  const refused = /Proxy \w+ \w+: (\d+)/.exec(message)?.[1];
  if (through !== undefined && refused !== undefined) return refusedByProxy(through, refused);
  if (through !== undefined && message.includes("Failed to connect")) {
    return { fault: "proxy-unreachable", why: `${through}, ${reasonOf(code)}` };
  }
  if (proxy && CLEAR_ANSWER.test(message) && !(await keepsWord(proxy.url))) {
    return {
      fault: "proxy-unreachable",
      why: `${through}, it does not speak TLS: give it as http://`,
    };
  }
  const status = /Expected 101 status code: (\d+)/.exec(message)?.[1];
  if (status !== undefined) return explainStatus(url, status);
  // Some ports with TLS hang up on clients that do not speak it.
  if (url.startsWith("ws:") && message.includes("Connection ended") && (await speaksTls(url))) {
    return { fault: "wants-tls" };
  }
  return faultOf(trouble);
}

function refusedByProxy(proxy: string, status: string): LinkFault {
  if (status === PROXY_PASSWORD) {
    return { fault: "proxy-refused", why: `${proxy} wants a name and a password, or others` };
  }
  if (!status.startsWith("5")) return { fault: "proxy-refused", why: `${proxy} answers ${status}` };
  return { fault: "relay-unreachable", why: `the proxy ${proxy} answers ${status}` };
}

/** The answer was HTTP. A plain request shows its redirection and its text. */
async function explainStatus(url: string, status: string): Promise<LinkFault> {
  if (status === TOO_MANY_REQUESTS) return { fault: "too-fast" };
  // A proxy whose relay is being restarted, or a relay that is full.
  if (status.startsWith("5")) {
    return { fault: "relay-unreachable", why: `what stands in front of it answers ${status}` };
  }
  const answer = await askPlainly(url);
  if (answer === undefined) return { fault: "not-a-relay", why: `it answers ${status}` };
  const { location, text, upgrade } = answer;
  const asksForTls = location?.startsWith("https:") === true || upgrade.startsWith("TLS/");
  // nginx answers at a port with TLS in the clear that it wants TLS.
  const mayBeTls = (): Promise<boolean> | boolean => status === "400" && speaksTls(url);
  if (url.startsWith("ws:") && (asksForTls || (await mayBeTls()))) return { fault: "wants-tls" };
  if (answer.status === UPGRADE_REQUIRED) return { fault: "upgrade-dropped" };
  if (text.includes(FAULTS.banned.sentence)) return { fault: "banned" };
  if (location !== undefined) {
    return {
      fault: "not-a-relay",
      why: `it leads to ${location}; does this network want a login?`,
    };
  }
  const { pathname } = new URL(url);
  if (status === "404")
    return { fault: "not-a-relay", why: `there is nothing at ${pathname}, 404` };
  const page = /<html|<!doctype/i.test(text) ? "a web page" : "something else";
  const login = status === "200" ? "; does this network want a login?" : "";
  return { fault: "not-a-relay", why: `${page} answers there, ${status}${login}` };
}

async function askPlainly(address: string): Promise<PlainAnswer | undefined> {
  try {
    return await probe(address.replace(/^ws/, "http"), probing(address, "GET"));
  } catch {
    return undefined;
  }
}

function faultOf({ message, code }: SocketError): LinkFault {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return { fault: "wrong-certificate" };
  if (code !== undefined && EXPIRED.has(code)) {
    const why = `this machine's clock says ${new Date().toISOString().slice(0, 16)} UTC`;
    return { fault: "expired-certificate", why };
  }
  if (code !== undefined && UNTRUSTED.test(code)) return { fault: "untrusted-certificate" };
  if (CLEAR_ANSWER.test(message)) return { fault: "no-tls" };
  // Cut off before anybody was known: a relay that ends, or is not up yet.
  if (code === "ECONNRESET" || !FOREIGN_ANSWER.test(message)) {
    return { fault: "relay-unreachable", why: message === "" ? undefined : reasonOf(code) };
  }
  const why = TLS_ALERT.test(message)
    ? "it refuses TLS under that name, for which it may have no certificate"
    : "it does not speak HTTP";
  return { fault: "not-a-relay", why };
}

function reasonOf(code: string | undefined): string {
  return code === undefined ? "no answer" : (REASONS[code] ?? code);
}

/**
 * Why nothing has come of a connection that is still being made: it is asked for once more, without a
 * word on it.
 */
export async function whySlow(url: string): Promise<string> {
  const proxy = findProxy(url, process.env);
  const { host, port } = endpointOf(proxy?.url ?? url);
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host, port, timeout: TLS_PROBE_MS });
  socket.on("connect", () => resolve(TAKES_AND_IS_SILENT));
  socket.on("timeout", () => resolve(reasonOf("ETIMEDOUT")));
  socket.on("error", (error) => resolve(reasonOf(errorCode(error))));
  const why = await promise;
  socket.destroy();
  return proxy === undefined
    ? why
    : `the proxy ${proxyShown(proxy.url)} of ${proxy.variable}: ${why}`;
}

/** Whether anything answers at the address of a relay, whatever it says. @param isDirect as of the link */
export async function isAnswered(
  address: string,
  isDirect: boolean,
  timeoutMs: number,
): Promise<boolean> {
  const url = address.replace(/^ws/, "http").replace(/\/ws$/, "/healthz");
  const proxy = isDirect ? undefined : proxyFor(address, process.env);
  try {
    await probe(url, { method: "GET", proxy, timeoutMs });
    return true;
  } catch {
    return false;
  }
}

/** Whether TLS is spoken at a `ws` address. The probe checks no certificate and sends no data. */
function speaksTls(address: string): Promise<boolean> {
  return answersTls(address.replace(/^ws/, "https"), probing(address, "HEAD"));
}

/** Whether a proxy speaks as its address says: of `https` alone it is asked. */
async function keepsWord(proxy: string): Promise<boolean> {
  const { origin, protocol } = new URL(proxy);
  if (protocol !== "https:") return true;
  return answersTls(origin, { ...probing(proxy, "HEAD"), proxy: undefined });
}

async function answersTls(url: string, way: ProbeWay): Promise<boolean> {
  try {
    await probe(url, way);
    return true;
  } catch {
    return false;
  }
}

/** The way that sockets take. */
function probing(address: string, method: ProbeWay["method"]): ProbeWay {
  return { method, proxy: proxyFor(address, process.env), timeoutMs: TLS_PROBE_MS };
}

/** A change of a session's link. */
export interface LinkNews {
  readonly online: boolean;
  readonly fault: FaultCode | undefined;
  readonly detail?: string;
  /** Where browsers receive the share. */
  readonly link?: string | undefined;
}

/**
 * The event about the link to the relay, with the proxy on its way.
 * @param why there is no link
 */
export function linkEvent(
  { url, route }: { readonly url: string; readonly route?: Route | undefined },
  { online, fault, detail, link }: LinkNews,
  why: string | undefined,
): ClientEvent {
  const proxy = route === "network" ? undefined : proxyFor(url, process.env);
  const way = {
    ...(route !== undefined && { route }),
    ...(proxy !== undefined && { proxy: proxyShown(proxy) }),
  };
  if (fault === undefined) {
    return { event: "relay", url, online, ...way, ...(link !== undefined && { link }) };
  }
  const about = detail ?? why;
  const message = faultMessage(fault, about);
  return {
    event: "relay",
    url,
    online,
    ...way,
    code: fault,
    ...(about !== undefined && { detail: about }),
    message,
  };
}

/** The link is open, and nothing gets through. */
export function stuckLinkEvent(url: string, why: string): ClientEvent {
  const code = "line-stuck";
  return { event: "relay", url, online: true, code, detail: why, message: faultMessage(code, why) };
}
