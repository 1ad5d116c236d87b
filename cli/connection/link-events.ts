import { faultMessage, type FaultCode } from "../../protocol/wire/faults.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { proxyFor, proxyShown } from "./proxy.ts";

/**
 * The event about the line to the relay, with the proxy on its way.
 * @param why there is no line
 */
export function linkEvent(
  url: string,
  { online, fault, detail }: { online: boolean; fault: FaultCode | undefined; detail?: string },
  why: string | undefined,
): ClientEvent {
  const proxy = proxyFor(url, process.env);
  const route = proxy === undefined ? {} : { proxy: proxyShown(proxy) };
  if (fault === undefined) return { event: "relay", url, online, ...route };
  const about = detail ?? why;
  const message = faultMessage(fault, about);
  return {
    event: "relay",
    url,
    online,
    ...route,
    code: fault,
    ...(about !== undefined && { detail: about }),
    message,
  };
}

/** The line is open, and nothing gets through. */
export function stuckLinkEvent(url: string, why: string): ClientEvent {
  const code = "line-stuck";
  return { event: "relay", url, online: true, code, detail: why, message: faultMessage(code, why) };
}
