/** Terminals side by side in tmux, with shells in them to type into, recorded as pictures. */
import { Terminal } from "@xterm/headless";

import { draw, snapshot, type Picture, type Size } from "./draw.ts";

/** A picture every so often, where something changed. */
const FRAME_EVERY_MS = 400;
const LOOK_EVERY_MS = 100;
/** No wait of a scene takes so long. ms */
const GIVE_UP_MS = 240_000;
const KEY_EVERY_MS = 25;

export interface RecordingOptions {
  readonly size: Size;
  /** Where the server's socket is made: a server of its own, which knows nothing of the person's. */
  readonly socket: string;
  /** How many shells, one above the other. */
  readonly shells: number;
  readonly cwd: string;
  /** Of each shell. */
  readonly env: (shell: number) => Readonly<Record<string, string>>;
  /** For nobody to watch: no time to type and to read. */
  readonly hurry: boolean;
}

export class Recording implements AsyncDisposable {
  readonly #socket: string;
  readonly #size: Size;
  readonly #hurry: boolean;
  readonly #terminal: Terminal;
  readonly #client: Bun.Subprocess;
  readonly #timer: NodeJS.Timeout;
  readonly #pictures: Picture[] = [];
  readonly #startedAt = performance.now();

  private constructor(socket: string, size: Size, hurry: boolean) {
    this.#socket = socket;
    this.#size = size;
    this.#hurry = hurry;
    const grid = { cols: size.columns, rows: size.rows };
    this.#terminal = new Terminal({ ...grid, allowProposedApi: true });
    this.#client = Bun.spawn(["tmux", "-S", socket, "-u", "attach"], {
      env: { ...process.env, TERM: "xterm-256color", TMUX: "" },
      terminal: { ...grid, data: (_, bytes) => this.#terminal.write(bytes) },
    });
    this.#timer = setInterval(() => this.#take(), FRAME_EVERY_MS);
  }

  static async start({
    size,
    socket,
    shells,
    cwd,
    env,
    hurry,
  }: RecordingOptions): Promise<Recording> {
    const shell = (which: number): string[] => {
      // tmux has a mind of its own about PATH, so env sets them all.
      const variables = Object.entries(env(which)).map(([name, value]) => `${name}=${value}`);
      return ["-c", cwd, "env", ...variables, "bash", "--norc", "--noprofile", "-i"];
    };
    const grid = ["-x", `${size.columns}`, "-y", `${size.rows}`];
    await tmux(socket, "-f", "/dev/null", "new-session", "-d", ...grid, ...shell(0));
    await tmux(socket, "set", "-g", "status", "off");
    for (let i = 1; i < shells; i++) await tmux(socket, "split-window", "-v", ...shell(i));
    await tmux(socket, "select-layout", "even-vertical");
    return new Recording(socket, size, hurry);
  }

  /** Types a line into a shell, as a person does, and Enter. */
  async type(shell: number, line: string): Promise<void> {
    for (const key of this.#hurry ? [line] : line) {
      await tmux(this.#socket, "send-keys", "-t", `:.${shell}`, "-l", key);
      await this.pause(KEY_EVERY_MS);
    }
    await this.press(shell, "Enter");
  }

  /** A key by its name in tmux, such as `C-c`. */
  async press(shell: number, key: string): Promise<void> {
    await tmux(this.#socket, "send-keys", "-t", `:.${shell}`, key);
  }

  /** The text of a shell, with wrapped lines joined. */
  async text(shell: number): Promise<string> {
    const all = await tmux(this.#socket, "capture-pane", "-p", "-J", "-S", "-", "-t", `:.${shell}`);
    return all.replace(/\n+$/, "");
  }

  /** Until a shell shows it. @throws Error when it never does */
  async shows(shell: number, what: RegExp): Promise<RegExpExecArray> {
    const until = performance.now() + GIVE_UP_MS;
    for (;;) {
      const text = await this.text(shell);
      const found = what.exec(text);
      if (found !== null) return found;
      if (performance.now() > until) throw new Error(`never showed ${what}:\n${text}`);
      await Bun.sleep(LOOK_EVERY_MS);
    }
  }

  /** Time to read. */
  async pause(ms: number): Promise<void> {
    if (!this.#hurry) await Bun.sleep(ms);
  }

  /** The pictures so far as SVG. */
  svg(title: string): string {
    this.#take();
    return draw(this.#pictures, this.#size, title);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await tmux(this.#socket, "kill-server");
    await this.#client.exited;
    this.#client.terminal?.close();
  }

  #take(): void {
    const lines = snapshot(this.#terminal);
    if (lines.length === 0 || lines.join() === this.#pictures.at(-1)?.lines.join()) return;
    this.#pictures.push({ at: Math.round(performance.now() - this.#startedAt), lines });
  }
}

async function tmux(socket: string, ...args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["tmux", "-S", socket, "-u", ...args], {
    env: { ...process.env, TERM: "xterm-256color", TMUX: "" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [exitCode, out, err] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  if (exitCode !== 0) throw new Error(`tmux ${args[0]}: ${err.trim()}`);
  return out;
}
