/** Processes of a run. Every one is in a list until it has ended, and ended by its id. */
import { setTimeout as sleep } from "node:timers/promises";
import { lines } from "../support/clients/processes.ts";
import type { History, Reason } from "./history.ts";
import { END_MS, STDERR_CHARACTERS } from "./limits.ts";

/** Before a command: its process ends when the one that started it does, also when that is killed. The id is the same. */
export const MORTAL = Bun.which("setpriv") === null ? [] : ["setpriv", "--pdeathsig", "KILL", "--"];

export interface ChildOptions {
  /** As the history names it. */
  readonly who: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Lines of its standard output, each of them JSON. */
  readonly seen: (line: unknown) => void;
  /** Lines of its standard error that are JSON. Unless given, they are words like all others. */
  readonly reported?: (line: unknown) => void;
}

export class Child {
  readonly pid: number;
  /** All that it said has been read then. Undefined: a signal ended it. */
  readonly ended: Promise<number | undefined>;
  readonly #process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #reason: Reason | undefined;
  #hasEnded = false;

  constructor({ who, command, env, seen, reported }: ChildOptions, history: History) {
    const child = Bun.spawn([...MORTAL, ...command], {
      env: { ...process.env, ...env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#process = child;
    this.pid = child.pid;
    history.add({ what: "start", who, pid: child.pid });
    this.ended = this.#follow(who, { seen, reported }, history);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** SIGSTOP and SIGCONT, which end nothing. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (!this.#hasEnded) this.#process.kill(signal);
  }

  /** Says a line on its standard input. */
  say(line: string): void {
    if (this.#hasEnded) return;
    void this.#process.stdin.write(`${line}\n`);
    void this.#process.stdin.flush();
  }

  /** Gives bytes to its standard input, piece after piece with pauses, and then ends it. */
  async feed(pieces: Iterable<Uint8Array>, everyMs: number): Promise<void> {
    for (const piece of pieces) {
      if (this.#hasEnded) return;
      void this.#process.stdin.write(piece);
      await this.#process.stdin.flush();
      await sleep(everyMs);
    }
    if (!this.#hasEnded) await this.#process.stdin.end();
  }

  /** kill -9. */
  async kill(): Promise<void> {
    if (!this.#hasEnded) {
      this.#reason ??= "killed";
      this.#process.kill("SIGKILL");
    }
    await this.ended;
  }

  /** Asks it to end, and kills it when it does not. */
  async tell(signal: "SIGINT" | "SIGTERM"): Promise<void> {
    if (this.#hasEnded) return;
    this.#reason ??= "told";
    this.#process.kill("SIGCONT");
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), END_MS);
    await this.ended;
    clearTimeout(timer);
  }

  async #follow(
    who: string,
    { seen, reported }: Pick<ChildOptions, "seen" | "reported">,
    history: History,
  ): Promise<number | undefined> {
    const { pid } = this;
    const { stderr: said } = this.#process;
    const [stderr] = await Promise.all([
      reported === undefined ? beginning(said) : beginning(said.pipeThrough(without(reported))),
      readAll(this.#process.stdout, seen),
      this.#process.exited,
    ]);
    this.#hasEnded = true;
    const { signalCode } = this.#process;
    const signal = signalCode === null ? undefined : String(signalCode);
    const exitCode = signal === undefined ? (this.#process.exitCode ?? undefined) : undefined;
    // It may have ended by itself while the kill was on its way.
    const cameFirst = this.#reason === "killed" && signal !== "SIGKILL";
    const reason = cameFirst ? undefined : this.#reason;
    history.add({ what: "exit", who, pid, exitCode, signal, reason, stderr });
    return exitCode;
  }
}

/** All processes of a run, to be ended whatever happens. */
export class Children implements AsyncDisposable {
  readonly #history: History;
  readonly #running = new Set<Child>();

  constructor(history: History) {
    this.#history = history;
  }

  start(options: ChildOptions): Child {
    const child = new Child(options, this.#history);
    this.#running.add(child);
    const gone = (): void => void this.#running.delete(child);
    child.ended.then(gone, gone);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((child) => child.kill()));
  }
}

async function readAll(
  stream: ReadableStream<Uint8Array>,
  seen: (line: unknown) => void,
): Promise<void> {
  for await (const line of lines<unknown>(stream)) seen(line);
}

/** Leaves out lines that are JSON, and hands them over. */
function without(reported: (line: unknown) => void): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = "";
  const pass = (line: string, out: TransformStreamDefaultController<Uint8Array>): void => {
    const parsed = jsonOf(line);
    if (parsed === undefined) out.enqueue(encoder.encode(`${line}\n`));
    else reported(parsed);
  };
  return new TransformStream({
    transform(bytes, out) {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) pass(line, out);
    },
    flush(out) {
      if (rest !== "") pass(rest, out);
    },
  });
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The text of a stream, read to its end, with what is too much left out. */
async function beginning(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    if (text.length < STDERR_CHARACTERS) text += decoder.decode(bytes, { stream: true });
  }
  return text.slice(0, STDERR_CHARACTERS);
}
