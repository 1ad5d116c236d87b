/** The command line of the torture. */
import { registry } from "../../cli/commands/registry.ts";
import { renderUsage } from "citty";
import { command, type Command } from "../../cli/commands/command.ts";
import { define, type ValuesOf } from "../../cli/commands/definition.ts";
import { parseSeconds, parseWhole } from "../../cli/arguments/values.ts";
import type { Size } from "./plan.ts";

export interface Options {
  /** No fault and no share begins after so long. ms */
  readonly ms: number;
  readonly rounds: number;
  readonly seed: string;
  readonly size: Size;
  /** The history stays also when all went well. */
  readonly keep: boolean;
}

const MiB = 1024 * 1024;
const MINUTES = 24 * 60;
const MOST = { rounds: 10_000, receivers: 100, mebibytes: 1024, faults: 1000 } as const;

/** Runs with what the words say. @throws FaultError "usage" */
export function torture(
  words: readonly string[],
  run: (options: Options) => Promise<number>,
): Promise<number> {
  return commandFor(run).run(words, registry);
}

export async function helpText(): Promise<string> {
  const { definition } = commandFor(() => Promise.resolve(0));
  return Bun.stripANSI(await renderUsage(definition));
}

const DEFINITION = define({
  name: "bun run torture",
  description:
    "Send files to receivers while processes are killed and frozen and lines break, and compare every copy",
  args: {
    minutes: {
      type: "string",
      valueHint: "m",
      description: "No fault and no share begins after so long (2)",
    },
    rounds: { type: "string", valueHint: "n", description: "Shares at most (all that fit)" },
    seed: {
      type: "string",
      valueHint: "text",
      description:
        "Choose as a run before did (else by chance). Acts, targets and pauses are the same; the progress of each client by then is not",
    },
    receivers: { type: "string", valueHint: "n", description: "Receivers of each share (20)" },
    faults: { type: "string", valueHint: "n", description: "Faults of each share at most (40)" },
    size: { type: "string", valueHint: "MiB", description: "The largest file (64)" },
    keep: { type: "boolean", description: "Keep the history also when all went well" },
  },
  examples: [],
});

function commandFor(run: (options: Options) => Promise<number>): Command {
  const runner = (values: ValuesOf<typeof DEFINITION>): Promise<number> => {
    const { minutes, rounds, seed, receivers, faults, size, keep } = values;
    return run({
      ms: 60 * parseSeconds("--minutes", minutes ?? "2", MINUTES * 1000),
      rounds: parseWhole("--rounds", rounds ?? String(MOST.rounds), 1, MOST.rounds),
      keep,
      seed: seed ?? String(crypto.getRandomValues(new Uint32Array(1))[0]),
      size: {
        receivers: parseWhole("--receivers", receivers ?? "20", 1, MOST.receivers),
        steps: parseWhole("--faults", faults ?? "40", 0, MOST.faults),
        bytes: parseWhole("--size", size ?? "64", 1, MOST.mebibytes) * MiB,
      },
    });
  };
  return command(DEFINITION, () => Promise.resolve(runner));
}
