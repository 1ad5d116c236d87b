/** Scripts that make shells complete command lines, from the table of commands. */
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { wordsOf } from "./words.ts";
import { zshScript } from "./zsh.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { usage } from "../../arguments/command-line.ts";
import type { Call } from "../command.ts";
import type { CompletionValues } from "../local-commands.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export async function runCompletion(
  { shell = "" }: CompletionValues,
  { registry: { aliasesOf, loadAll } }: Call,
): Promise<number> {
  const script = Object.entries(SCRIPTS).find(([name]) => name === shell)?.[1];
  if (script === undefined) {
    throw usage(`completion takes the name of a shell: ${Object.keys(SCRIPTS).join(", ")}`);
  }
  const all = await loadAll();
  const also = all.flatMap(([word, command]) => {
    return aliasesOf(word).map((alias) => [alias, command] as const);
  });
  process.stdout.write(script(wordsOf([...all, ...also])));
  return EXIT.done;
}
