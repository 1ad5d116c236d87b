/** The command of a torture as a process of its own, run to its end. */
import { join } from "node:path";

export interface Ran {
  readonly said: string;
  readonly complaints: string;
  readonly exitCode: number;
}

/** @param folder of the torture's `main.ts` */
export async function runTorture(folder: string, words: readonly string[]): Promise<Ran> {
  await using child = Bun.spawn([process.execPath, join(folder, "main.ts"), ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, complaints, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { said: said.trim(), complaints, exitCode };
}

/** Names of options that the help of every torture has. */
export const SHARED_OPTIONS = ["minutes", "rounds", "seed", "receivers", "faults", "size", "keep"];
