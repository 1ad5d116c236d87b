/** The content to send: from the command line, the standard input or a question. */
import { fstatSync, readdirSync, statSync } from "node:fs";

import { fromUtf8 } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { TEXT_BYTES } from "../../protocol/wire/limits.ts";
import { usage } from "../arguments/command-line.ts";
import type { SendValues } from "./transfer-commands.ts";
import { expandHome } from "../system/shell.ts";
import { askLine } from "../screen/prompts.ts";
import { canAsk } from "../screen/own-terminal.ts";
import type { SendWhat } from "../job/jobs.ts";
import { attempt } from "../send/attempt.ts";
import { readInput } from "../system/standard-input.ts";

const STDIN = "-";
const STDIN_FD = 0;

/**
 * @returns what to send, and the words that a person was asked for and did not type
 * @throws FaultError "usage", "no-such-file"
 */
export async function whatToSend(
  values: SendValues,
): Promise<{ what: SendWhat; asked: readonly string[] }> {
  const { path, text, name, exclude, gitignore, follow } = values;
  const { "skip-unsafe": skipUnsafe, "offer-unsafe": offerUnsafe } = values;
  const typed = (what: SendWhat): { what: SendWhat; asked: [] } => ({ what, asked: [] });
  if (text !== undefined) {
    if (path.length > 0) throw usage("give either --text or paths");
    return typed({ from: "text", text: text === STDIN ? await readText() : text, name });
  }
  if (path.includes(STDIN) && path.length > 1) throw usage("- must be the only path");
  if (path[0] === STDIN || (path.length === 0 && isPiped())) return typed({ from: "stdin", name });
  if (name !== undefined && path.length > 1) throw usage("--name is for one path");
  const asked = path.length > 0 ? [] : [await askPath(values.json)];
  const paths = [...path, ...asked];
  checkAnyExists(paths);
  const choices = { exclude, gitignore, follow, skipUnsafe, offerUnsafe };
  return { what: { from: "paths", paths, name, ...choices }, asked };
}

/** Whether something is sent to us: no terminal, and no device such as /dev/null. */
function isPiped(): boolean {
  try {
    const stat = fstatSync(STDIN_FD);
    return stat.isFIFO() || stat.isSocket() || stat.isFile();
  } catch {
    return false; // it is closed
  }
}

/**
 * A mistyped path ends the command before a relay starts for it. In another run of a command some paths may be gone, but
 * not all.
 */
function checkAnyExists(paths: readonly string[]): void {
  let first: unknown;
  for (const path of paths) {
    try {
      attempt(path, () => statSync(path));
      return;
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** Waits for all of it. @throws FaultError as `readInput`, "share-too-big", "usage" */
async function readText(): Promise<string> {
  const bytes = await readInput((come) => come.length > TEXT_BYTES);
  if (bytes.length > TEXT_BYTES) {
    throw new FaultError("share-too-big", `a text of more than ${TEXT_BYTES} bytes`);
  }
  try {
    return fromUtf8(bytes);
  } catch {
    throw usage("the text is not UTF-8");
  }
}

/** Quotes around it and a leading ~ are taken as a shell takes them. */
async function askPath(json: boolean): Promise<string> {
  if (json || !canAsk()) throw usage("give the path of the file to send");
  const line = await askLine("File to send: ", { complete: completePath });
  const path = /^(["'])(.+)\1$/.exec(line)?.[2] ?? expandHome(line);
  if (path === "") throw usage("give the path of the file to send");
  return path;
}

/** The paths that the typed one may become; folders end with "/". */
export function completePath(
  line: string,
  platform: NodeJS.Platform = process.platform,
): [string[], string] {
  const backslash = platform === "win32" ? line.lastIndexOf("\\") : -1;
  const slash = Math.max(line.lastIndexOf("/"), backslash) + 1;
  const folder = line.slice(0, slash);
  const start = line.slice(slash);
  try {
    const entries = readdirSync(expandHome(folder) || ".", {
      withFileTypes: true,
    });
    const paths = entries
      .filter(({ name }) => name.startsWith(start) && (start !== "" || !name.startsWith(".")))
      .map((entry) => folder + entry.name + (entry.isDirectory() ? "/" : ""));
    return [paths.toSorted(), line];
  } catch {
    return [[], line];
  }
}
