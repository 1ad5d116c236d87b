import type { ClientEvent } from "../../../cli/mod.ts";
import { FILESHARE } from "./command-words.ts";

/** A fileshare command in a process of its own; its NDJSON events, and how it ended. */
export interface Command extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** Reads events until the command ends, or until `until` says so of one, which is returned. */
  events(until?: (event: ClientEvent) => boolean): Promise<ClientEvent | undefined>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `fileshare ...args --json`. `seen` gets every event. Its errors are passed on. `under` runs the rest of the command line. */
export function fileshare(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  seen: (event: ClientEvent) => void = () => undefined,
  stdin: "ignore" | Uint8Array = "ignore",
  under: readonly string[] = [],
): Command {
  const child = Bun.spawn([...under, ...FILESHARE, ...args, "--json"], {
    // Whatever the person has configured is for other runs, and what a run remembers for none.
    env: { XDG_STATE_HOME: "/dev/null", ...process.env, FILESHARE_CONFIG: "", ...env },
    stdin,
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = readLines(child.stdout);
  return {
    pid: child.pid,
    exited: child.exited,
    kill: (signal) => child.kill(signal),
    async events(until = () => false) {
      for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
        const event = JSON.parse(next.value) as ClientEvent;
        seen(event);
        if (until(event)) return event;
      }
      return undefined;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
