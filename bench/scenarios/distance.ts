/**
 * One file from disk to disk, encrypted, with the real command lines, while sender and receiver are each far from
 * the relay: a delay line of its own leads each to it. The figures count from the first content that the
 * receiver gets, so start and key derivation are not in them; the growth of the windows is.
 */
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";

import { checkFile, Running } from "../carry.ts";
import { adopt } from "../children.ts";
import { linesOf } from "../lines.ts";
import type { Carried } from "../load/delay-lines.ts";
import { Observer } from "../observer.ts";
import { ownIfAny, ownList, type Options } from "../options.ts";
import { sourceOf } from "../sources.ts";
import type { Carriage, Program } from "../systems/carrier.ts";
import { openFileshare } from "../systems/fileshare-cli.ts";
import { TemporaryFolder } from "../temporary.ts";
import { withoutFigures, type Case, type Measured, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const SIZE = GiB;
const LINES = `${import.meta.dir}/../load/delay-lines.ts`;
const DONE = /"event":"done".*?"active":([\d.]+)/;

export const distance: Scenario = {
  name: "distance",
  summary: "one file to one receiver, both far from the relay, with the real command lines",
  systems: ["fileshare"],
  options: [
    {
      name: "one-way",
      kind: "count",
      standard: [0, 25, 150],
      help: "delays between each client and the relay, one run each, in ms",
      orNone: true,
    },
    {
      name: "rate",
      kind: "bits",
      standard: [],
      help: "rate of each direction of a line, such as 1Gbit",
    },
  ],
  cases(options: Options): Case[] {
    const size = options.size ?? SIZE;
    const rate = ownIfAny(options, "rate");
    return ownList(options, "one-way").map((oneWayMs) => ({
      system: "fileshare",
      workers: 1,
      receivers: 1,
      size,
      variant: `${oneWayMs} ms one way${rate === undefined ? "" : `, ${rate / 125_000} Mbit/s`}`,
      run: (signal) => measure({ oneWayMs, rate }, size, signal),
    }));
  },
};

interface Path {
  readonly oneWayMs: number;
  /** bytes/s; undefined: as fast as this machine */
  readonly rate: number | undefined;
}

async function measure(path: Path, size: number, signal: AbortSignal): Promise<Measured> {
  using folder = new TemporaryFolder("distance");
  const file = await sourceOf(size).file();
  await checkFile(file, size); // and now it is in the page cache
  const out = join(folder.path, "out");
  await mkdir(out);
  await using carriage = await openFileshare();
  await using lines = await Lines.start(carriage, file, path);
  await using receiver = new Running(lines.through(carriage.receiver(out, ""), 1), signal);
  await receiver.says(carriage.order.says);
  const observer = await Observer.start(carriage);
  const startedAt = performance.now();
  await using sender = new Running(lines.through(carriage.sender(file), 0), signal);
  const ended = Promise.all([receiver.ended(), sender.ended()]);
  // Whether it went well or not, nobody observes any more.
  await ended.catch(() => undefined);
  const seconds = (performance.now() - startedAt) / 1000;
  const { cpuSeconds, rssAnonPeak, bufferedPeak, eventLoopDelayP99 } = await observer.stop();
  const [receiverCpuSeconds, senderCpuSeconds] = await ended;
  const contentSeconds = Number(await receiver.says(DONE));
  const { carried, cpuSeconds: lineCpuSeconds } = await lines.end();
  await checkFile(join(out, basename(file)), size);
  const bytesPerSecond = size / contentSeconds;
  const steady = carried.steadyRate[1] ?? 0;
  return {
    ...withoutFigures(""),
    invalid: undefined,
    bytes: size,
    seconds,
    aggregateBytesPerSecond: bytesPerSecond,
    relayCpuSeconds: cpuSeconds,
    relayCpuSecondsPerGiB: cpuSeconds === undefined ? undefined : (cpuSeconds * GiB) / size,
    relayRssAnonPeak: rssAnonPeak,
    bufferedPeak,
    eventLoopDelayP99,
    completion: { p50: seconds, p99: seconds },
    fairness: 1,
    extra: {
      mibPerSecond: bytesPerSecond / MiB,
      steadyMibPerSecond: steady / MiB,
      ...(path.rate !== undefined && {
        fillPercent: (100 * bytesPerSecond) / path.rate,
        steadyFillPercent: (100 * steady) / path.rate,
      }),
      upInFlightMiB: (carried.up[0] ?? 0) / MiB,
      downInFlightMiB: (carried.down[1] ?? 0) / MiB,
      contentSeconds,
      senderCpuSeconds,
      receiverCpuSeconds,
      lineCpuSeconds,
    },
  };
}

/** The lines of a run: the sender's and the receiver's. */
class Lines implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #said: AsyncGenerator<string>;
  #ports: readonly number[] = [];

  private constructor(relay: string, { oneWayMs, rate }: Path) {
    const { port } = new URL(relay);
    const args = [port, "2", String(oneWayMs), ...(rate === undefined ? [] : [String(rate)])];
    this.#child = adopt(
      Bun.spawn([process.execPath, LINES, ...args], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      }),
    );
    this.#said = linesOf(this.#child.stdout);
  }

  /** @throws Error when they do not come up */
  static async start(carriage: Carriage, file: string, path: Path): Promise<Lines> {
    const lines = new Lines(relayOf(carriage.sender(file)), path);
    lines.#ports = await lines.#hear();
    return lines;
  }

  /** The program, with its relay at the end of a line. */
  through(program: Program, line: number): Program {
    const url = `ws://127.0.0.1:${this.#ports[line]}`;
    return { ...program, env: { ...program.env, FILESHARE_RELAY: url } };
  }

  /** The bytes that they carried, and their CPU time. */
  async end(): Promise<{ readonly carried: Carried; readonly cpuSeconds: number }> {
    await this.#child.stdin.end();
    const carried: Carried = await this.#hear();
    await this.#child.exited;
    const cpuSeconds = Number(this.#child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
    return { carried, cpuSeconds };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #hear<T>(): Promise<T> {
    const said = await this.#said.next();
    if (said.done === true) throw new Error("the delay lines ended too early");
    return JSON.parse(said.value) as T;
  }
}

function relayOf({ env }: Program): string {
  return env?.["FILESHARE_RELAY"] ?? "";
}
