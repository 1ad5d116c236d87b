import { FaultError } from "../../protocol/faults.ts";
import { usage } from "../args.ts";
import { chosen, unfinished, type Unfinished } from "../unfinished.ts";
import { commands } from "./all.ts";

export interface ResumeValues {
  readonly number: string | undefined;
  readonly json: boolean;
}

/** Runs the command once more that began it, where it was given. @returns its exit code */
export async function runResume({ number, json }: ResumeValues): Promise<number> {
  const item = number === undefined ? theOnlyOne() : chosen(number);
  const { kind, kept } = item;
  const [word = "", ...words] = kept.again.words;
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (load === undefined) throw new FaultError("internal", "what was kept names no command");
  try {
    process.chdir(kept.again.cwd);
  } catch (cause) {
    throw new FaultError("no-such-file", kept.again.cwd, { cause });
  }
  // What was said in the environment then is said so again; what was said in words is in them.
  process.env["FILESHARE_RELAY"] = kept.relay;
  if (kind === "send") delete process.env["FILESHARE_CODE"];
  else process.env["FILESHARE_CODE"] = kept.code;
  const command = await load();
  // How it is shown is for this run to say. Before a `--`, behind which no word is an option.
  const shown = json ? ["--json"] : [];
  const share = kind === "send" ? [`--share=${kept.share}`] : [];
  return command.run([...shown, ...share, ...words.filter((option) => option !== "--json")]);
}

function theOnlyOne(): Unfinished {
  const all = unfinished().filter(({ kind, kept }) => kind === "receive" || !kept.running);
  const [only, ...more] = all;
  if (only === undefined) throw usage("there is nothing to go on with");
  if (more.length > 0) throw usage("there are several to go on with: say which of fileshare list");
  return only;
}
