import { EXIT } from "../../protocol/wire/faults.ts";
import { usage } from "../system/args.ts";
import { SHELLS, completionScript, isShell } from "./completion/mod.ts";
import { aliasesOf, loadAll } from "./all.ts";

export async function runCompletion(shell: string | undefined): Promise<number> {
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
