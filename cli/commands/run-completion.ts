import { EXIT } from "../../protocol/wire/faults.ts";
import { usage } from "../arguments/command-line.ts";
import { SHELLS, completionScript, isShell } from "./completion/mod.ts";
import type { Registry } from "./command.ts";

export async function runCompletion(
  shell: string | undefined,
  { aliasesOf, loadAll }: Registry,
): Promise<number> {
  if (shell === undefined || !isShell(shell)) {
    throw usage(`completion takes the name of a shell: ${SHELLS.join(", ")}`);
  }
  const all = await loadAll();
  const also = all.flatMap(([word, command]) => {
    return aliasesOf(word).map((alias) => [alias, command] as const);
  });
  process.stdout.write(completionScript(shell, [...all, ...also]));
  return EXIT.done;
}
