/**
 * One sender, one receiver, one file, encrypted, each with its own command line, through a relay on
 * this machine where it needs one. The clock runs from the sender's start until the receiver has
 * ended with the whole file: start, key derivation and whatever is hashed are in it.
 */
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";

import { carry, checkFile } from "../carry.ts";
import { Observer } from "../observer.ts";
import type { Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { sourceOf } from "../sources.ts";
import type { Carriage, Carrier } from "../systems/carrier.ts";
import { croc } from "../systems/croc.ts";
import { fileshareCli, openFileshare } from "../systems/fileshare-cli.ts";
import { sendme } from "../systems/sendme.ts";
import { wormhole } from "../systems/wormhole.ts";
import { TemporaryFolder } from "../temporary.ts";
import { withoutFigures, type Case, type Measured, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const SIZE = 512 * MiB;
/** bytes of a file that goes before, which nobody measures: the relay's memory and the programs' pages */
const WARM_BYTES = 64 * MiB;

const carriers = new Map<SystemName, Carrier>(
  [fileshareCli, croc, wormhole, sendme].map((each) => [each.name, each]),
);

export const transfer: Scenario = {
  name: "transfer",
  summary: "one file to one receiver, encrypted, with the real command lines",
  systems: [...carriers.keys()],
  options: [],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const size = options.size ?? SIZE;
    return systems.flatMap((system) => {
      const common = { system, workers: 1, receivers: 1, size };
      const carrier = carriers.get(system);
      if (carrier === undefined) return [];
      const toDisk: Case = {
        ...common,
        variant: "disk to disk",
        run: (signal) => measure((folder) => carrier.open(folder), size, true, signal),
      };
      if (system !== "fileshare") return [toDisk];
      const toNothing: Case = {
        ...common,
        variant: "disk to /dev/null",
        run: (signal) => measure(() => openFileshare(DROPPING), size, false, signal),
      };
      return [toDisk, toNothing];
    });
  },
};

/** The command line can't receive without a disk, so a receiver of the bench drops what it deciphered. */
const DROPPING = "bench/load/dropping-receiver.ts";

/** @param saves whether a file is there afterwards, to be compared */
async function measure(
  open: (folder: string) => Promise<Carriage>,
  size: number,
  saves: boolean,
  signal: AbortSignal,
): Promise<Measured> {
  using folder = new TemporaryFolder("transfer");
  const file = await sourceOf(size).file();
  await checkFile(file, size); // and now it is in the page cache
  const [out, kept, warm] = [
    join(folder.path, "out"),
    join(folder.path, "kept"),
    join(folder.path, "warm"),
  ];
  await Promise.all([mkdir(out), mkdir(kept), mkdir(warm)]);
  await using carriage = await open(kept);
  const first = await sourceOf(Math.min(size, WARM_BYTES)).file();
  await carry(carriage, first, warm, signal);
  const observer = await Observer.start(carriage);
  const { seconds, senderCpuSeconds, receiverCpuSeconds } = await carry(
    carriage,
    file,
    out,
    signal,
  ).catch(async (error: unknown) => {
    await observer.stop();
    throw error;
  });
  const { cpuSeconds, rssAnonPeak, bufferedPeak, eventLoopDelayP99 } = await observer.stop();
  if (saves) await checkFile(join(out, basename(file)), size);
  return {
    ...withoutFigures(""),
    invalid: undefined,
    bytes: size,
    seconds,
    aggregateBytesPerSecond: size / seconds,
    relayCpuSeconds: cpuSeconds,
    relayCpuSecondsPerGiB: cpuSeconds === undefined ? undefined : (cpuSeconds * GiB) / size,
    senderCpuSecondsPerGiB: (senderCpuSeconds * GiB) / size,
    receiversCpuSecondsPerGiB: (receiverCpuSeconds * GiB) / size,
    relayRssAnonPeak: rssAnonPeak,
    bufferedPeak,
    eventLoopDelayP99,
    completion: { p50: seconds, p99: seconds },
    fairness: 1,
    extra: { senderCpuSeconds, receiverCpuSeconds },
  };
}
