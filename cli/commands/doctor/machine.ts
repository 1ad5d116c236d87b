import { FaultError } from "../../../protocol/wire/faults.ts";
import { OPEN_FILES_WANTED } from "../../../relay/limits/operator-limits.ts";
import { configPath, configText, noFile } from "../../arguments/configuration.ts";
import { hasColor } from "../../screen/style.ts";
import { statePlace } from "../../system/state-place.ts";
import type { Environment } from "../../system/shell.ts";

/** What is in the file was found good when this command was read. */
export function checkConfig(env: Environment): Finding {
  const name = "config";
  const path = configPath(env);
  if (path === undefined) return { name, verdict: "fine", message: noFile(env) };
  try {
    const there = configText(path, env) !== undefined;
    return { name, verdict: "fine", message: there ? path : `None at ${path}` };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { name, verdict: "failed", message: error.message };
  }
}

/** Where `fileshare list` and `fileshare resume` look. */
export function checkState(env: Environment): Finding {
  const name = "state";
  const place = statePlace(env, false) ?? statePlace(env, true);
  const advice = "For a transfer that can be resumed, set XDG_STATE_HOME to a folder that stays.";
  if (place === undefined) {
    return {
      name,
      verdict: "warning",
      message: "Unfinished transfers are not remembered",
      advice,
    };
  }
  const { path, instead } = place;
  if (instead === undefined) return { name, verdict: "fine", message: path };
  return { name, verdict: "warning", message: `${path}, as ${instead}`, advice };
}

export async function checkOpenFiles(): Promise<Finding> {
  const name = "open files";
  const child = Bun.spawn(["sh", "-c", "ulimit -n"], { stderr: "ignore" });
  const said = (await child.stdout.text()).trim();
  const limit = said === "unlimited" ? Infinity : Number(said || NaN);
  if (Number.isNaN(limit)) {
    return { name, verdict: "warning", message: "The limit of open files is not known" };
  }
  if (limit >= OPEN_FILES_WANTED) return { name, verdict: "fine", message: `${said} at most` };
  return {
    name,
    verdict: "warning",
    message: `${said} at most; a relay needs one for each client`,
    advice: `Raise it before a relay is started: ulimit -n ${OPEN_FILES_WANTED}`,
  };
}

interface Output {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
}

export function checkTerminal(env: Environment, input: boolean, output: Output): Finding {
  const name = "terminal";
  if (!output.isTTY) {
    return { name, verdict: "fine", message: "None; progress comes as plain lines" };
  }
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  const parts = [
    `${output.columns} x ${output.rows}`,
    env["TERM"] === "dumb" ? "TERM=dumb, plain lines" : (env["TERM"] ?? "no TERM"),
    hasColor(true, env) ? "colours" : "no colours",
    input ? "questions can be asked" : "no keyboard for questions",
  ];
  if (/utf-?8$/i.test(locale)) return { name, verdict: "fine", message: parts.join(", ") };
  return {
    name,
    verdict: "warning",
    message: [...parts, `locale "${locale}"`].join(", "),
    advice: "If bars and names look odd, set LANG to a UTF-8 locale such as C.UTF-8.",
  };
}

/** What a check found. */
export interface Finding {
  readonly name: string;
  readonly verdict: "fine" | "warning" | "failed";
  /** A sentence without its stop. */
  readonly message: string;
  /** What can be done about it. */
  readonly advice?: string;
}
