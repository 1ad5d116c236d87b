/** Processes of the end-to-end tests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RelayOptions } from "../../../relay/mod.ts";

/** One JSON value a line, as they come. */
export async function* lines<T>(stream: ReadableStream<Uint8Array>): AsyncGenerator<T, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) yield JSON.parse(line) as T;
  }
}

/** A relay in a process of its own, to be killed and started again. */
export class RelayProcess implements AsyncDisposable {
  readonly port: number;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;

  private constructor(port: number, child: Bun.Subprocess<"ignore", "pipe", "inherit">) {
    this.port = port;
    this.#process = child;
  }

  static async start(options: Partial<RelayOptions> = {}): Promise<RelayProcess> {
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "relay-child.ts"), JSON.stringify(options)],
      { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
    );
    for await (const { port } of lines<{ port: number }>(child.stdout)) {
      return new RelayProcess(port, child);
    }
    throw new Error("the relay did not start");
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  /** The most memory it ever held, in bytes. Linux only. */
  get peakMemory(): number {
    return this.#memory("VmHWM");
  }

  get memory(): number {
    return this.#memory("VmRSS");
  }

  /** Memory of its own, not of a file. */
  get anonymous(): number {
    return this.#memory("RssAnon");
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #memory(line: string): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, "utf8");
    return 1024 * Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(status)![1]);
  }
}
