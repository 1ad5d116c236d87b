import { resolve } from "node:path";

import { FaultError } from "../../protocol/wire/faults.ts";
import { usage, withoutOptions } from "../arguments/command-line.ts";
import {
  chosen,
  isResumable,
  unfinished,
  whatIsThere,
  type UnfinishedMessage,
} from "./unfinished.ts";
import type { Registry } from "./command.ts";
import { reasonOf } from "../system/system-error.ts";

export interface ResumeValues {
  readonly number: string | undefined;
  readonly ca: string | undefined;
  readonly token: string | undefined;
  readonly timeout: string | undefined;
  readonly json: boolean;
}

/**
 * Options that are not said again: `--share` and `--new` are about one run, the relay is the one that
 * was found then, and a token is written down nowhere.
 */
const NOT_AGAIN = ["share", "new", "relay", "token", "json"];

/** Runs the command once more that began it, where it was given. @returns its exit code */
export async function runResume(
  { number, ca, token, timeout, json }: ResumeValues,
  registry: Registry,
): Promise<number> {
  const { commands } = registry;
  const item = number === undefined ? theOnlyOne() : chosen(number);
  if (!isResumable(item)) throw usage(`that send still runs: end it first, with Ctrl-C`);
  const { kind, kept } = item;
  const [word = "", ...words] = kept.again.words;
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (load === undefined) throw new FaultError("internal", "what was kept names no command");
  // From where it is said now, and not from where the command was given then.
  const trusted = ca ?? (process.env["FILESHARE_CA"] || undefined);
  if (trusted !== undefined) process.env["FILESHARE_CA"] = resolve(trusted);
  try {
    process.chdir(kept.again.cwd);
  } catch (cause) {
    throw new FaultError("no-such-file", `${kept.again.cwd} (${reasonOf(cause)})`, { cause });
  }
  process.env["FILESHARE_RELAY"] = kept.relay;
  if (kind === "send") delete process.env["FILESHARE_CODE"];
  else process.env["FILESHARE_CODE"] = kept.code;
  const command = await load();
  // This run decides how the transfer is shown.
  const replaced = [
    ca === undefined ? [] : "ca",
    timeout === undefined ? [] : "timeout",
    json ? "quiet" : [],
  ].flat();
  const same = withoutOptions(words, command.args, [...NOT_AGAIN, ...replaced]);
  // Before a `--`, behind which no word is an option.
  const again = [
    ...(json ? ["--json"] : []),
    ...(kind === "send" ? [`--share=${kept.share}`] : []),
    ...(token === undefined ? [] : [`--token=${token}`]),
    ...(timeout === undefined ? [] : [`--timeout=${timeout}`]),
    ...same,
  ];
  return command.run(again, registry);
}

function theOnlyOne(): UnfinishedMessage {
  const all = unfinished();
  const [only, ...more] = all.filter(isResumable);
  if (only === undefined) {
    throw usage(all.length === 0 ? "nothing is unfinished" : `${whatIsThere(all)}; all of it runs`);
  }
  if (more.length === 0) return only;
  throw usage(`there are several to go on with: ${whatIsThere(all)}. Give a number`);
}
