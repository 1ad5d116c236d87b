/** The bench's side of a load process: see `contract.ts`. */
import { adopt } from "../children.ts";
import { linesOf } from "../lines.ts";
import type { Done, FromLoad, ToLoad } from "./contract.ts";

/** ms that it may take to exit when its stdin ends */
const END_MS = 2000;
/** characters of its last words that are told */
const WORDS = 600;

export class LoadProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #ready = awaited<void>();
  #through = awaited<void>();
  #done = awaited<Done>();
  #failure: Error | undefined;

  constructor(command: readonly string[]) {
    this.#child = adopt(Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" }));
    void this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** @throws Error when it says that something is wrong, or ends */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Of receivers. @throws Error when it says that something is wrong, or ends */
  get through(): Promise<void> {
    return this.#through.promise;
  }

  /** @throws Error when it says that something is wrong, or ends */
  get done(): Promise<Done> {
    return this.#done.promise;
  }

  /** A plan begins a run: `ready`, `through` and `done` are of the run since then. */
  say(message: ToLoad): void {
    if (message.t === "plan" && this.#failure === undefined) {
      this.#ready = awaited();
      this.#through = awaited();
      this.#done = awaited();
    }
    void this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    void this.#child.stdin.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail("it was ended");
    await this.#child.stdin.end();
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), END_MS);
    await this.#child.exited;
    clearTimeout(kill);
  }

  async #read(): Promise<void> {
    const words = new Response(this.#child.stderr).text();
    for await (const line of linesOf(this.#child.stdout)) {
      this.#take(JSON.parse(line) as FromLoad);
    }
    this.#fail(`a load process ended: ${(await words).trim().slice(-WORDS)}`);
  }

  #take(message: FromLoad): void {
    switch (message.t) {
      case "ready":
        this.#ready.resolve();
        return;
      case "through":
        this.#through.resolve();
        return;
      case "wrong":
        this.#fail(message.what);
        return;
      case "done":
        this.#done.resolve(message);
        return;
    }
  }

  #fail(what: string): void {
    const error = new Error(what);
    this.#failure ??= error;
    this.#ready.reject(error);
    this.#through.reject(error);
    this.#done.reject(error);
  }
}

/** A caller that waits hears of a failure; without one it must not end the bench. */
function awaited<T>(): PromiseWithResolvers<T> {
  const deferred = Promise.withResolvers<T>();
  deferred.promise.catch(() => undefined);
  return deferred;
}
