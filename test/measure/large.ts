/**
 * A file with more than 2^32 bytes and record indexes beyond 4,096, from the sender to a receiver and to
 * one that comes late, compared byte by byte: `bun test/measure/large.ts [GIB]`. The source is sparse
 * but for a few places; the copies take their size on the disk each.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fileshare } from "../support/clients/command.ts";

const GiB = 2 ** 30;
const size = Number(process.argv[2] ?? 5) * GiB + 12_345;
const CHUNK = 2 ** 22;
/** Around what once broke programs: 2 and 4 GiB, and the very end. */
const places = [0, 2 ** 31 - 3, 2 ** 32 - 3, size - 10].filter((at) => at >= 0 && at < size);

const folder = mkdtempSync(join(tmpdir(), "fileshare-large-"));
const source = join(folder, "large.bin");
const fd = openSync(source, "w");
ftruncateSync(fd, size);
for (const at of places) writeSync(fd, crypto.getRandomValues(new Uint8Array(10)), 0, 10, at);
closeSync(fd);

function isSame(copy: string): boolean {
  const [a, b] = [openSync(source, "r"), openSync(copy, "r")];
  const [left, right] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
  try {
    for (let total = 0; ;) {
      const read = readSync(a, left);
      if (readSync(b, right) !== read || !left.subarray(0, read).equals(right.subarray(0, read)))
        return false;
      total += read;
      if (read === 0) return total === size;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

let failed = false;
try {
  await using relay = fileshare(["relay", "--host", "127.0.0.1", "--port", "0"]);
  const listening: unknown = await relay.events(() => true);
  const url =
    typeof listening === "object" && listening !== null && "url" in listening
      ? String(listening.url)
      : "";
  await using sender = fileshare(["send", source, "--receivers", "2", "--relay", url]);
  const first = await sender.events(({ event }) => event === "code");
  const env = { FILESHARE_CODE: first?.event === "code" ? first.code : "", FILESHARE_RELAY: url };
  const sent = sender.events();
  const receive = async (name: string, started = (): void => undefined): Promise<void> => {
    const out = join(folder, name);
    mkdirSync(out);
    const startedAt = performance.now();
    // One person would count once.
    const own = { ...env, XDG_STATE_HOME: `${out}-state` };
    await using receiver = fileshare(["recv", "--yes", "--out", out], own);
    await receiver.events((event) => event.event === "progress" && event.bytes > size / 2);
    started();
    await receiver.events();
    const exit = await receiver.exited;
    const same = exit === 0 && isSame(join(out, "large.bin"));
    failed ||= !same;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(
      `${name}: ${same ? "the same, byte by byte" : `exit ${exit}, NOT the same`} (${seconds} s)`,
    );
    rmSync(out, { recursive: true });
  };
  const halfway = Promise.withResolvers<void>();
  await Promise.all([
    receive("early", halfway.resolve),
    halfway.promise.then(() => receive("late")),
  ]);
  await sent;
  failed ||= (await sender.exited) !== 0;
  console.log(`${size} bytes; the sender ended with ${await sender.exited}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
