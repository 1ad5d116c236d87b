/**
 * Plays shares with real processes under real faults: `bun run torture --minutes 5 --seed 7`. Ends
 * with 1 when something went wrong, and keeps the history of it.
 */
import { mountNamespace } from "../needs.ts";
import { aborts, inside, isInside, mainOf } from "./inside.ts";
import { helpText, torture, type Options } from "./options.ts";
import { play } from "./run.ts";

async function run(options: Options): Promise<number> {
  if (!isInside()) {
    const namespace = mountNamespace();
    if (namespace !== undefined) return inside(namespace);
    console.log("Left out: full disks (this needs unshare and tmpfs)");
  }
  return play(options, isInside(), aborts());
}

process.exit(await mainOf(process.argv.slice(2), helpText, (words) => torture(words, run)));
