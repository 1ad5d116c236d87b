/**
 * Notes one record after the other in what is kept of a send, and says so of each only after it; to
 * be killed. Its argument is the name of the folder in the state; it goes on from what is there.
 */
import { writeSync } from "node:fs";
import { KeptSend } from "../../../cli/send/kept-send.ts";
import { tagOf } from "./kept-tags.ts";

const kept = KeptSend.claim(process.argv[2]!);
if (kept === undefined) throw new Error("nothing to claim");
for (let index = kept.end; ; index++) {
  if (!kept.note(index, tagOf(index))) throw new Error(`${index} is another`);
  writeSync(1, `${index}\n`);
}
