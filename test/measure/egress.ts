/**
 * How well a relay keeps `--egress-limit`: 8 receivers take a share for 10 s, by
 * `bun test/measure/egress.ts [MiB/s] [seconds]`. Each second what came to all of them, and at the end who got
 * least and most.
 */
import { ACK_EVERY_RECORDS, FRAME_BYTES, FRAME_HEADER_BYTES } from "../../protocol/mod.ts";
import { DEFAULT_LIMITS, DEFAULT_POLICY, startRelay } from "../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "../support/relay/raw-client.ts";

const MiB = 2 ** 20;
const RECEIVERS = 8;
const rate = Number(process.argv[2] ?? 40) * MiB;
const SECONDS = Number(process.argv[3] ?? 10);

const limits = { ...DEFAULT_LIMITS, "egress-limit": rate };
await using relay = await startRelay({ workers: 2, policy: { ...DEFAULT_POLICY, limits } });
const url = `${relay.url}/ws`;
const channel = randomId();
const share = rawShare(100_000, FRAME_BYTES - FRAME_HEADER_BYTES);
await using _ = await RawClient.serving(url, channel, share);
await using open = new AsyncDisposableStack();
const got = new Float64Array(RECEIVERS);
for (let at = 0; at < RECEIVERS; at++) {
  const receiver = open.use(await RawClient.greeted(url, "receiver", channel));
  await receiver.when("offers");
  let frames = 0;
  receiver.onFrame = ({ length }) => {
    got[at] = (got[at] ?? 0) + length;
    frames++;
    // Not kept: it is only counted.
    receiver.frames.length = 0;
    if (frames % ACK_EVERY_RECORDS === 0) receiver.ack(share.offer.share, frames, 16);
  };
  receiver.join(share.offer.share, 0, 16);
}
const sum = (): number => got.reduce((all, each) => all + each, 0);
// The beginning has what may go at once.
await Bun.sleep(1000);
const [begun, first] = [performance.now(), sum()];
const before = got.slice();
let last = first;
const cpu = process.cpuUsage();
for (let second = 1; second <= SECONDS; second++) {
  await Bun.sleep(begun + second * 1000 - performance.now());
  const now = sum();
  console.log(`${second} s: ${((now - last) / MiB).toFixed(1)} MiB`);
  last = now;
}
const seconds = (performance.now() - begun) / 1000;
const { user, system } = process.cpuUsage(cpu);
const own = Array.from(got, (each, at) => (each - (before[at] ?? 0)) / MiB);
const held = (sum() - first) / seconds;
console.log(
  `${(held / MiB).toFixed(2)} MiB/s of ${rate / MiB}, ${((held / rate) * 100).toFixed(1)} %;`,
  `least ${Math.min(...own).toFixed(0)}, most ${Math.max(...own).toFixed(0)} MiB of one;`,
  `CPU ${((user + system) / 1e6 / seconds).toFixed(2)} s/s, with sender and receivers`,
);
