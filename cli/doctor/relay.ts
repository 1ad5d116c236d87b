import {
  CONNECT_MS,
  FAULTS,
  FaultError,
  PROTOCOL_VERSION,
  decodeControl,
  encodeControl,
  type FaultCode,
} from "../../protocol/mod.ts";
import { CLOCK_SKEW_MS } from "../../protocol/limits.ts";
import { Line } from "../line.ts";
import { proxyFor, proxyShown } from "../proxy.ts";
import { duration } from "../screen/format.ts";
import type { Finding } from "./finding.ts";

const CHANNEL_BYTES = 16;

/** Says hello as a receiver of a channel that nobody else knows, and leaves. */
export async function checkRelay(address: string): Promise<Finding> {
  const { promise, resolve } = Promise.withResolvers<FaultCode | undefined>();
  const startedAt = performance.now();
  const channel = crypto.getRandomValues(new Uint8Array(CHANNEL_BYTES));
  const events = {
    opened: () => {
      const hello = { t: "hello", v: PROTOCOL_VERSION, role: "receiver", channel } as const;
      line.send(encodeControl({ ...hello, quiet: true }));
    },
    message: (bytes: Uint8Array) => resolve(answerIn(bytes)),
    lost: (fault: FaultCode) => resolve(fault),
  };
  const line = new Line(address, events, startedAt);
  const timer = setTimeout(() => resolve("relay-unreachable"), CONNECT_MS);
  const fault = await promise;
  clearTimeout(timer);
  const took = Math.round(performance.now() - startedAt);
  await line.close();
  const proxy = proxyFor(address, process.env);
  const route = proxy === undefined ? "" : ` through the proxy ${proxyShown(proxy)}`;
  if (fault === undefined) {
    const message = `${address} welcomed us after ${took} ms${route}`;
    return { name: "relay", verdict: "fine", message };
  }
  const { sentence, advice } = FAULTS[fault];
  return { name: "relay", verdict: "failed", message: `${sentence}: ${address}${route}`, advice };
}

function answerIn(bytes: Uint8Array): FaultCode | undefined {
  try {
    const message = decodeControl(bytes);
    if (message.t === "fault") return message.code;
    return message.t === "welcome" ? undefined : "not-a-relay";
  } catch (error) {
    if (error instanceof FaultError) return "not-a-relay";
    throw error;
  }
}

/** Times of files and certificates need clocks that agree; HTTP says the relay's to the second. */
export async function checkClock(address: string): Promise<Finding> {
  const name = "clock";
  const url = address.replace(/^ws/, "http").replace(/\/ws$/, "/");
  let said: string | null;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(CONNECT_MS),
      redirect: "manual",
      // The way that sockets take; without a word Bun reads the environment in its own way.
      proxy: proxyFor(address, process.env) ?? false,
    });
    said = response.headers.get("date");
    await response.body?.cancel();
  } catch {
    said = null;
  }
  const difference = Date.now() - Date.parse(said ?? "");
  if (Number.isNaN(difference)) {
    return { name, verdict: "warning", message: "The relay does not tell its time" };
  }
  const off = duration(Math.abs(difference) / 1000);
  if (Math.abs(difference) <= CLOCK_SKEW_MS) {
    return { name, verdict: "fine", message: "Agrees with the relay's" };
  }
  return {
    name,
    verdict: "warning",
    message: `${off} ${difference > 0 ? "ahead of" : "behind"} the relay's`,
    advice: "Set this machine's clock, or the relay's.",
  };
}
