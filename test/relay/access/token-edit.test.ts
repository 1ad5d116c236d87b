import { expect, test } from "bun:test";
import { chmodSync, chownSync, statSync } from "node:fs";
import { join } from "node:path";

import { editTokenFile } from "../../../relay/access/token-edit.ts";
import { temporaryFolder } from "../../support/disk.ts";

/** Of the user that the relay runs as. */
const RELAY = 12_345;

test.skipIf(process.geteuid?.() !== 0)("an edited token file keeps its owner", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "tokens.json");
  await editTokenFile(path, () => []);
  chmodSync(path, 0o640);
  chownSync(path, RELAY, RELAY);
  await editTokenFile(path, (tokens) => [...tokens]);
  const { uid, gid, mode } = statSync(path);
  expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: RELAY, gid: RELAY, mode: 0o640 });
});
