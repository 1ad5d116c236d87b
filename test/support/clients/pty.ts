/** The command line in a real pseudo-terminal, and what a person would see there. */
import { Terminal } from "@xterm/headless";
import { FILESHARE } from "./command-words.ts";

export interface Pty extends AsyncDisposable {
  /** All bytes that came, as text. */
  readonly raw: string;
  readonly exited: Promise<number>;
  /** The grid, one string a line, without the empty end. */
  grid(): string[];
  /** Resolves when the grid shows it; rejects when the process ends without. */
  shows(what: string | RegExp): Promise<void>;
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** Closes the terminal, as a window does. */
  hangUp(): void;
}

export interface PtyOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

/** The command line of this product. */
export function openPty(args: readonly string[], options: PtyOptions = {}): Pty {
  return openProgram([...FILESHARE, ...args], options);
}

export function openProgram(command: readonly string[], options: PtyOptions = {}): Pty {
  const { columns = 80, rows = 24, cwd, env = {} } = options;
  const screen = makeScreen(columns, rows);
  const decoder = new TextDecoder();
  let raw = "";
  let ended = false;
  let changed = Promise.withResolvers<void>();
  const wake = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const closed = Promise.withResolvers<void>();
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...cleanEnv(), TERM: "xterm-256color", ...env },
    terminal: {
      cols: columns,
      rows,
      data: (_terminal, bytes) => {
        raw += decoder.decode(bytes, { stream: true });
        screen.write(bytes, wake);
      },
      exit: () => screen.write("", closed.resolve),
    },
  });
  // The last bytes may come after the end of the process.
  const exited = Promise.all([child.exited, closed.promise]).then(([exitCode]) => {
    ended = true;
    wake();
    return exitCode;
  });
  return {
    get raw() {
      return raw;
    },
    exited,
    grid: () => gridOf(screen),
    shows: async (what) => {
      while (
        gridOf(screen)
          .join("\n")
          .search(what instanceof RegExp ? what : literal(what)) < 0
      ) {
        if (ended) throw new Error(`never showed ${what}:\n${gridOf(screen).join("\n")}`);
        await changed.promise;
      }
    },
    type: (text) => void child.terminal?.write(text),
    resize: (columns, rows) => {
      screen.resize(columns, rows);
      child.terminal?.resize(columns, rows);
    },
    hangUp: () => child.terminal?.close(),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
      child.terminal?.close();
    },
  };
}

function literal(text: string): RegExp {
  return new RegExp(RegExp.escape(text));
}

export function makeScreen(columns: number, rows: number): Terminal {
  return new Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 200 });
}

/** The lines of a terminal, from the first one of the scrollback on. */
export function gridOf(screen: Terminal): string[] {
  const { active } = screen.buffer;
  const lines = Array.from({ length: active.length }, (_, y) => {
    return active.getLine(y)?.translateToString(true) ?? "";
  });
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

/** The environment without what would steer the command line. */
export function cleanEnv(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined &&
      !name.startsWith("FILESHARE_") &&
      !/_proxy$/i.test(name) &&
      !["NO_COLOR", "FORCE_COLOR", "CI", "TEST", "NODE_ENV"].includes(name),
  );
  // The person's own configuration is none of a test's.
  return { ...(Object.fromEntries(kept) as Record<string, string>), FILESHARE_CONFIG: "" };
}
