/** A share that takes the place of another: what of that is here is moved into its partial, and is not fetched. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import { Folder } from "../../../cli/system/folder.ts";
import { FormerEdition } from "../../../cli/receive/former-edition.ts";
import type { PartialShare } from "../../../cli/receive/partial.ts";
import { ReceivedStates } from "../../../cli/receive/received-states.ts";
import { PartialTree } from "../../../cli/receive/partial-tree.ts";
import { concat } from "../../../protocol/wire/bytes.ts";
import { encodeManifest } from "../../../protocol/content/encode-manifest.ts";
import { STATES_VERSION, type Edition } from "../../../protocol/content/manifest.ts";
import { parseSafePath } from "../../../protocol/content/names.ts";
import { plainOffset, recordBytes } from "../../../protocol/wire/sizes.ts";
import { bytesOf, list, RECORD_SIZE, seededBytes, temporaryFolder } from "../../support/disk.ts";

const SIZES = { a: 5000, b: 300, c: 4000 } as const;
type Name = keyof typeof SIZES;

function makeShare(id: number, seeds: Record<Name, number>, edition?: Edition) {
  const share = new Uint8Array(16).fill(id);
  const names = Object.keys(SIZES) as Name[];
  const files = names.map((name) => ({
    path: parseSafePath(`tree/${name}`),
    type: "file" as const,
    size: SIZES[name],
    mode: 0o644,
    mtime: 1_700_000_000_000,
  }));
  const source = {
    version: STATES_VERSION,
    share,
    recordSize: RECORD_SIZE,
    files,
    edition,
  } as const;
  const { manifest, head, plainBytes } = encodeManifest(source);
  const contents = names.map((name) => seededBytes(seeds[name], SIZES[name]));
  const plain = concat(head, ...contents, new Uint8Array(files.length));
  const record = (index: number): Uint8Array => {
    const start = plainOffset(index, RECORD_SIZE);
    return plain.slice(start, start + recordBytes(index, plainBytes, RECORD_SIZE));
  };
  return { share, manifest, head, record, contents, receiver: seededBytes(id, 16) };
}

/** Writes what it needs next, so many records at most. @returns how many */
function write(
  partial: PartialShare,
  record: (index: number) => Uint8Array,
  most = Infinity,
): number {
  let written = 0;
  while (partial.next < partial.records && written < most) {
    partial.write(partial.next, record(partial.next));
    written++;
  }
  return written;
}

test("files that are still true are moved, also for a run that is killed and goes on", async () => {
  using folder = temporaryFolder();
  const dir = folder.path;
  const old = makeShare(1, { a: 1, b: 2, c: 3 });
  const first = openPartial({ dir, ...old });
  // All of a and b, and a part of c.
  const upTo = Math.ceil((old.head.length + SIZES.a + SIZES.b + 500) / (RECORD_SIZE - 17));
  write(first, old.record, upTo);
  await first.close();

  const edition = { before: [old.share], since: Uint8Array.of(0, 1, 0) };
  const anew = makeShare(2, { a: 1, b: 7, c: 3 }, edition);
  using held = new Folder(dir);
  const former = FormerEdition.find(held, anew.manifest, undefined)!;
  expect(former.covers(anew.manifest, "")).toBe(true);
  const here = former.reusable(anew.manifest, new Uint8Array(3).fill(1));
  expect([...here]).toEqual([1, 0, 0]);
  // A sender that says so of a file with another size is not believed.
  const [a, ...others] = anew.manifest.files;
  const lie = { ...anew.manifest, files: [{ ...a!, size: SIZES.a + 1 }, ...others] };
  expect([...former.reusable(lie, new Uint8Array(3).fill(1))]).toEqual([0, 0, 0]);
  const second = openPartial({ dir, ...anew, here }) as PartialTree;
  expect(second).toBeInstanceOf(PartialTree);
  expect(former.giveTo(second, here)).toBe(SIZES.a);
  await former.discard();
  const before = write(second, anew.record, 12);
  await second.close();

  const third = findPartial({ dir, share: anew.share })!;
  const rest = write(third, anew.record);
  await third.finish({ onExists: "number" });
  // The records of a alone were never needed.
  expect(before + rest).toBeLessThan(anew.manifest.records - 30);
  expect(list(dir)).toEqual(["tree"]);
  const saved = ["a", "b", "c"].map((name) => bytesOf(join(dir, "tree", name)));
  expect(saved).toEqual(anew.contents);
});

test("a name, a type or a danger that was not agreed to, or far more bytes, is another question", async () => {
  using folder = temporaryFolder();
  const old = makeShare(1, { a: 1, b: 2, c: 3 });
  const partial = openPartial({ dir: folder.path, ...old });
  write(partial, old.record, 20);
  await partial.close();
  const edition = { before: [old.share], since: Uint8Array.of(1, 1, 1) };
  const { manifest } = makeShare(2, { a: 1, b: 2, c: 3 }, edition);
  using held = new Folder(folder.path);
  const former = FormerEdition.find(held, manifest, undefined)!;
  const [first, ...others] = manifest.files;
  const changed = (change: object) => ({
    ...manifest,
    files: [{ ...first!, ...change }, ...others],
  });
  expect(former.covers(manifest, "")).toBe(true);
  expect(former.covers({ ...manifest, files: others }, "")).toBe(true);
  expect(former.covers(changed({ path: "tree/new" }), "")).toBe(false);
  expect(former.covers(changed({ type: "folder" }), "")).toBe(false);
  expect(former.covers(changed({ mode: 0o755 }), "")).toBe(false);
  expect(former.covers({ ...manifest, bytes: 2 ** 40 }, "")).toBe(false);
});

test("states of files that arrive again leave what is known of the others", () => {
  const states = ReceivedStates.unkept(makeShare(1, { a: 1, b: 2, c: 3 }).manifest);
  states.take(new Uint8Array(2), 0);
  expect(states.isWhole).toBe(false);
  states.take(new Uint8Array(1), 2);
  states.take(new Uint8Array(1), 0);
  expect({ known: states.known, isWhole: states.isWhole }).toEqual({ known: 3, isWhole: true });
});
