import { TLS_PROBE_MS, type FaultCode } from "../protocol/mod.ts";
import { proxyFor } from "./proxy.ts";

/** What Bun says of a WebSocket that did not open: in words, and where it has one by a code. */
export interface LineTrouble {
  readonly message: string;
  readonly code: string | undefined;
}

export const NO_TROUBLE: LineTrouble = { message: "", code: undefined };

/** Bun's words for an answer that is not of this protocol: another one, or a WebSocket's in part. */
const FOREIGN_ANSWER = /Invalid|Missing|Mismatch|TLS/;
/** An answer that is none in TLS. */
const CLEAR_ANSWER = /WRONG_VERSION_NUMBER|HTTP_REQUEST/;
const EXPIRED = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);
/** OpenSSL's names of what can be wrong with a chain of certificates. */
const UNTRUSTED = /CERT|ISSUER|LEAF_SIGNATURE|INVALID_CA|INVALID_PURPOSE/;
/** The status with which a relay's plain port says to come by TLS. */
const UPGRADE_REQUIRED = "426";
const TOO_MANY_REQUESTS = "429";

/** Faults that are about an address, which people are shown then. */
const ABOUT_ADDRESS: ReadonlySet<FaultCode> = new Set([
  "relay-unreachable",
  "not-a-relay",
  "wants-tls",
  "no-tls",
  "untrusted-certificate",
  "expired-certificate",
  "wrong-certificate",
]);

export function isAboutAddress(fault: FaultCode): boolean {
  return ABOUT_ADDRESS.has(fault);
}

export function troubleOf(event: Event): LineTrouble {
  if (!(event instanceof ErrorEvent)) return NO_TROUBLE;
  const { message, error } = event as { message: string; error: unknown };
  const hasCode = error instanceof Error && "code" in error && typeof error.code === "string";
  return { message, code: hasCode ? String(error.code) : undefined };
}

/** Why a WebSocket did not open. */
export function faultOf({ message, code }: LineTrouble): FaultCode {
  const refused = /Proxy \w+ \w+: (\d+)/.exec(message)?.[1];
  if (refused !== undefined) return refused.startsWith("5") ? "relay-unreachable" : "proxy-refused";
  const status = /Expected 101 status code: (\d+)/.exec(message)?.[1];
  if (status === TOO_MANY_REQUESTS) return "too-fast";
  // A proxy whose relay is being restarted, or a relay that is full.
  if (status?.startsWith("5") === true) return "relay-unreachable";
  if (status === UPGRADE_REQUIRED) return "wants-tls";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "wrong-certificate";
  if (code !== undefined && EXPIRED.has(code)) return "expired-certificate";
  if (code !== undefined && UNTRUSTED.test(code)) return "untrusted-certificate";
  if (CLEAR_ANSWER.test(message)) return "no-tls";
  // Cut off before anybody was known: a relay that ends, or is not up yet.
  if (code === "ECONNRESET") return "relay-unreachable";
  if (status !== undefined || FOREIGN_ANSWER.test(message)) return "not-a-relay";
  return "relay-unreachable";
}

/** Whether so a port with TLS may have answered one who does not speak it: by hanging up. */
export function maybeWantsTls(address: string, { message }: LineTrouble): boolean {
  return address.startsWith("ws:") && message.includes("Connection ended");
}

/** Whether TLS is spoken at a `ws` address; the certificate is not looked at, and nothing is told. */
export async function speaksTls(address: string): Promise<boolean> {
  try {
    const response = await fetch(address.replace(/^ws/, "https"), {
      method: "HEAD",
      redirect: "manual",
      tls: { rejectUnauthorized: false },
      signal: AbortSignal.timeout(TLS_PROBE_MS),
      // The way that sockets take; without a word Bun reads the environment in its own way.
      proxy: proxyFor(address, process.env) ?? false,
    });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
