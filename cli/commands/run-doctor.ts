import { CONNECT_MS, PROTOCOL_VERSION } from "../../protocol/mod.ts";
import { EXIT, FaultError } from "../../protocol/wire/faults.ts";
import type { Call } from "./command.ts";
import type { DoctorValues } from "./local-commands.ts";
import {
  findings,
  type Finding,
  checkConfig,
  checkOpenFiles,
  checkState,
  checkTerminal,
} from "./doctor/machine.ts";
import { checkCertificate, checkClock, checkRelay } from "./doctor/relay.ts";
import { networkFindings } from "./doctor/network.ts";
import { survey } from "../discovery/survey.ts";
import { checkTransfer } from "./doctor/transfer.ts";
import { staysHere } from "../connection/own-addresses.ts";
import { answers, endpointOf } from "../connection/relay-address.ts";
import { forOthers } from "../connection/for-others.ts";
import { placeRelay } from "../connection/command-relay.ts";
import {
  chooseRelay,
  chooseToken,
  placesOf,
  type RelayChoice,
} from "../connection/relay-choice.ts";
import { shown } from "../screen/format.ts";
import { jsonLine } from "../screen/json.ts";
import { VERSION } from "../system/version.ts";
import { hasColor, makeStyle } from "../screen/style.ts";

const TOKEN_IN_CLEAR = findings("token").warning(
  "It goes to the relay in the clear, for all on the way to read",
  "Use a relay with wss://.",
);

export async function runDoctor(values: DoctorValues, { routeOf }: Call): Promise<number> {
  const choice = chooseRelay(values.relay, values.ca, routeOf("relay"));
  const token = chooseToken(values.token ?? "");
  const { stdout, env } = process;
  const style = makeStyle(hasColor(stdout.isTTY, env));
  let worst: number = EXIT.done;
  const print = ({ name, verdict, message, advice = "" }: Finding): void => {
    if (verdict === "failed") worst = EXIT.failed;
    if (values.json) {
      stdout.write(jsonLine({ event: "check", name, verdict, message, advice }));
      return;
    }
    const paint = { fine: style.green, warning: style.yellow, failed: style.red }[verdict];
    stdout.write(`${paint(verdict.padEnd(7))}  ${name.padEnd(10)}  ${shown(message)}\n`);
    if (advice !== "") stdout.write(`${" ".repeat(21)}${shown(advice)}\n`);
  };
  const { platform, arch, versions } = process;
  const program = `${VERSION}, protocol ${PROTOCOL_VERSION}, Bun ${versions.bun}, ${platform} ${arch}`;
  print(findings("fileshare").fine(program));
  print(checkConfig(env));
  print(checkState(env));
  const found = await placeOrReport(choice, values.json);
  const { ca, finding } = found;
  const told = finding ?? (await noneHere(found));
  if (told !== undefined) print(told);
  let first: string | undefined = told?.verdict === "fine" ? found.address : undefined;
  for (const { address } of told === undefined ? placesOf(found) : []) {
    const relay = await checkRelay(address, ca, token);
    print(relay);
    if (relay.verdict === "fine") first ??= address;
  }
  if (first !== undefined) {
    // As clients do, which take the first one that they reach.
    const address = first;
    if (token !== undefined && !isPrivate(address)) print(TOKEN_IN_CLEAR);
    if (address.startsWith("wss:")) print(await checkCertificate(address, ca));
    const others = await checkOthers({ ...found, address, further: [] });
    if (others !== undefined) print(others);
    print(await checkClock(address, ca));
    if (!values.quick)
      print(await checkTransfer({ relay: address, ca: values.ca, token: token ?? "" }));
  }
  for (const finding of networkFindings(await survey())) print(finding);
  print(await checkOpenFiles());
  print(checkTerminal(env, process.stdin.isTTY, stdout));
  return worst;
}

/** Without a configured relay a machine needs none: a sender carries its own. */
async function noneHere({ route, address }: RelayChoice): Promise<Finding | undefined> {
  const { host, port } = endpointOf(address);
  if (route !== "this-machine" || (await answers(host, port))) return undefined;
  return findings("relay").fine(
    "None is configured or runs on this machine, so a sender starts its own; --relay names another",
  );
}

/** A relay that is found is told of by the check of its address. */
async function placeOrReport(
  choice: RelayChoice,
  json: boolean,
): Promise<RelayChoice & { finding?: Finding }> {
  try {
    return await placeRelay(choice, { connectTimeoutMs: CONNECT_MS, json });
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    const { sentence, advice } = error.fault;
    const message = `${sentence}: ${error.detail ?? choice.host}`;
    return { ...choice, finding: findings("relay").failed(message, advice) };
  }
}

/** Of a relay on this machine: whether other machines reach it, and how. */
async function checkOthers(relay: RelayChoice): Promise<Finding | undefined> {
  const { fine, warning } = findings("others");
  const { relay: there, note } = await forOthers(relay);
  if (note !== undefined) return warning(note);
  if (there.address === relay.address) return undefined;
  const message = `Other machines reach it with ${there.args.join(" ")}`;
  return fine(message);
}

/** Whether TLS or the loopback keeps the token from others. */
function isPrivate(address: string): boolean {
  return address.startsWith("wss:") || staysHere(endpointOf(address).host);
}
