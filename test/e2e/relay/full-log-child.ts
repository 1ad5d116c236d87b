/**
 * A log, or a relay, in a file system that is too small for it; says what happened as one line of
 * JSON. Its arguments are the folder and which: "log", "relay", or "copying relay".
 */
import { spawnSync } from "node:child_process";
import { closeSync } from "node:fs";
import { FRAME_BYTES } from "../../../protocol/mod.ts";
import { BlockLog } from "../../../relay/log/block-log.ts";
import { startRelay } from "../../../relay/mod.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import { createLogFile } from "../../../relay/log/store.ts";
import { frameOf, read } from "../../support/relay/log-rooms.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";

const [folder = "", which] = process.argv.slice(2);

/** A log without a relay, until nothing fits. */
function fill(): object {
  const file = createLogFile(folder, 16);
  const pool = new BlockPool(createPool(16, 1, FRAME_BYTES, file), 0);
  const small = new BlockLog(pool, 100);
  small.reserve(0);
  small.put(0, frameOf(100, 100));
  const log = new BlockLog(pool, FRAME_BYTES);
  const kept: string[] = [];
  while (kept.at(-1) !== "full") {
    log.reserve(kept.length);
    kept.push(log.put(kept.length, frameOf(kept.length, FRAME_BYTES)));
  }
  const good = kept.length - 1;
  log.reserve(good);
  const again = log.put(good, frameOf(good, FRAME_BYTES));
  small.reserve(1);
  const result = {
    kept: good > 0 && kept.slice(0, -1).every((each) => each === "kept"),
    last: kept.at(-1),
    again,
    small: small.put(1, frameOf(101, 100)),
    whole:
      !log.has(good) &&
      Array.from({ length: good }, (_, index) => index).every(
        (index) => Buffer.compare(read(pool, log, index)!, frameOf(index, FRAME_BYTES)) === 0,
      ) &&
      Buffer.compare(read(pool, small, 1)!, frameOf(101, 100)) === 0,
  };
  closeSync(file);
  return result;
}

if (which === "log") {
  console.log(JSON.stringify(fill()));
  process.exit(0);
}
const troubles: string[] = [];
await using relay = await startRelay({
  logFolder: folder,
  logBytes: 32 * FRAME_BYTES,
  zeroCopy: which === "relay",
  onTrouble: (trouble) => troubles.push(trouble),
});
const url = `${relay.url}/ws`;
const channels = [randomId(), randomId()] as const;
const small = rawShare(20, 1000);
const large = rawShare(12, FRAME_BYTES - 16);

// One share that fits, and is in the log.
await using _small = await RawClient.serving(url, channels[0], small);
const open = (channel: Uint8Array, share: typeof small): Promise<RawReceiver> =>
  RawReceiver.open({ port: relay.port, channel, share });
await using first = await open(channels[0], small);
first.join();
await first.takeAll();

// One that does not.
await using sender = await RawClient.serving(url, channels[1], large);
await using receiver = await open(channels[1], large);
receiver.join();
const fault = await sender.when("fault");
await receiver.until("presence false");
const firstIsWhole = receiver.frames.length > 0;

await using second = await open(channels[0], small);
second.join();
await second.takeAll();

// The operator makes room, and the sender comes back.
spawnSync("mount", ["-o", "remount,size=64m", folder]);
await using _again = await RawClient.serving(url, channels[1], large);
const next = receiver.frames.length;
receiver.ack(next);
await receiver.takeAll(next);
console.log(
  JSON.stringify({
    fault: fault.code,
    retry: fault.retry,
    firstIsWhole,
    smallIsServed: Bun.deepEquals(second.frames, framesUpTo(20)),
    largeIsServed: Bun.deepEquals(receiver.frames, framesUpTo(12)),
    troubles,
  }),
);
await relay.stop();
process.exit(0);
