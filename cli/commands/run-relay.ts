/**
 * `fileshare relay`: from options to a relay that runs, is announced, and drains at a signal. The relay itself is
 * loaded when all options are found good.
 */
import { EXIT, type FaultError } from "../../protocol/wire/faults.ts";
import { oneOf } from "../arguments/values.ts";
import { takeOverAdmin } from "../operator/admin-client.ts";
import { announce } from "../operator/announcement.ts";
import { LOG_FORMS, jsonLog, prettyLog } from "../operator/log-lines.ts";
import { notifyServiceManager } from "../operator/service-manager.ts";
import { leaveTicket } from "../operator/tickets.ts";
import { jsonLine } from "../screen/json.ts";
import { note } from "../connection/command-relay.ts";
import { isLoopback } from "../connection/own-addresses.ts";
import type { Announcing } from "../discovery/announcer.ts";
import { usage } from "../arguments/command-line.ts";
import { onHangup, onInterrupt } from "../system/interrupts.ts";
import { clusterOptions } from "./cluster-options.ts";
import type { Call } from "./command.ts";
import type { RelayValues } from "./relay-commands.ts";
import { parseRelayLimits } from "./relay-limits.ts";
import { accessOf, adminAddress, atAdminAddress, listenOptions } from "./relay-options.ts";

/** A relay that has drained needs less to disconnect its clients and end. ms */
const ENDING_MS = 10_000;

/**
 * Runs until a signal comes and the relay has drained; a second signal ends the process at once.
 * @throws FaultError `relay-failed` when it can't go on
 */
export async function runRelay(values: RelayValues, { raw }: Call): Promise<number> {
  // The parser of arguments takes --no-admin and --no-page for the contrary of a switch.
  const adminOption = raw.includes("--no-admin") ? "off" : values.admin;
  const page = !raw.includes("--no-page") && !values["no-page"];
  const { drainMs, ...options } = listenOptions(values);
  const { hostname, port } = options;
  const limits = parseRelayLimits(values);
  const cluster = await clusterOptions(values, process.env);
  const form = oneOf("--log", values.log, LOG_FORMS) ?? "pretty";
  const { REPORT_LEVELS, startRelay, workersOfMachine } = await import("../../relay/mod.ts");
  const level =
    oneOf("--log-level", values["log-level"], REPORT_LEVELS) ??
    (values.log === undefined ? "warn" : "info");
  const policy = { limits, access: await accessOf(values) };
  const { createConsola } = await import("consola");
  const { stdout, stderr } = process;
  const console = createConsola({ stdout, stderr });
  const onReport =
    form === "json"
      ? jsonLog(stderr, () => new Date())
      : prettyLog(createConsola({ stdout: stderr, stderr, level: ALL_LEVELS }));
  const { lobby, "ban-file": banFile, "token-file": tokenFile } = values;
  const workers = options.workers ?? workersOfMachine();
  if (values.announce && isLoopback(hostname)) {
    throw usage(
      "--announce tells other machines of the relay; leave out --host, or give an address that they reach",
    );
  }
  const announced = { changed: () => undefined as void };
  const start = (admin: { readonly hostname: string; readonly port: number } | undefined) =>
    startRelay({
      ...options,
      workers,
      banFile,
      tokenFile,
      lobby,
      page,
      policy,
      cluster,
      zeroCopy: !values.copy,
      admin: admin && { ...admin, drainMs },
      onReport,
      onShares: values.announce ? () => announced.changed() : undefined,
      reportLevel: level,
    });
  const takeOver = (at: number): Promise<boolean> => takeOverAdmin(at, process.env);
  const relay = await atAdminAddress(adminAddress(adminOption, port), start, takeOver);
  const { promise: signalled, resolve } = Promise.withResolvers<void>();
  using _ = onInterrupt(resolve);
  using __ = onHangup(() => relay.reload());
  const { url, admin } = relay;
  await using announcing = values.announce ? await announceRelay(relay) : undefined;
  if (announcing !== undefined) announced.changed = () => announcing.changed();
  const ticket = admin && { relay: url, admin: admin.url, token: admin.token };
  using left = ticket && leaveTicket(ticket, process.env);
  void admin?.left.then(() => left?.[Symbol.dispose]());
  if (values.json) {
    process.stdout.write(
      jsonLine({ event: "listening", url, port: relay.port, workers, httpPort: relay.httpPort }),
    );
  } else if (form === "pretty")
    await announce(relay, { hostname, page, store: values.store, ...policy.access }, console);
  notifyServiceManager(["READY=1", `STATUS=Listens at ${url}`]);
  const isSignalled = await Promise.race([
    signalled.then(() => true),
    relay.ended.then(() => false),
  ]);
  if (!isSignalled) return endedWith(await relay.ended);
  void announcing?.close();
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

/** Receivers in this network find the relay from now on. */
async function announceRelay(relay: {
  readonly port: number;
  readonly hostname: string;
  readonly certificate: unknown;
  liveChannels(most: number): Uint8Array[];
}): Promise<Announcing> {
  const { announce: announceInNetwork } = await import("../discovery/announcer.ts");
  const { IDS_PER_ANNOUNCEMENT } = await import("../discovery/announcement.ts");
  return announceInNetwork({
    port: relay.port,
    hostname: relay.hostname,
    tls: relay.certificate !== undefined,
    channels: () => relay.liveChannels(IDS_PER_ANNOUNCEMENT),
    onNote: (sentence) => note([sentence]),
  });
}

/** Of consola: what is left out is left out before. */
const ALL_LEVELS = 5;

/** @throws FaultError */
function endedWith(fault: FaultError | undefined): number {
  if (fault !== undefined) throw fault;
  return EXIT.done;
}
