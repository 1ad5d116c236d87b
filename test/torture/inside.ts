/** How a torture begins: its words, its signals, and a namespace of its own, so what it mounts and connects is gone with it. */
import { EXIT, FaultError } from "../../protocol/wire/faults.ts";
import { MORTAL } from "./child.ts";

/** Set in the copy of this process that is inside. */
const INSIDE = "TORTURE_INSIDE";

export function isInside(): boolean {
  return process.env[INSIDE] !== undefined;
}

/** Runs this program again, with the same words, in a namespace of its own. @returns its exit code */
export async function inside(namespace: string): Promise<number> {
  const words = ["unshare", namespace, ...MORTAL, process.execPath, ...process.argv.slice(1)];
  const child = Bun.spawn(words, {
    env: { ...process.env, [INSIDE]: "1" },
    stdio: ["inherit", "inherit", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return child.exited;
}

/** Aborted when the run shall break off. */
export function aborts(): AbortSignal {
  const broken = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => broken.abort());
  }
  return broken.signal;
}

/** @returns the exit code */
export async function mainOf(
  words: readonly string[],
  help: () => Promise<string>,
  run: (words: readonly string[]) => Promise<number>,
): Promise<number> {
  if (words.includes("--help") || words.includes("-h")) {
    process.stdout.write(await help());
    return EXIT.done;
  }
  try {
    return await run(words);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    console.error(error.message);
    return error.fault.exitCode;
  }
}
