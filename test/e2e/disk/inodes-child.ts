/**
 * Runs in a mount namespace of its own, in a folder that is given: sends files of an overlay whose
 * inodes have numbers of 2^63 and above, and mounts it again with other numbers amid that. Prints
 * what came of it as JSON.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compare } from "../../../cli/send/changes.ts";
import { FilesContent, SOURCE_FILES_OPEN } from "../../../cli/send/files-content.ts";
import { KnownSource } from "../../../cli/send/known-source.ts";
import { listPaths } from "../../../cli/send/file-list.ts";

const RECORD_SIZE = 128;
const [folder = ""] = process.argv.slice(2);
const tree = join(folder, "tree");

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
}

function mountOverlay(xino: "on" | "off"): void {
  const layers = ["lower", "upper/u", "upper/w"].map((name) => join(folder, name));
  const [lower, upper, work] = layers;
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},xino=${xino}`;
  run("mount", "-t", "overlay", "overlay", "-o", options, tree);
}

/** Two file systems, or the numbers of the layers would not be told apart. */
for (const layer of ["lower", "upper"]) {
  mkdirSync(join(folder, layer));
  run("mount", "-t", "tmpfs", "none", join(folder, layer));
}
for (const name of ["upper/u", "upper/w", "tree"]) mkdirSync(join(folder, name));
const names = Array.from({ length: 2 * SOURCE_FILES_OPEN }, (_, i) => `${100 + i}`);
for (const name of names) writeFileSync(join(folder, "lower", name), name.repeat(100));

mountOverlay("on");
const first = join(tree, names[0]!);
const number = (): bigint => BigInt.asUintN(64, statSync(first, { bigint: true }).ino);
const high = number();
async function open(): Promise<KnownSource> {
  const list = await listPaths({ paths: [tree] }, new AbortController().signal);
  return new KnownSource(new FilesContent(list, { strict: true }), [], RECORD_SIZE);
}

const source = await open();
const share = new Uint8Array(16).fill(1);
const { manifest, head } = source.describe(share);
const plain: Uint8Array[] = [];
const read = (from: number, to: number): void => {
  for (let index = from; index < to; index++) {
    for (const part of source.read(index)!.parts) plain.push(part.slice());
  }
};
const half = Math.floor(manifest.records / 2);
read(0, half);
// An open file keeps its mount; all others are of the new one.
run("umount", "-l", tree);
mountOverlay("off");
const low = number();
read(half, manifest.records);
const whole = Buffer.concat(plain).subarray(head.length);
const expected = names.map((name) => readFileSync(join(tree, name), "utf8")).join("");

const again = await open();
const { changes, touched } = compare(
  { head, stamps: source.stamps()! },
  { head: again.describe(share).head, stamps: again.stamps()! },
);
console.log(
  JSON.stringify({
    high: high >= 2n ** 63n,
    low: low < 2n ** 63n,
    whole: whole.subarray(0, expected.length).toString() === expected,
    changes,
    touched: touched.size,
  }),
);
source.close();
again.close();
