/** The relay command as a process. */
import { lines } from "./processes.ts";
import { cleanEnv } from "./pty.ts";
import { FILESHARE } from "./command-words.ts";

interface Said {
  readonly event: "listening" | "draining" | "error";
  readonly port: number;
  readonly code: string;
  readonly message: string;
  readonly httpPort?: number;
}

/** `fileshare relay --json` with one port, or a free one. */
export class RelayCommand implements AsyncDisposable {
  readonly exited: Promise<number>;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #said: AsyncGenerator<Said, void>;
  readonly #scheme: "ws" | "wss";
  port = 0;
  /** The plain one beside one with TLS. */
  httpPort = 0;

  /** @param before a command of the shell, such as one that sets a limit */
  constructor(
    options: readonly string[],
    port = 0,
    before?: string,
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#scheme = options.includes("--tls-cert") ? "wss" : "ws";
    const args = ["relay", "--host", "127.0.0.1", "--port", `${port}`, "--json", ...options];
    const shell = before === undefined ? [] : ["sh", "-c", `${before}; exec "$@"`, "sh"];
    this.#process = Bun.spawn([...shell, ...FILESHARE, ...args], {
      env: { ...cleanEnv(), ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.exited = this.#process.exited;
    this.#said = lines<Said>(this.#process.stdout);
  }

  static async start(
    options: readonly string[],
    port?: number,
    before?: string,
    env?: Readonly<Record<string, string>>,
  ): Promise<RelayCommand> {
    const relay = new RelayCommand(options, port, before, env);
    const said = await relay.says();
    if (said?.event !== "listening") throw new Error(`not listening: ${said?.message}`);
    return relay;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/ws`;
  }

  async says(): Promise<Said | undefined> {
    const next = await this.#said.next();
    if (next.done === true) return undefined;
    if (next.value.event === "listening") {
      this.port = next.value.port;
      this.httpPort = next.value.httpPort ?? 0;
    }
    return next.value;
  }

  get pid(): number {
    return this.#process.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.exited;
  }
}
