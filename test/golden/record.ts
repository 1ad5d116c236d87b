/**
 * Records the golden traffic anew: `bun test/golden/record.ts`, into the folder named or else over
 * what is kept. See README.md beside this for when that is right.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deriveKeys } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { textOf } from "./conversation.ts";
import { play } from "./scenes.ts";
import { CODE } from "./stage.ts";
import { makeVectors } from "./vectors.ts";

const folder = process.argv[2] ?? join(import.meta.dir, "files");
mkdirSync(join(folder, "conversations"), { recursive: true });
for (const [name, conversation] of play(deriveKeys(CODE, nodePrimitives))) {
  writeFileSync(join(folder, "conversations", `${name}.jsonl`), textOf(conversation));
  console.log(`${name}: ${conversation.steps.length} steps`);
}
const vectors = await makeVectors();
writeFileSync(join(folder, "vectors.json"), `${JSON.stringify(vectors, undefined, 2)}\n`);
