/** Lets a carrier carry one file, and measures it: see `systems/carrier.ts`. */
import { createReadStream } from "node:fs";
import { basename } from "node:path";

import { adopt } from "./children.ts";
import { PIECE_BYTES, matches } from "./load/pattern.ts";
import { bound } from "./systems/command.ts";
import type { Carriage, Program } from "./systems/carrier.ts";

/** characters of what a program says that are looked through, and told when it fails */
const WORDS = 4000;
const TOLD = 400;

export interface Carried {
  /** From the sender's start to the end of the receiver. */
  readonly seconds: number;
  /** s, user and system, from a program's start to its end */
  readonly senderCpuSeconds: number;
  readonly receiverCpuSeconds: number;
}

/**
 * @param file what to send
 * @param out the folder to receive in
 * @throws Error when one of the two fails, or `signal` is aborted
 */
export async function carry(
  carriage: Carriage,
  file: string,
  out: string,
  signal: AbortSignal,
): Promise<Carried> {
  const { order, senderEnds } = carriage;
  if (order.first === "receiver") {
    await using receiver = new Running(carriage.receiver(out, ""), signal);
    await receiver.says(order.says);
    const startedAt = performance.now();
    await using sender = new Running(carriage.sender(file), signal);
    return await finished(startedAt, sender, receiver, senderEnds);
  }
  const startedAt = performance.now();
  await using sender = new Running(carriage.sender(file), signal);
  const said = await sender.says(order.says);
  await using receiver = new Running(carriage.receiver(out, said), signal);
  return await finished(startedAt, sender, receiver, senderEnds);
}

async function finished(
  startedAt: number,
  sender: Running,
  receiver: Running,
  senderEnds: boolean,
): Promise<Carried> {
  const receiverCpuSeconds = await receiver.ended();
  const seconds = (performance.now() - startedAt) / 1000;
  if (!senderEnds) sender.interrupt();
  return { seconds, receiverCpuSeconds, senderCpuSeconds: await sender.ended(!senderEnds) };
}

/** A program at work. Disposing ends it, whatever it was doing. */
export class Running implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #name: string;
  readonly #read: Promise<unknown>;
  #words = "";
  #heard = Promise.withResolvers<void>();

  constructor({ command, env, cwd }: Program, signal: AbortSignal) {
    this.#name = basename(command[0] ?? "");
    this.#child = adopt(
      Bun.spawn(bound(command), {
        env: { ...process.env, ...env },
        ...(cwd === undefined ? {} : { cwd }),
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        signal,
        killSignal: "SIGKILL",
      }),
    );
    this.#read = Promise.all([this.#listen(this.#child.stdout), this.#listen(this.#child.stderr)]);
  }

  /** Waits for words that match; what the first group matched. @throws Error when it ends without them */
  async says(expression: RegExp): Promise<string> {
    for (;;) {
      const heard = this.#heard.promise;
      const found = expression.exec(this.#words);
      if (found !== null) return found[1] ?? "";
      const isOver = this.#read.then(() => true);
      if (await Promise.race([heard.then(() => false), isOver])) {
        if (!expression.test(this.#words)) throw this.#failed("ended too early");
      }
    }
  }

  /** How much CPU it took. s @throws Error when it fails; not when it was interrupted */
  async ended(wasInterrupted = false): Promise<number> {
    const exitCode = await this.#child.exited;
    await this.#read;
    if (exitCode !== 0 && !wasInterrupted) throw this.#failed(`ended with ${exitCode}`);
    return Number(this.#child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.#words = (this.#words + decoder.decode(bytes, { stream: true })).slice(-WORDS);
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    }
  }

  #failed(what: string): Error {
    return new Error(`${this.#name} ${what}: ${this.#words.trim().slice(-TOLD)}`);
  }
}

/** @throws Error when a file does not hold the first `size` bytes of the pattern, and nothing else */
export async function checkFile(path: string, size: number): Promise<void> {
  let offset = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    const bytes = chunk as Buffer;
    if (!matches(bytes, offset)) throw new Error(`a byte from ${offset} on is wrong`);
    offset += bytes.length;
  }
  if (offset !== size) throw new Error(`${offset} bytes arrived of ${size}`);
}
