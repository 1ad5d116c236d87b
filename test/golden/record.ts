/**
 * Records golden traffic: `bun test/golden/record.ts [FOLDER [SCENE...]]`, into that folder or else over
 * what is kept; all of it, or these scenes. See README.md beside this for when that is right.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deriveKeys } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { textOf } from "./conversation.ts";
import { play } from "./scenes.ts";
import { CODE } from "./stage.ts";
import { makeVectors } from "./vectors.ts";

const [folder = join(import.meta.dir, "files"), ...scenes] = process.argv.slice(2);
mkdirSync(join(folder, "conversations"), { recursive: true });
for (const [name, conversation] of play(deriveKeys(CODE, nodePrimitives))) {
  if (scenes.length > 0 && !scenes.includes(name)) continue;
  writeFileSync(join(folder, "conversations", `${name}.jsonl`), textOf(conversation));
  console.log(`${name}: ${conversation.steps.length} steps`);
}
if (scenes.length === 0) {
  const vectors = await makeVectors();
  writeFileSync(join(folder, "vectors.json"), `${JSON.stringify(vectors, undefined, 2)}\n`);
}
