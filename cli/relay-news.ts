import { faultMessage, type FaultCode } from "../protocol/faults.ts";
import type { ClientEvent } from "./events.ts";
import { proxyFor, proxyShown } from "./proxy.ts";

/** What happened to the line to the relay, and which way it takes. */
export function relayNews(
  url: string,
  { online, fault, detail }: { online: boolean; fault: FaultCode | undefined; detail?: string },
): ClientEvent {
  const proxy = proxyFor(url, process.env);
  const route = proxy === undefined ? {} : { proxy: proxyShown(proxy) };
  const about = detail === undefined ? {} : { detail };
  const why =
    fault === undefined ? {} : { code: fault, ...about, message: faultMessage(fault, detail) };
  return { event: "relay", url, online, ...route, ...why };
}
