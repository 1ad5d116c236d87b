import { expect, spyOn, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import { Folder } from "../../../cli/system/folder.ts";
import { temporaryFolder, testTree } from "../../support/disk.ts";

test("a partial that its receiver removes while another looks into it is passed over", () => {
  using folder = temporaryFolder();
  const tree = testTree(1, [{ path: "d/a", size: 10 }]);
  const policy = { onExists: "number", prefix: "", checksum: false } as const;
  openPartial({ ...tree, dir: folder.path, policy });
  const enter = Reflect.get<Folder, "enter">(Folder.prototype, "enter");
  using spy = spyOn(Folder.prototype, "enter");
  spy.mockImplementation(function (this: Folder, name: string) {
    const own = enter.call(this, name);
    rmSync(join(folder.path, name), { recursive: true });
    return own;
  });
  expect(findPartial({ dir: folder.path, share: tree.share })).toBeUndefined();
  expect(readdirSync(folder.path)).toEqual([]);
});
