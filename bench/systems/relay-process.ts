/** A relay of ours that runs as a process and tells of itself on its stdout. */
import { adopt } from "../children.ts";
import { linesOf } from "../lines.ts";
import type { RelayStats } from "./system.ts";

export type RelaySays =
  | { readonly t: "listening"; readonly url: string; readonly admin?: string | undefined }
  | { readonly t: "stats"; readonly stats: RelayStats };

/** ms that it may take until it listens, and to end when its stdin does */
const START_MS = 60_000;
const END_MS = 2000;
/** Reports kept for somebody who never takes them. */
const KEPT = 10_000;

export interface RelayProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  /** Address of its admin listener, where it has one. */
  readonly admin: string | undefined;
  takeStats(): readonly RelayStats[];
}

/** @throws Error when it does not come up */
export async function startRelayProcess(
  script: string,
  args: readonly string[],
): Promise<RelayProcess> {
  const child = adopt(
    Bun.spawn([process.execPath, `${import.meta.dir}/${script}`, ...args], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    }),
  );
  const listening = Promise.withResolvers<{
    readonly url: string;
    readonly admin?: string | undefined;
  }>();
  let stats: RelayStats[] = [];
  const read = async (): Promise<void> => {
    for await (const line of linesOf(child.stdout)) {
      const message = JSON.parse(line) as RelaySays;
      if (message.t === "listening") listening.resolve(message);
      else if (stats.length < KEPT) stats.push(message.stats);
    }
    listening.reject(new Error(`${script} ended before it listened`));
  };
  const end = async (): Promise<void> => {
    await child.stdin.end();
    const kill = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await child.exited;
    clearTimeout(kill);
  };
  void read();
  const late = setTimeout(() => listening.reject(new Error(`${script} is late`)), START_MS);
  try {
    const { url, admin } = await listening.promise;
    return {
      pid: child.pid,
      url,
      admin,
      takeStats() {
        const taken = stats;
        stats = [];
        return taken;
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  } finally {
    clearTimeout(late);
  }
}
