/** Rounds with one relay. */
import { Random } from "../simulation/random.ts";
import type { Options } from "./options.ts";
import { planRound, type RoundPlan } from "./plan.ts";
import { RelayUnderTest } from "./relay.ts";
import { playRound, type RoundResult, type World } from "./round.ts";
import { playRounds } from "./rounds.ts";
import { canDestroySockets } from "./sockets.ts";

const MiB = 1024 * 1024;

/** @returns the exit code */
export async function play(
  options: Options,
  canMount: boolean,
  signal: AbortSignal,
): Promise<number> {
  return playRounds(options, signal, async (ground) => {
    const { seed, children, history } = ground;
    const relay = await RelayUnderTest.start(new Random(`port ${seed}`), children, history);
    const canDestroy = await canDestroySockets();
    const world: World = { ...ground, relay, canMount, canDestroySockets: canDestroy };
    if (!canDestroy) console.log("Left out: ss -K (connections are reset instead)");
    return {
      async play(round) {
        const plan = planRound(seed, round, options.size);
        const result = await playRound(world, plan);
        return { violations: result.violations, line: (took) => lineOf(plan, result, took) };
      },
      stop: () => relay.stop(),
    };
  });
}

function lineOf({ round, bytes, receivers }: RoundPlan, result: RoundResult, took: string): string {
  const size = bytes < MiB ? `${bytes} bytes` : `${(bytes / MiB).toFixed(1)} MiB`;
  const { faults, violations } = result;
  const verdict = violations.length === 0 ? "all whole" : "WRONG";
  return `Round ${round}: ${size} to ${receivers.length}, ${faults} faults, ${took}: ${verdict}`;
}
