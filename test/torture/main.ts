/**
 * Plays shares with real processes under real faults: `bun run torture --minutes 5 --seed 7`. Ends
 * with 1 when something went wrong, and keeps the history of it.
 */
import { EXIT, FaultError } from "../../protocol/wire/faults.ts";
import { mountNamespace } from "../needs.ts";
import { helpText, torture, type Options } from "./options.ts";
import { play } from "./run.ts";

/** Set in a copy of this process that may mount what nobody else sees. */
const INSIDE = "TORTURE_MOUNTS";

/** Goes on in a mount namespace of its own, so that nothing is left mounted whatever happens. */
async function inside(namespace: string): Promise<number> {
  const words = [
    "unshare",
    namespace,
    process.execPath,
    import.meta.path,
    ...process.argv.slice(2),
  ];
  const child = Bun.spawn(words, {
    env: { ...process.env, [INSIDE]: "1" },
    stdio: ["inherit", "inherit", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return child.exited;
}

async function run(options: Options): Promise<number> {
  if (process.env[INSIDE] === undefined) {
    const namespace = mountNamespace();
    if (namespace !== undefined) return inside(namespace);
    console.log("Left out: full disks (this needs unshare and tmpfs)");
  }
  const broken = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => broken.abort());
  }
  return play(options, process.env[INSIDE] !== undefined, broken.signal);
}

async function main(words: readonly string[]): Promise<number> {
  if (words.includes("--help") || words.includes("-h")) {
    process.stdout.write(await helpText());
    return EXIT.done;
  }
  try {
    return await torture(words, run);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    console.error(error.message);
    return error.fault.exitCode;
  }
}

process.exit(await main(process.argv.slice(2)));
