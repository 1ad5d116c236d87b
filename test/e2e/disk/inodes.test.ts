/** Inodes are numbered by the file system, which may change its mind. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, type BigIntStats } from "node:fs";
import { join } from "node:path";
import { Identities } from "../../../cli/send/identities.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { mountNamespace } from "../../needs.ts";

const NAMESPACE = mountNamespace();

test.skipIf(NAMESPACE === undefined)(
  "files of an overlay are sent with inodes of 2^63 and above, also when it is mounted anew with other numbers",
  () => {
    using folder = temporaryFolder();
    const child = join(import.meta.dir, "inodes-child.ts");
    const run = spawnSync("unshare", [NAMESPACE!, process.execPath, child, folder.path], {
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    const told: unknown = JSON.parse(run.stdout);
    // And another run goes on with the same share.
    expect(told).toEqual({ high: true, low: true, whole: true, changes: [], touched: 0 });
  },
);

describe("a file is", () => {
  const found = lstatSync(import.meta.path, { bigint: true });
  const identities = new Identities();
  identities.add(found);
  const now = (change: Partial<BigIntStats>) =>
    identities.compare(0, Object.assign(lstatSync(import.meta.path, { bigint: true }), change));

  test.each([
    ["the one that was found, with another number or device", { ino: -5n, dev: 3n }, "same"],
    ["not surely the same with another ctime", { ctimeNs: 1n }, "unsure"],
    ["not surely the same with another number too", { ino: 1n, ctimeNs: 1n }, "unsure"],
    ["another with another size", { size: 4n }, "other"],
    ["another with another time", { mtimeNs: 4n }, "other"],
  ])("%s", (_, change, likeness) => {
    expect(now(change)).toBe(likeness as never);
  });
});
