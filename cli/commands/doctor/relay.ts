/**
 * The checks of `doctor` at the relay: whether it welcomes this machine, its certificate, and its clock. The first check
 * says hello like a receiver, with a key of its own, so it needs no code and sees no share.
 */
import { checkServerIdentity, type PeerCertificate } from "node:tls";

import {
  CONNECT_MS,
  FaultError,
  SIGNING_SEED_BYTES,
  checkWelcome,
  decodeControl,
  detailIn,
  encodeControl,
  helloMessage,
  type FaultCode,
  type Introduction,
} from "../../../protocol/mod.ts";
import { CERTIFICATE_WARN_MS } from "../../../relay/limits/operator-limits.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { RelayLink } from "../../connection/relay-link.ts";
import type { LinkFault } from "../../connection/connect-errors.ts";
import { proxyFor, proxyShown } from "../../connection/proxy.ts";
import { duration } from "../../screen/format.ts";
import { trustedCertificates } from "../../connection/ca-certificates.ts";
import { findings, type Finding } from "./machine.ts";

/** Doctor warns when this machine's clock and the relay's are further apart. */
const CLOCK_SKEW_MS = 60_000;

/** Faults with which a relay refuses, and shows that it is a relay. */
const SAYS_MORE: ReadonlySet<FaultCode> = new Set(["version-mismatch", "wrong-relay"]);

/** Says hello as a receiver of a random channel, and leaves. */
export async function checkRelay(
  address: string,
  ca: string | undefined,
  token: string | undefined,
): Promise<Finding> {
  const { fine, failed } = findings("relay");
  const { promise, resolve } = Promise.withResolvers<FaultError | undefined>();
  const startedAt = performance.now();
  const introduction = {
    signer: nodePrimitives.signer(nodePrimitives.randomBytes(SIGNING_SEED_BYTES)),
    host: new URL(address).hostname,
    token,
  };
  const events = {
    opened: () => undefined,
    message: (bytes: Uint8Array) => {
      const answer = answerTo(bytes, introduction);
      if (answer instanceof Uint8Array) link.send(answer);
      else resolve(answer);
    },
    lost: ({ fault, why }: LinkFault) => resolve(new FaultError(fault, why)),
    slow: (reason: string) => (why = reason),
  };
  let why = "no answer";
  const link = new RelayLink(address, events, startedAt, { ca });
  const timer = setTimeout(() => resolve(new FaultError("relay-unreachable", why)), CONNECT_MS);
  const fault = await promise;
  clearTimeout(timer);
  const took = Math.round(performance.now() - startedAt);
  await link.close();
  const proxy = proxyFor(address, process.env);
  const route = proxy === undefined ? "" : ` through the proxy ${proxyShown(proxy)}`;
  if (fault === undefined) {
    const message = `${address} welcomed us after ${took} ms${route}`;
    return fine(message);
  }
  const { sentence } = fault.fault;
  const advice = fault.code === "not-allowed" ? adviceOnToken(token) : fault.fault.advice;
  const about = fault.detail === undefined ? "" : `; ${fault.detail}`;
  const message = `${sentence}: ${address}${route}${about}`;
  return failed(message, advice);
}

/** Advice for a client whose token a relay does not take, or that has none. */
export function adviceOnToken(token: string | undefined): string {
  return token === undefined || token === ""
    ? "A token is missing: ask the relay's operator for one, and give it as FILESHARE_TOKEN, or with --token."
    : "The relay refused the token: it belongs to another relay, has expired or has another role. Ask the relay's operator.";
}

/** @returns bytes to send; or what is wrong, undefined: nothing, the relay welcomed us */
function answerTo(
  bytes: Uint8Array,
  introduction: Introduction,
): Uint8Array | FaultError | undefined {
  try {
    const message = decodeControl(bytes, "relay-to-receiver");
    if (message.t === "challenge") {
      return encodeControl(helloMessage(message, "receiver", introduction));
    }
    if (message.t === "fault") return new FaultError(message.code, detailIn(message));
    if (message.t !== "welcome") return new FaultError("not-a-relay");
    checkWelcome(message);
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return SAYS_MORE.has(error.code) ? error : new FaultError("not-a-relay");
  }
}

/** The relay's certificate, which was found good: for whom it is, and until when. */
export async function checkCertificate(address: string, ca: string | undefined): Promise<Finding> {
  const { fine, warning } = findings("tls");
  let seen: PeerCertificate | undefined;
  // The check of the relay has reported a wrong certificate already.
  await askPage("HEAD", address, ca, (host, certificate) => {
    seen = certificate;
    return checkServerIdentity(host, certificate);
  });
  const endsAt = Date.parse(seen?.valid_to ?? "");
  if (seen === undefined || Number.isNaN(endsAt)) return warning("The certificate was not shown");
  const left = endsAt - Date.now();
  const names = (seen.subjectaltname ?? "").replaceAll(/(?:DNS|IP Address):/g, "");
  const message = `A certificate for ${names}, until ${new Date(endsAt).toISOString().slice(0, 10)}`;
  if (left > CERTIFICATE_WARN_MS) return fine(message);
  const advice = "Ask the relay's operator to renew it; the relay reads the new one by itself.";
  return warning(`${message}: in ${duration(left / 1000)}`, advice);
}

/** Times of files and certificates need clocks that agree; HTTP says the relay's to the second. */
export async function checkClock(address: string, ca?: string): Promise<Finding> {
  const { fine, warning } = findings("clock");
  const said = (await askPage("GET", address, ca))?.headers.get("date") ?? "";
  const difference = Date.now() - Date.parse(said);
  if (Number.isNaN(difference)) return warning("The relay does not send its time");
  if (Math.abs(difference) <= CLOCK_SKEW_MS) return fine("Agrees with the relay's");
  const off = duration(Math.abs(difference) / 1000);
  const message = `${off} ${difference > 0 ? "ahead of" : "behind"} the relay's`;
  return warning(message, "Set this machine's clock, or the relay's.");
}

/** The answer of a relay's page; undefined: none. */
async function askPage(
  method: "GET" | "HEAD",
  address: string,
  ca: string | undefined,
  identify: typeof checkServerIdentity = checkServerIdentity,
): Promise<Response | undefined> {
  try {
    const response = await fetch(address.replace(/^ws/, "http").replace(/\/ws$/, "/"), {
      method,
      signal: AbortSignal.timeout(CONNECT_MS),
      redirect: "manual",
      ...(address.startsWith("wss:") && {
        tls: { ca: trustedCertificates(ca), checkServerIdentity: identify },
      }),
      // The way that sockets take; without a word Bun reads the environment in its own way.
      proxy: proxyFor(address, process.env) ?? false,
    });
    await response.body?.cancel();
    return response;
  } catch {
    return undefined;
  }
}
