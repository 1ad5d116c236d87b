import { expect, test } from "bun:test";
import { decodeFrame, FRAME_BYTES, RECORD_INDEX, WINDOW_RECORDS } from "../../protocol/mod.ts";
import { bytesOf, temporaryFolder } from "../support/disk.ts";
import { RawClient, randomId } from "../support/relay/raw-client.ts";
import { newCode, receive, send } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { RelayProcess } from "../support/clients/processes.ts";
import { keysOf } from "../support/clients/known-codes.ts";

const MiB = 1024 * 1024;
const STOPPED = 10;

test.skipIf(process.platform !== "linux")(
  "P8 T11 receivers that read nothing and acknowledge all cost a record each and hold nobody (needs /proc)",
  async () => {
    using folder = temporaryFolder();
    await using relay = await RelayProcess.start({ logBytes: 8 * MiB });
    const file = makeFile(folder.path, "a.bin", 64 * MiB);
    using out = temporaryFolder();
    const code = newCode();
    const keys = keysOf(code);
    await using sender = send({ relay: relay.url, code, path: file.path });
    await using stack = new AsyncDisposableStack();
    const stopped: RawClient[] = [];
    for (let i = 0; i < STOPPED; i++) {
      const client = stack.use(await RawClient.greeted(relay.url, "receiver", keys));
      stopped.push(client);
      const { list } = await client.when("offers", ({ list }) => list.length > 0);
      client.join(list[0]!.share, 0, WINDOW_RECORDS, randomId(), keys);
      await client.frame(0);
      client.socket.pause();
    }
    const { share } = (await stopped[0]!.when("offers", ({ list }) => list.length > 0)).list[0]!;
    const before = relay.memory;
    await using receiver = receive({ relay: relay.url, code, out: out.path });
    // Forged: who reads nothing claims to have everything, again and again.
    const lie = (): void => {
      for (const client of stopped) client.ack(share, RECORD_INDEX, WINDOW_RECORDS);
    };
    for (let records = 0; records < 64; records += 8) {
      lie();
      await receiver.when("progress", ({ bytes }) => bytes >= records * MiB * 0.9);
    }
    expect(bytesOf((await receiver.when("saved")).path)).toEqual(file.bytes);
    expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: 0 });
    // One record and what lies around it, where unbounded queues would hold sixty.
    const perStopped = (relay.peakMemory - before) / STOPPED;
    expect(perStopped).toBeLessThan(8 * FRAME_BYTES);

    const [first, ...others] = stopped;
    for (const client of others) client.send({ t: "leave", share, reason: "interrupted" });
    // One that reads again gets on from where it was, without a gap.
    first!.onFrame = () => first!.ack(share, first!.frames.length, WINDOW_RECORDS);
    first!.socket.resume();
    const last = decodeFrame(await first!.frame(64));
    expect(last).toMatchObject({ index: 64, last: true });
    expect(first!.frames.map((frame) => decodeFrame(frame).index)).toEqual([...Array(65).keys()]);
    first!.send({ t: "leave", share, reason: "declined" });
    expect(await sender.outcome).toEqual({ fault: "some-failed", exitCode: 3 });
  },
);
