import { resolve } from "node:path";

import { FaultError } from "../../protocol/faults.ts";
import { usage } from "../args.ts";
import { chosen, unfinished, type Unfinished } from "../unfinished.ts";
import { commands } from "./all.ts";

export interface ResumeValues {
  readonly number: string | undefined;
  readonly ca: string | undefined;
  readonly json: boolean;
}

/** Runs the command once more that began it, where it was given. @returns its exit code */
export async function runResume({ number, ca, json }: ResumeValues): Promise<number> {
  const item = number === undefined ? theOnlyOne() : chosen(number);
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
    throw new FaultError("no-such-file", kept.again.cwd, { cause });
  }
  // What was said in the environment then is said so again; what was said in words is in them.
  const hasRelay = words.some((option) => /^--relay(=|$)/.test(option));
  if (!hasRelay) process.env["FILESHARE_RELAY"] = kept.relay;
  if (kind === "send") delete process.env["FILESHARE_CODE"];
  else process.env["FILESHARE_CODE"] = kept.code;
  const command = await load();
  // How it is shown is for this run to say. Before a `--`, behind which no word is an option.
  const shown = json ? ["--json"] : [];
  const share = kind === "send" ? [`--share=${kept.share}`] : [];
  const same = ca === undefined ? words : withoutCa(words);
  return command.run([...shown, ...share, ...same.filter((option) => option !== "--json")]);
}

function theOnlyOne(): Unfinished {
  const all = unfinished().filter(({ kind, kept }) => kind === "receive" || !kept.running);
  const [only, ...more] = all;
  if (only === undefined) throw usage("there is nothing to go on with");
  if (more.length > 0) throw usage("there are several to go on with: say which of fileshare list");
  return only;
}

/** The one that is given now takes the place of the one from then. */
function withoutCa(words: readonly string[]): string[] {
  return words.filter((word, i) => !/^--ca(=|$)/.test(word) && words[i - 1] !== "--ca");
}
