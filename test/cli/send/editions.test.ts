/** The files of a share in its next edition. */
import { describe, expect, test } from "bun:test";
import { masterBeside } from "../../../cli/job/job-keys.ts";
import type { SendJob } from "../../../cli/job/jobs.ts";
import { editionAfter, type Former } from "../../../cli/send/editions.ts";
import { nextShare, openShare } from "../../../cli/send/open-share.ts";
import { openSource } from "../../../cli/send/open-source.ts";
import { encodeManifest } from "../../../protocol/content/encode-manifest.ts";
import { STATES_VERSION, type ManifestFile } from "../../../protocol/content/manifest.ts";
import { parseSafePath } from "../../../protocol/content/names.ts";
import { newCode } from "../../support/clients/clients.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const file = (path: string, type: ManifestFile["type"] = "file"): ManifestFile => ({
  path: parseSafePath(path),
  type,
  size: 0,
  mode: 0,
  mtime: 0,
});
/** Inode, size, mtime and ctime of each file. */
const stamps = (...of: (readonly number[])[]): BigUint64Array =>
  BigUint64Array.from(of.flat(), BigInt);

function former(files: ManifestFile[], more: Partial<Former> = {}): Former {
  const source = { version: STATES_VERSION, share: id(1), recordSize: 4096, files } as const;
  const { head } = encodeManifest(source);
  return { share: id(1), head, stamps: undefined, doubtful: new Set(), ...more };
}

describe("the next edition", () => {
  const files = ["a", "b", "c", "d"].map((path) => file(path));
  const was = stamps([1, 10, 5, 7], [2, 10, 5, 7], [3, 10, 5, 7], [4, 10, 5, 7]);

  test("has a file since the first where size, mtime and ctime are the same, whatever its number", () => {
    const now = stamps([9, 10, 5, 7], [2, 11, 5, 7], [3, 10, 6, 7], [4, 10, 5, 8]);
    const { before, since } = editionAfter(former(files, { stamps: was }), files, now);
    expect(before).toEqual([id(1)]);
    expect([...since]).toEqual([0, 1, 1, 1]);
  });

  test("takes a file for new that was given up, that has another name, or is a folder now", () => {
    const then = former(files, { stamps: was, doubtful: new Set([1]) });
    const next = [file("a"), file("b"), file("x"), file("d", "folder")];
    expect([...editionAfter(then, next, was).since]).toEqual([0, 1, 1, 1]);
  });

  test("goes on with what the one before said", () => {
    const edition = { before: [id(5)], since: Uint8Array.of(0, 1, 1, 0) };
    const source = { version: STATES_VERSION, share: id(1), recordSize: 4096, files } as const;
    const { head } = encodeManifest({ ...source, edition });
    const then = former(files, { head, stamps: was });
    const now = stamps([1, 10, 5, 7], [2, 10, 5, 7], [3, 11, 5, 7], [4, 10, 5, 7]);
    const { before, since } = editionAfter(then, files, now);
    expect(before).toEqual([id(5), id(1)]);
    expect([...since]).toEqual([0, 1, 2, 0]);
  });

  test("takes all for new where nobody knows", () => {
    expect([...editionAfter(former(files), files, was).since]).toEqual([1, 1, 1, 1]);
  });
});

test("a share counts the receivers that were done with any of its editions", async () => {
  using folder = temporaryFolder();
  const { path } = makeFile(folder.path, "a.bin", 5);
  const signal = new AbortController().signal;
  const job: SendJob = {
    kind: "send",
    relay: "ws://127.0.0.1:1/ws",
    code: newCode(),
    what: { from: "paths", paths: [path] },
    receivers: 9,
    stay: false,
    connectTimeoutMs: undefined,
  };
  const open = () => openSource(job.what, signal);
  let opened = await openShare(job, masterBeside(job.code), open, () => undefined, signal);
  const counts: unknown[] = [];
  for (const verified of [2, 0, 3]) {
    const { keys, code, kept, past, share, encoded } = opened;
    const { head } = encoded;
    const stamps = opened.source.stamps();
    const then: Former = { share, head, stamps, doubtful: new Set() };
    opened.source.close();
    opened = await nextShare(job, { keys, code, kept, past, former: then, verified }, open);
    counts.push([opened.past?.editions, opened.past?.verified]);
  }
  opened.source.close();
  expect(counts).toEqual([
    [1, 2],
    [2, 2],
    [3, 5],
  ]);
});
