/**
 * Plays shares over a cluster of real relays and NATS servers under real faults: `bun run torture:cluster --minutes 10 --seed 7`.
 * Ends with 1 when something went wrong, and keeps the history of it.
 */
import { EXIT } from "../../../protocol/wire/faults.ts";
import { networkNamespace } from "../../needs.ts";
import { aborts, inside, isInside, mainOf } from "../inside.ts";
import { helpText, tortureCluster, type ClusterOptions } from "./options.ts";
import { playCluster } from "./run.ts";

async function run(options: ClusterOptions): Promise<number> {
  if (isInside()) return playCluster(options, aborts());
  const namespace = networkNamespace();
  if (namespace !== undefined) return inside(namespace);
  console.error("Machines of a cluster need network namespaces: Linux, unshare and ip");
  return EXIT.failed;
}

process.exit(await mainOf(process.argv.slice(2), helpText, (words) => tortureCluster(words, run)));
