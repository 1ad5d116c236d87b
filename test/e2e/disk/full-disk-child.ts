/** Receives into a file system that is too small, and says what happened as one line of JSON. */
import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import { checkSpace } from "../../../cli/system/folder.ts";
import type { PartialShare } from "../../../cli/receive/partial.ts";
import { bytesOf, faultOf, list, testShare } from "../../support/disk.ts";

const dir = process.argv[2]!;
const { blocks, bsize } = statfsSync(dir);
const capacity = blocks * bsize;
const half = testShare(1, Math.floor(capacity / 2), { recordSize: 65_536 });
const tooBig = testShare(2, capacity + 1, { recordSize: 65_536 });

function writeRest(to: PartialShare): void {
  while (to.next < half.manifest.records) to.write(to.next, half.record(to.next));
}

const claimed = faultOf(() => openPartial({ ...tooBig, dir }));
const checked = faultOf(() => checkSpace(dir, { bytes: capacity + 1, inodes: 0 }));
const left = list(dir);

// Another fills the disk meanwhile.
const partial = openPartial({ ...half, dir });
const ballast = join(dir, "ballast");
writeFileSync(ballast, new Uint8Array(Math.floor(capacity * 0.7)));
const first = faultOf(() => writeRest(partial));
const stoppedAt = partial.next;
const second = faultOf(() => partial.write(stoppedAt, half.record(stoppedAt)));
const final = list(dir);
await partial.close();
const found = findPartial({ dir, share: half.share });
const foundAt = found?.next;

rmSync(ballast);
if (found !== undefined) writeRest(found);
const path = await found?.finish({ onExists: "fail" });
console.log(
  JSON.stringify({
    claimed,
    checked,
    left,
    first,
    second,
    goesOn: stoppedAt > 0 && foundAt === stoppedAt,
    named: final.includes(half.name),
    whole: path !== undefined && Bun.deepEquals(bytesOf(path), half.content),
    size: statSync(path!).size === half.content.length,
    end: list(dir),
  }),
);
