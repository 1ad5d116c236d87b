/** The command line as a process without a terminal: run to its end, or started and listened to. */
import { cleanEnv } from "./pty.ts";
import { FILESHARE } from "./command-words.ts";

export { MAIN } from "./command-words.ts";

/** A code that is well formed. */
export const CODE = "candy-ketchup-harbor-tilt-useful-drip-subject";

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /** The text at the standard input, or "pipe" for one that stays open and brings nothing. */
  readonly stdin?: string;
  /** A command of the shell, where `"$@"` is the command line. */
  readonly shell?: string;
}

export function start(args: readonly string[], options: ProgramOptions = {}) {
  const { env = {}, cwd, stdin, shell } = options;
  const command = [...FILESHARE, ...args];
  return Bun.spawn(shell === undefined ? command : ["sh", "-c", shell, "sh", ...command], {
    cwd,
    detached: true, // nor is the terminal of the person who runs the tests theirs
    env: { ...cleanEnv(), ...env },
    stdin: stdin === undefined ? "ignore" : stdin === "pipe" ? stdin : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
}

export async function ended(child: ReturnType<typeof start>): Promise<Ran> {
  const [exitCode, out, err] = await Promise.all([
    child.exited,
    restOf(child.stdout),
    restOf(child.stderr),
  ]);
  return { exitCode, out, err };
}

/** Also of a stream that `heard` has read a part of. */
async function restOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) text += decoder.decode(bytes, { stream: true });
  return text;
}

export function run(args: readonly string[], options?: ProgramOptions): Promise<Ran> {
  return ended(start(args, options));
}

/** The events that a command printed with `--json`. */
export function jsonLines<T>(out: string): T[] {
  const lines = out.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as T);
}

/** Reads until that was said. @returns all that was said. @throws when it ends before */
export async function heard(stream: ReadableStream<Uint8Array>, part: string): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let said = "";
  while (!said.includes(part)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended without ${part}: ${said}`);
    said += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return said;
}
