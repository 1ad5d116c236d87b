/** The verdict on a round with a cluster, from its history alone. */
import { EXIT } from "../../../protocol/wire/faults.ts";
import type { Entry } from "../history.ts";
import { violations } from "../verdict.ts";
import { BESIDE_BYTES, RELAY_MEMORY_BYTES } from "./limits.ts";
import { REVOKER } from "./revoker.ts";

/** Faults that a client may hear of on its way, before it tries again by itself. */
const MAY_PASS: ReadonlySet<string> = new Set([
  "connection-lost",
  "going-away",
  "hello-timeout",
  "line-stuck",
  "relay-unreachable",
]);

/** Reports of a relay of which one says that something in it broke. */
const MUST_NOT_BE: ReadonlySet<string> = new Set(["worker-failed", "worker-ended", "trouble"]);

/** Bytes of frames beside the content, in parts of it. */
const FRAMES = 0.02;

/** Sentences for a person; none when all went as it should. */
export function clusterViolations(entries: readonly Entry[]): string[] {
  const plan = entries.find((entry) => entry.what === "plan")?.plan;
  const found = violations(entries);
  const bytes = plan?.bytes ?? 0;
  if (plan?.content === "stored") {
    const end = entries.findLast((entry) => entry.what === "exit" && entry.who === REVOKER);
    const exitCode = end?.what === "exit" ? end.exitCode : undefined;
    if (exitCode !== EXIT.done) found.push(`revoke ended with ${exitCode}`);
  }
  for (const entry of entries) {
    if (entry.what === "event" && entry.event.event === "relay") {
      const { code, message } = entry.event;
      if (code !== undefined && !MAY_PASS.has(code))
        found.push(`${entry.who} heard ${code}: ${message}`);
    }
    if (entry.what === "said") {
      const { event, ...rest } = entry.line as { readonly event?: string };
      if (event !== undefined && MUST_NOT_BE.has(event)) {
        found.push(`${entry.who} reported ${event}: ${JSON.stringify(rest)}`);
      }
    }
    if (entry.what === "memory" && entry.bytes > RELAY_MEMORY_BYTES) {
      found.push(`${entry.who} has ${entry.bytes} bytes of memory`);
    }
    if (entry.what === "crossed") {
      const most = entry.times * bytes * (1 + FRAMES) + BESIDE_BYTES;
      if (entry.bytes > most) {
        found.push(
          `${entry.bytes} bytes came to ${entry.who}, which may need the share ${entry.times} times`,
        );
      }
    }
  }
  return [...new Set(found)];
}
