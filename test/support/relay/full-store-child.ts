/** A relay that stores on a small disk, which others fill but for a few blocks: what a sender hears then, and after. */
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { startRelay } from "../../../relay/mod.ts";
import { randomId, rawShare, type RawShare } from "./raw-client.ts";
import { storing } from "./raw-storing.ts";

/** The record of a share takes one block, and its row in the index a few. */
const BLOCKS_LEFT = [1, 2, 3];

const folder = process.argv[2]!;
const other = join(folder, "other");
await using relay = await startRelay({
  workers: 1,
  store: { kind: "disk", folder: join(folder, "store") },
});

/** A sender of the share, the records that it was asked for, and what it heard first. */
async function heard(share: RawShare, channel: Uint8Array): Promise<readonly [number, string]> {
  await using sender = await storing(`${relay.url}/ws`, channel, share);
  const stored = sender.when("stored").then(() => "stored");
  const failed = sender.when("fault").then(({ code }) => code);
  const first = await Promise.race([stored, failed]);
  await Promise.allSettled([sender[Symbol.asyncDispose](), stored, failed]);
  return [sender.messages.filter(({ t }) => t === "want").length, first];
}

const all: unknown[] = [];
for (const blocks of BLOCKS_LEFT) {
  const [share, channel] = [rawShare(1), randomId()];
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(other, new Uint8Array((bavail - blocks) * bsize));
  const full = await heard(share, channel);
  rmSync(other);
  all.push({ full, again: await heard(share, channel) });
}
process.stdout.write(JSON.stringify(all));
