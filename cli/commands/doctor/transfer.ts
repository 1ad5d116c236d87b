import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeCode } from "../../../protocol/code/code.ts";
import { FAULTS, type FaultCode } from "../../../protocol/wire/faults.ts";

import type { Client } from "../../library/client.ts";
import { onInterrupt } from "../../system/interrupts.ts";
import { receive, send } from "../../library/library.ts";
import { duration, rate, size } from "../../screen/format.ts";
import { reasonOf } from "../../system/system-error.ts";
import { findings, type Finding } from "./machine.ts";
import { adviceOnToken } from "./relay.ts";

/**
 * Bytes that doctor sends to itself: a fast line needs longer for them than the clock is coarse.
 */
const DOCTOR_TRANSFER_BYTES = 32 * 1024 ** 2;
/**
 * How long doctor's transfer runs; the part that arrived by then measures a slow line well enough.
 */
const DOCTOR_TRANSFER_MS = 10_000;

const { fine, warning, failed } = findings("transfer");

/** The relay has welcomed this machine before, by small packets. */
const NOTHING_COMES =
  "a very slow line, or large packets that get lost on the way (its MTU), as behind some VPNs";
const LOWER_MTU =
  "Try it with smaller packets (Linux: ip link set dev NAME mtu 1280), or in another network.";

/** A file of noise to oneself, by the code that people's files take. */
interface Way {
  readonly relay: string;
  /** A file. */
  readonly ca: string | undefined;
  readonly token: string | undefined;
}

export async function checkTransfer(way: Way): Promise<Finding> {
  let folder: string;
  try {
    folder = mkdtempSync(join(tmpdir(), "fileshare-doctor-"));
  } catch (error) {
    const message = `Nothing was sent: ${tmpdir()} cannot be written to (${reasonOf(error)})`;
    return warning(message, "Set TMPDIR to a folder of yours.");
  }
  // This transfer is never resumed.
  process.env["XDG_STATE_HOME"] = join(folder, "state");
  try {
    return await transfer(way, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function transfer(way: Way, folder: string): Promise<Finding> {
  const path = join(folder, "noise");
  const out = join(folder, "out");
  mkdirSync(out);
  writeFileSync(path, randomBytes(DOCTOR_TRANSFER_BYTES));
  const code = makeCode((length) => randomBytes(length));
  const common = { ...way, code, connectTimeoutMs: DOCTOR_TRANSFER_MS };
  const sender = send({ ...common, what: [path] });
  const receiver = receive({ ...common, name: "doctor", out });
  const stop = (): void => {
    sender.interrupt();
    receiver.interrupt();
  };
  using _ = onInterrupt(stop);
  // Counted from when both have a line: a busy machine takes seconds to start them, and is no slow line.
  let timer: NodeJS.Timeout | undefined;
  const waiting = new Set([sender, receiver]);
  const onLine = (client: Client): void => {
    if (waiting.delete(client) && waiting.size === 0) timer = setTimeout(stop, DOCTOR_TRANSFER_MS);
  };
  // A refused client leaves the other one waiting for it.
  for (const { outcome } of [sender, receiver]) {
    void outcome.then(({ fault }) => fault !== undefined && stop());
  }
  const [{ bytes, seconds }, received, refused] = await Promise.all([
    watch(receiver, onLine),
    receiver.outcome,
    lastError(sender, onLine),
  ]);
  clearTimeout(timer);
  stop();
  const sent = await sender.outcome;
  const fault =
    sent.fault === undefined || sent.fault === "interrupted" ? received.fault : sent.fault;
  return finding({ bytes, seconds, fault, said: refused, token: way.token });
}

/** The bytes that arrived, and their time. */
async function watch(
  receiver: Client,
  onLine: (client: Client) => void,
): Promise<{ bytes: number; seconds: number }> {
  let startedAt = performance.now();
  let bytes = 0;
  let seconds = 0;
  for await (const event of receiver) {
    if (event.event === "relay" && event.online) onLine(receiver);
    if (event.event === "offer") startedAt = performance.now();
    if (event.event === "progress") {
      bytes = event.bytes;
      seconds = (performance.now() - startedAt) / 1000;
    }
  }
  return { bytes, seconds };
}

async function lastError(
  client: Client,
  onLine: (client: Client) => void,
): Promise<string | undefined> {
  let said: string | undefined;
  for await (const event of client) {
    if (event.event === "relay" && event.online) onLine(client);
    if (event.event === "error") said = event.message;
  }
  return said;
}

interface Result {
  readonly bytes: number;
  readonly seconds: number;
  readonly fault: FaultCode | undefined;
  /** The sentence of the sender's fault. */
  readonly said: string | undefined;
  readonly token: string | undefined;
}

function finding({ bytes, seconds, fault, said, token }: Result): Finding {
  if (fault === "not-allowed") {
    return failed(said ?? FAULTS[fault].sentence, adviceOnToken(token));
  }
  if (fault !== undefined && fault !== "interrupted") {
    const { sentence, advice } = FAULTS[fault];
    return failed(sentence, advice);
  }
  if (bytes === 0) {
    const message = `No data came through within ${duration(DOCTOR_TRANSFER_MS / 1000)}`;
    return failed(`${message}: ${NOTHING_COMES}`, LOWER_MTU);
  }
  const speed = rate(bytes / Math.max(seconds, 0.001));
  const message = `${speed} through the relay and back (${size(bytes)} in ${duration(seconds)})`;
  return fine(message);
}
