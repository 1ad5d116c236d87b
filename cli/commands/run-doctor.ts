import manifest from "../../package.json" with { type: "json" };
import { EXIT } from "../../protocol/faults.ts";
import { PROTOCOL_VERSION } from "../../protocol/mod.ts";
import type { Finding } from "../doctor/finding.ts";
import { checkConfig, checkOpenFiles, checkState, checkTerminal } from "../doctor/machine.ts";
import { checkCertificate, checkClock, checkRelay } from "../doctor/relay.ts";
import { checkTransfer } from "../doctor/transfer.ts";
import { chooseRelay, chooseToken } from "../relay-choice.ts";
import { shown } from "../screen/format.ts";
import { jsonLine } from "../screen/json.ts";
import { hasColor, makeStyle } from "../screen/style.ts";

const TOKEN_IN_CLEAR: Finding = {
  name: "token",
  verdict: "warning",
  message: "It goes to the relay in the clear, for all on the way to read",
  advice: "Use a relay with wss://.",
};

export interface DoctorValues {
  readonly relay: string | undefined;
  readonly ca: string | undefined;
  readonly token: string | undefined;
  readonly quick: boolean;
  readonly json: boolean;
}

export async function runDoctor(values: DoctorValues): Promise<number> {
  const { address, ca } = chooseRelay(values.relay, values.ca);
  const token = chooseToken(values.token ?? "");
  const { stdout, env } = process;
  const style = makeStyle(hasColor(stdout.isTTY, env));
  let worst: number = EXIT.done;
  const tell = ({ name, verdict, message, advice = "" }: Finding): void => {
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
  const program = `${manifest.version}, protocol ${PROTOCOL_VERSION}, Bun ${versions.bun}, ${platform} ${arch}`;
  tell({ name: "fileshare", verdict: "fine", message: program });
  tell(checkConfig(env));
  tell(checkState(env));
  const relay = await checkRelay(address, ca, token);
  tell(relay);
  if (relay.verdict !== "failed") {
    if (token !== undefined && !isPrivate(address)) tell(TOKEN_IN_CLEAR);
    if (address.startsWith("wss:")) tell(await checkCertificate(address, ca));
    tell(await checkClock(address, ca));
    if (!values.quick)
      tell(await checkTransfer({ relay: address, ca: values.ca, token: token ?? "" }));
  }
  tell(await checkOpenFiles());
  tell(checkTerminal(env, process.stdin.isTTY, stdout));
  return worst;
}

/** Whether nobody on the way can read what goes there. */
function isPrivate(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === "wss:" || /^(?:127\..*|localhost|\[::1\])$/.test(hostname);
}
