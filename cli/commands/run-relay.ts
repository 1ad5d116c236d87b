import { tmpdir } from "node:os";

import { EXIT, type FaultError } from "../../protocol/wire/faults.ts";
import {
  DRAIN_MAX_MS,
  DRAIN_MS,
  LOG_BYTES,
  LOG_BYTES_MAX,
  LOG_BYTES_MIN,
  RELAY_WORKERS,
  STALL_TIMEOUT_MAX_MS,
  STALL_TIMEOUT_MS,
} from "../../relay/limits/operator-limits.ts";
import { usage } from "../arguments/command-line.ts";
import { onHangup, onInterrupt } from "../system/interrupts.ts";
import { isLoopback } from "../connection/own-addresses.ts";
import { adminAddress, atAdminAddress, accessOf } from "./relay-options.ts";
import { reachNotes } from "../operator/reach.ts";
import { pageLink, takeOverAdmin } from "../operator/admin-client.ts";
import { leaveTicket } from "../operator/tickets.ts";
import { LOG_FORMS, jsonLog, prettyLog } from "../operator/log-lines.ts";
import type { Call } from "./command.ts";
import type { RelayValues } from "./relay-commands.ts";
import { jsonLine } from "../screen/json.ts";
import { parseRelayLimits } from "./relay-limits.ts";
import { notifyServiceManager } from "../operator/service-manager.ts";
import {
  oneOf,
  parseBytes,
  parseSeconds,
  parseSecondsOrNone,
  parseWhole,
} from "../arguments/values.ts";

/** What a relay needs to say goodbye and end after it has drained, and some more. ms */
const ENDING_MS = 10_000;

/**
 * Runs until a signal comes and the relay has drained; a second signal ends the process at once.
 * @throws FaultError `relay-failed` when it can't go on
 */
export async function runRelay(values: RelayValues, { raw }: Call): Promise<number> {
  // The parser of arguments takes --no-admin for the contrary of a switch.
  const adminOption = raw.includes("--no-admin") ? "off" : values.admin;
  const hostname = values.host ?? "0.0.0.0";
  if (hostname === "") throw usage("--host takes an address");
  const port = parseWhole("--port", values.port ?? "8000", 0, 65_535);
  const drainMs = parseSecondsOrNone("--drain", values.drain ?? `${DRAIN_MS / 1000}`, DRAIN_MAX_MS);
  const tls = certificateFiles(values);
  const httpPort = httpPortOf(values, port);
  const stall = values["stall-timeout"] ?? `${STALL_TIMEOUT_MS / 1000}`;
  const stallMs = parseSeconds("--stall-timeout", stall, STALL_TIMEOUT_MAX_MS);
  const asked =
    values.workers === undefined
      ? undefined
      : parseWhole("--workers", values.workers, 1, RELAY_WORKERS);
  const log = values["log-bytes"] ?? `${LOG_BYTES}`;
  const logBytes = parseBytes("--log-bytes", log, LOG_BYTES_MIN, LOG_BYTES_MAX);
  const logFolder = values["log-dir"] ?? tmpdir();
  const limits = parseRelayLimits(values);
  const form = oneOf("--log", values.log, LOG_FORMS) ?? "pretty";
  const relayModule = await import("../../relay/mod.ts");
  const { REPORT_LEVELS, startRelay, workersOfMachine } = relayModule;
  const level =
    oneOf("--log-level", values["log-level"], REPORT_LEVELS) ??
    (values.log === undefined ? "warn" : "info");
  const policy = { limits, access: await accessOf(values) };
  const { createConsola } = await import("consola");
  const { stdout, stderr } = process;
  const console = createConsola({ stdout, stderr });
  const reports =
    form === "json"
      ? jsonLog(stderr, () => new Date())
      : prettyLog(createConsola({ stdout: stderr, stderr, level: ALL_LEVELS }));
  const workers = asked ?? workersOfMachine();
  const { lobby, "ban-file": banFile, "token-file": tokenFile } = values;
  const kept = {
    banFile,
    tokenFile,
    tls,
    httpPort,
    lobby,
    policy,
    logBytes,
    logFolder,
    zeroCopy: !values.copy,
  };
  const start = (admin: { readonly hostname: string; readonly port: number } | undefined) =>
    startRelay({
      hostname,
      port,
      workers,
      stallMs,
      ...kept,
      admin: admin && { ...admin, drainMs },
      onReport: reports.report,
      reportLevel: level,
    });
  const takeOver = (at: number): Promise<boolean> => takeOverAdmin(at, process.env);
  const relay = await atAdminAddress(adminAddress(adminOption, port), start, takeOver);
  const { promise: signalled, resolve } = Promise.withResolvers<void>();
  using _ = onInterrupt(resolve);
  using __ = onHangup(() => relay.reload());
  const { url, certificate, admin } = relay;
  const ticket = admin && { relay: url, admin: admin.url, token: admin.token };
  using left = ticket && leaveTicket(ticket, process.env);
  void admin?.left.then(() => left?.[Symbol.dispose]());
  if (values.json) {
    process.stdout.write(
      jsonLine({ event: "listening", url, port: relay.port, workers, httpPort: relay.httpPort }),
    );
  } else if (form === "pretty") {
    const scheme = new URL(url).protocol;
    const reach = await reachNotes(hostname, scheme, relay.port);
    console.success(`The relay listens at ${url}`);
    if (certificate !== undefined) {
      const until = new Date(certificate.endsAt).toISOString().slice(0, 10);
      console.info(`Its certificate is for ${certificate.names.join(", ")}, until ${until}`);
    }
    const { publicOrigin } = policy.access;
    if (publicOrigin !== undefined) {
      console.info(`People reach it at ${publicOrigin.replace(/^http/, "ws")}`);
    } else for (const note of reach) console.info(note);
    const needs = NEEDS[policy.access.mode];
    if (needs !== undefined) console.info(needs);
    if (relay.admin !== undefined) {
      // Output to other places than a terminal is kept, and a token must not be.
      const { url } = relay.admin;
      console.info(`What it does: ${process.stdout.isTTY ? pageLink(relay.admin) : url}`);
    }
    if (isLoopback(hostname)) console.info(`${hostname} is this machine alone; Ctrl-C ends it.`);
    else console.info("Others reach it with --relay or FILESHARE_RELAY; Ctrl-C ends it.");
  }
  notifyServiceManager(["READY=1", `STATUS=Listens at ${url}`]);
  const isSignalled = await Promise.race([
    signalled.then(() => true),
    relay.ended.then(() => false),
  ]);
  if (!isSignalled) return endedWith(await relay.ended);
  notifyServiceManager([
    "STOPPING=1",
    `STATUS=Transfers have ${drainMs / 1000} s to end`,
    `EXTEND_TIMEOUT_USEC=${(drainMs + ENDING_MS) * 1000}`,
  ]);
  if (values.json) process.stdout.write(jsonLine({ event: "draining", seconds: drainMs / 1000 }));
  else if (form === "pretty")
    console.info(`Transfers have ${drainMs / 1000} s to end; Ctrl-C again ends all at once.`);
  await relay.drain(drainMs);
  return endedWith(await relay.ended);
}

/** Of consola: what is left out is left out before. */
const ALL_LEVELS = 5;

/** @throws FaultError */
function endedWith(fault: FaultError | undefined): number {
  if (fault !== undefined) throw fault;
  return EXIT.done;
}

const NEEDS: Readonly<Partial<Record<string, string>>> = {
  senders: "Senders need a token",
  closed: "Senders and receivers need a token",
};

/** @throws FaultError "usage" for one without the other */
function certificateFiles(
  values: RelayValues,
): { readonly cert: string; readonly key: string } | undefined {
  const { "tls-cert": cert, "tls-key": key } = values;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw usage("--tls-cert and --tls-key go together");
  return { cert, key };
}

function httpPortOf(values: RelayValues, port: number): number | undefined {
  const given = values["http-port"];
  if (given === undefined) return undefined;
  if (values["tls-cert"] === undefined)
    throw usage("--http-port leads to TLS: give --tls-cert too");
  const httpPort = parseWhole("--http-port", given, 0, 65_535);
  if (httpPort !== 0 && httpPort === port) throw usage("--http-port is another one than --port");
  return httpPort;
}
