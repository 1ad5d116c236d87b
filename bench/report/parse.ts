/** Reads a file that `--json` wrote, with a schema of all its fields. */
import * as v from "valibot";

import {
  RESULT_VERSION,
  SCENARIOS,
  SYSTEMS,
  type BenchResult,
  type ReceiverResult,
  type Run,
  type Sample,
  type SystemInfo,
} from "../result.ts";

/** A file is not what `--json` writes; the message says in one sentence why. */
export class ResultError extends Error {}

const number = v.pipe(v.number(), v.finite());
const amount = v.pipe(number, v.minValue(0));
const count = v.pipe(amount, v.integer());
/** Unknown fields are absent. */
const known = <T extends v.GenericSchema>(schema: T) => v.optional(schema, () => undefined);

const receiver = v.object({
  kind: v.string(),
  bytes: amount,
  bytesPerSecond: amount,
  firstByte: number,
  completion: known(number),
  largestLag: known(count),
  laneSwitches: known(count),
  bytesTwice: amount,
  gaps: count,
}) satisfies v.GenericSchema<unknown, ReceiverResult>;

const sample = v.object({
  at: number,
  receivedBytes: v.array(amount),
  rssAnon: known(amount),
  cpuSeconds: known(number),
  buffered: known(amount),
}) satisfies v.GenericSchema<unknown, Sample>;

const run = v.object({
  scenario: v.picklist(SCENARIOS),
  variant: v.string(),
  system: v.picklist(SYSTEMS),
  round: count,
  workers: count,
  receivers: count,
  size: amount,
  invalid: known(v.string()),
  bytes: amount,
  seconds: amount,
  aggregateBytesPerSecond: amount,
  relayCpuSeconds: known(number),
  relayCpuSecondsPerGiB: known(number),
  senderCpuSecondsPerGiB: known(number),
  receiversCpuSecondsPerGiB: known(number),
  relayRssAnonPeak: known(amount),
  bufferedPeak: known(amount),
  eventLoopDelayP99: known(number),
  completion: v.object({ p50: number, p99: number }),
  fairness: number,
  extra: v.record(v.string(), number),
  perReceiver: v.array(receiver),
  samples: v.array(sample),
}) satisfies v.GenericSchema<unknown, Run>;

const system = v.object({
  name: v.picklist(SYSTEMS),
  version: known(v.string()),
  missing: known(v.string()),
}) satisfies v.GenericSchema<unknown, SystemInfo>;

const result = v.object({
  version: v.literal(RESULT_VERSION),
  startedAt: v.pipe(v.string(), v.isoTimestamp()),
  seconds: amount,
  machine: v.object({
    cpu: v.string(),
    cores: count,
    memoryBytes: amount,
    kernel: v.string(),
    bun: v.string(),
  }),
  command: v.array(v.string()),
  systems: v.array(system),
  runs: v.array(run),
}) satisfies v.GenericSchema<unknown, BenchResult>;

/**
 * @param path for its message
 * @throws ResultError
 */
export function parseResult(path: string, text: string): BenchResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ResultError(`${path} is not JSON`);
  }
  const parsed = v.safeParse(result, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const at = v.getDotPath(issue) ?? "the whole";
  const what =
    issue.received === "undefined"
      ? "is missing"
      : `should be ${issue.expected ?? "something else"}, not ${issue.received}`;
  throw new ResultError(`${path} is no result of the bench: ${at} ${what}`);
}

/** @throws ResultError */
export async function readResult(path: string): Promise<BenchResult> {
  const text = await Bun.file(path)
    .text()
    .catch((error: unknown) => {
      throw new ResultError(`${path} can't be read: ${String(error)}`);
    });
  return parseResult(path, text);
}
