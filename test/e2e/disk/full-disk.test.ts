import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { checkSpace } from "../../../cli/system/folder.ts";
import { diskFault } from "../../../cli/system/system-error.ts";
import { writeFully } from "../../../cli/system/own-file.ts";
import { faultOf, temporaryFolder } from "../../support/disk.ts";
import { mountNamespace } from "../../needs.ts";

const NAMESPACE = mountNamespace();

describe("a disk that fills up", () => {
  test.skipIf(NAMESPACE === undefined)(
    "F23 F24 before the first byte and amid a record; then it goes on (needs unshare and tmpfs)",
    () => {
      using folder = temporaryFolder();
      const child = join(import.meta.dir, "full-disk-child.ts");
      const script = 'mount -t tmpfs -o size=4m none "$1" && exec "$2" "$3" "$1"';
      const args = ["sh", "-c", script, "sh", folder.path, process.execPath, child];
      const run = spawnSync("unshare", [NAMESPACE!, ...args], { encoding: "utf8" });
      expect(run.stderr).toBe("");
      expect(JSON.parse(run.stdout)).toEqual({
        claimed: "disk-full",
        checked: "disk-full",
        left: [],
        first: "disk-full",
        second: "disk-full",
        goesOn: true,
        named: false,
        whole: true,
        size: true,
        end: ["report.pdf"],
      });
    },
  );

  test.skipIf(process.platform !== "linux")("F24 /dev/full says so (Linux)", () => {
    const fd = openSync("/dev/full", "w");
    const fault = faultOf(() => {
      try {
        writeFully(fd, new Uint8Array(10), 0);
      } catch (error) {
        throw diskFault(error, "x");
      }
    });
    closeSync(fd);
    expect(fault).toBe("disk-full");
  });

  test("F23 a share that fits passes, one that cannot exist does not", () => {
    using folder = temporaryFolder();
    expect(faultOf(() => checkSpace(folder.path, { bytes: 0, inodes: 0 }))).toBe("no fault");
    expect(
      faultOf(() => checkSpace(folder.path, { bytes: Number.MAX_SAFE_INTEGER, inodes: 0 })),
    ).toBe("disk-full");
    expect(faultOf(() => checkSpace(join(folder.path, "missing"), { bytes: 1, inodes: 1 }))).toBe(
      "bad-destination",
    );
  });
});
