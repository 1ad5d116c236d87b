/**
 * The checkout whose relay and commands are measured, where it is not this one as it stands: `guard` puts two
 * commits in turns under the load of one. Their relays start as an operator starts them, by the command line.
 */
import { adopt } from "../children.ts";
import { linesOf } from "../lines.ts";
import { bound } from "./command.ts";

/** ms that a relay may take until it listens, and to end when asked */
const START_MS = 60_000;
const END_MS = 2000;

const own = `${import.meta.dir}/../..`;
let current: string | undefined;

/** The root of the checkout; undefined: this one, with the relay that tells the bench of itself. */
export function productUnderTest(): string | undefined {
  return current;
}

/** The root of the checkout that is measured. */
export function productFolder(): string {
  return current ?? own;
}

/** @param folder the root of a checkout with its packages: all that `run` starts is of it, one run at a time */
export async function withProduct<T>(folder: string, run: () => Promise<T>): Promise<T> {
  current = folder;
  try {
    return await run();
  } finally {
    current = undefined;
  }
}

export interface ProductRelay extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
}

/** @throws Error when it does not come up */
export async function startProductRelay(
  folder: string,
  args: readonly string[],
): Promise<ProductRelay> {
  const common = ["relay", "--host", "127.0.0.1", "--port", "0", "--no-admin", "--drain", "0"];
  const line = [process.execPath, `${folder}/cli/main.ts`, ...common, "--json", ...args];
  const child = adopt(
    Bun.spawn(bound(line), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    }),
  );
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await child.exited;
    clearTimeout(kill);
  };
  const listening = Promise.withResolvers<string>();
  const late = setTimeout(() => listening.reject(new Error("the relay is late")), START_MS);
  const read = async (): Promise<void> => {
    for await (const said of linesOf(child.stdout)) {
      const { event, url = "" } = JSON.parse(said) as { event?: string; url?: string };
      if (event === "listening") listening.resolve(url);
    }
    listening.reject(new Error(`the relay of ${folder} ended before it listened`));
  };
  void read();
  try {
    return { pid: child.pid, url: await listening.promise, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  } finally {
    clearTimeout(late);
  }
}
