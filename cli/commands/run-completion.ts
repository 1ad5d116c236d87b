import { EXIT } from "../../protocol/faults.ts";
import { usage } from "../args.ts";
import { SHELLS, completionScript, isShell } from "../completion/mod.ts";
import { loadAll } from "./all.ts";

export async function runCompletion(shell: string | undefined): Promise<number> {
  if (shell === undefined || !isShell(shell)) {
    throw usage(`completion takes the name of a shell: ${SHELLS.join(", ")}`);
  }
  process.stdout.write(completionScript(shell, await loadAll()));
  return EXIT.done;
}
