import { FaultError } from "../../../protocol/wire/faults.ts";
import { OPEN_FILES_WANTED } from "../../../relay/limits/operator-limits.ts";
import { configPath, configText, noFile } from "../../arguments/configuration.ts";
import { hasColor } from "../../screen/style.ts";
import { statePlace } from "../../system/state-place.ts";
import type { Environment } from "../../system/shell.ts";

/** The result of one check. */
export interface Finding {
  readonly name: string;
  readonly verdict: "fine" | "warning" | "failed";
  /** A sentence without its stop. */
  readonly message: string;
  readonly advice?: string;
}

type Found = (message: string, advice?: string) => Finding;

export function findings(name: string): Readonly<Record<Finding["verdict"], Found>> {
  const found =
    (verdict: Finding["verdict"]): Found =>
    (message, advice) => ({ name, verdict, message, ...(advice !== undefined && { advice }) });
  return { fine: found("fine"), warning: found("warning"), failed: found("failed") };
}

/** Reading this command has checked the content of the file already. */
export function checkConfig(env: Environment): Finding {
  const { fine, failed } = findings("config");
  const path = configPath(env);
  if (path === undefined) return fine(noFile(env));
  try {
    const there = configText(path, env) !== undefined;
    return fine(there ? path : `None at ${path}`);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return failed(error.message);
  }
}

/** The folder that `fileshare list` and `fileshare resume` read. */
export function checkState(env: Environment): Finding {
  const { fine, warning } = findings("state");
  const place = statePlace(env, false) ?? statePlace(env, true);
  const advice = "For a transfer that can be resumed, set XDG_STATE_HOME to a folder that stays.";
  if (place === undefined) {
    return warning("No folder remembers unfinished transfers", advice);
  }
  const { path, instead } = place;
  if (instead === undefined) return fine(path);
  return warning(`${path}, as ${instead}`, advice);
}

export async function checkOpenFiles(
  platform: NodeJS.Platform = process.platform,
  shell = "sh",
): Promise<Finding> {
  const { fine, warning } = findings("open files");
  if (platform === "win32") return fine("Windows has no limit for them");
  const said = await says([shell, "-c", "ulimit -n"]);
  const limit = said === "unlimited" ? Infinity : Number(said || NaN);
  if (Number.isNaN(limit)) {
    return warning("The limit of open files is unknown");
  }
  if (limit >= OPEN_FILES_WANTED) return fine(`${said} at most`);
  return warning(
    `${said} at most; a relay needs one for each client`,
    `Raise it before a relay is started: ulimit -n ${OPEN_FILES_WANTED}`,
  );
}

/** @returns empty where no program can be started */
async function says(command: string[]): Promise<string> {
  try {
    const child = Bun.spawn(command, { stderr: "ignore" });
    return (await child.stdout.text()).trim();
  } catch {
    return "";
  }
}

interface Output {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
}

export function checkTerminal(env: Environment, input: boolean, output: Output): Finding {
  const { fine, warning } = findings("terminal");
  if (!output.isTTY) {
    return fine("None; progress comes as plain lines");
  }
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  const parts = [
    `${output.columns} x ${output.rows}`,
    env["TERM"] === "dumb" ? "TERM=dumb, plain lines" : (env["TERM"] ?? "no TERM"),
    hasColor(true, env) ? "colours" : "no colours",
    input ? "questions can be asked" : "no keyboard for questions",
  ];
  if (/utf-?8$/i.test(locale)) return fine(parts.join(", "));
  return warning(
    [...parts, `locale "${locale}"`].join(", "),
    "If bars and names look odd, set LANG to a UTF-8 locale such as C.UTF-8.",
  );
}
