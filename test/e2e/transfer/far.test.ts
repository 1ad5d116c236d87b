/** Whole transfers over a line with a long delay: windows and credit grow beyond what they begin with. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { DelayLine } from "../../../bench/load/delay-line.ts";
import { FRAME_BYTES, WINDOW_MOST_RECORDS, WINDOW_RECORDS } from "../../../protocol/wire/limits.ts";
import { startRelay } from "../../../relay/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { TEST_MS } from "../../support/patience.ts";

const MiB = 1024 ** 2;
/** ms one way: at least, and at most on a slow machine */
const ONE_WAY_MS = [500, 2500] as const;
/** The least and the most of bytes on their way; control messages and heads are in it. */
const FIRST_WINDOW = (WINDOW_RECORDS + 1) * FRAME_BYTES;
const LARGEST_WINDOW = (WINDOW_MOST_RECORDS + 1) * FRAME_BYTES;

/** A way so long that this machine, as busy as it is now, moves twice the first window in a round trip. */
async function oneWayMs(relay: string, folder: string): Promise<number> {
  const [least, most] = ONE_WAY_MS;
  const file = makeFile(folder, "near.bin", FIRST_WINDOW);
  const out = join(folder, "near");
  mkdirSync(out);
  const job = { relay, code: newCode() };
  await using receiver = receive({ ...job, out });
  await receiver.when("waiting");
  await using _ = send({ ...job, path: file.path });
  await receiver.when("offer");
  const began = performance.now();
  await receiver.when("saved");
  return Math.min(most, Math.max(least, performance.now() - began));
}

test.concurrent.each(["receiver", "sender"] as const)(
  "More than the first window is on its way to or from a far %s, and all of it arrives",
  async (far) => {
    using folder = temporaryFolder();
    await using relay = await startRelay({ workers: 1 });
    const { port } = relay;
    const way = await oneWayMs(`ws://127.0.0.1:${port}/ws`, folder.path);
    using line = new DelayLine({ host: "127.0.0.1", port, oneWayMs: way });
    const urlOf = (side: "receiver" | "sender"): string =>
      `ws://127.0.0.1:${side === far ? line.port : port}/ws`;
    const file = makeFile(folder.path, "a.bin", 72 * MiB);
    const out = join(folder.path, "out");
    mkdirSync(out);
    const code = newCode();
    await using receiver = receive({ relay: urlOf("receiver"), code, out });
    await receiver.when("waiting");
    await using sender = send({ relay: urlOf("sender"), code, path: file.path });
    expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
    const { most } = far === "receiver" ? line.down : line.up;
    expect(most).toBeWithin(FIRST_WINDOW, LARGEST_WINDOW);
  },
  TEST_MS,
);
