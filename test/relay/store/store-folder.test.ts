/** The folder of a store on disk is its user's alone. */
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";

import { prepareFolder } from "../../../relay/store/sqlite-ledger.ts";
import { temporaryFolder } from "../../support/disk.ts";

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

describe.skipIf(process.platform === "win32")("the folder of a store (not Windows)", () => {
  test("is made for its user alone", () => {
    using folder = temporaryFolder();
    const store = join(folder.path, "new/store");
    const records = prepareFolder(store);
    expect([modeOf(store), modeOf(records)]).toEqual([0o700, 0o700]);
  });

  test("that is empty is taken from others, as a volume of a container", () => {
    using folder = temporaryFolder();
    const store = join(folder.path, "volume");
    mkdirSync(store);
    chmodSync(store, 0o755);
    prepareFolder(store);
    expect(modeOf(store)).toBe(0o700);
  });

  test("that others may look into is refused with what to do, and stays as it is", () => {
    using folder = temporaryFolder();
    const store = join(folder.path, "used");
    mkdirSync(store);
    writeFileSync(join(store, "a file"), "");
    chmodSync(store, 0o755);
    expect(() => prepareFolder(store)).toThrow(`others may look into ${store}: chmod 700`);
    expect(modeOf(store)).toBe(0o755);
  });

  test("may be a link to one, which is judged", () => {
    using folder = temporaryFolder();
    const [store, elsewhere] = [join(folder.path, "link"), join(folder.path, "elsewhere")];
    mkdirSync(elsewhere, { mode: 0o700 });
    symlinkSync(elsewhere, store);
    expect(prepareFolder(store)).toBe(join(store, "records"));
    chmodSync(elsewhere, 0o750);
    expect(() => prepareFolder(store)).toThrow(`others may look into ${store}: chmod 700`);
  });
});
