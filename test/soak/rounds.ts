/** Every kind of receiver that the bench has, against one relay, in rounds. */
import { adopt } from "../../bench/children.ts";

const BENCH = new URL("../../bench/main.ts", import.meta.url).pathname;

/** One after the other; each takes some seconds. */
const SCENARIOS = ["fanout", "churn", "slow", "late"];
const OPTIONS = "--rounds 1 --receivers 16 --size 32MiB --churn-every 4MiB";

/** Begins rounds until told to stop. @returns how many. @throws Error when one went wrong */
export async function rounds(url: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const scenario = SCENARIOS[count % SCENARIOS.length]!;
    const words = [BENCH, scenario, ...OPTIONS.split(" "), "--relay", url];
    const child = adopt(
      Bun.spawn([process.execPath, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" }),
    );
    const [said, complained] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    const exit = await child.exited;
    if (exit !== 0) throw new Error(`the bench ended with ${exit}: ${complained}${said}`);
    count++;
  }
  return count;
}
