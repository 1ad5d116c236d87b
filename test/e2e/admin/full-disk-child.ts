/** A relay with its log on a disk of a few MiB, which somebody else fills: what `/readyz` says of it. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { startRelay } from "../../../relay/mod.ts";
import { adminOf } from "../../support/relay/admin-requests.ts";

const MiB = 1024 * 1024;
const folder = process.argv[2] ?? "";

await using relay = await startRelay({
  logFolder: folder,
  logBytes: 256 * MiB,
  admin: { hostname: "127.0.0.1", port: 0 },
});
const { url } = adminOf(relay);
const ready = async (): Promise<string> => {
  const response = await fetch(`${url}/readyz`);
  return `${response.status} ${(await response.text()).trim()}`;
};
const before = await ready();
const other = join(folder, "other");
writeFileSync(other, new Uint8Array(60 * MiB));
const full = await ready();
rmSync(other);
console.log(JSON.stringify([before, full, await ready()]));
