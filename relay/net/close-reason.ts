import type { FaultCode } from "../../protocol/mod.ts";

/** RFC 6455, section 5.5: 125 with the code. */
const CLOSE_REASON_BYTES = 123;

/** For who does not read our messages: a code, and what it is about, as far as RFC 6455 has room. */
export function closeReason(code: FaultCode, detail: string | undefined): string {
  const reason = detail === undefined ? code : `${code}: ${detail}`;
  return Buffer.from(reason)
    .subarray(0, CLOSE_REASON_BYTES)
    .toString()
    .replace(/\uFFFD+$/, "");
}
