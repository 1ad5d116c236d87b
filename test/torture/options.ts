/** The command line of the torture. */
import { registry } from "../../cli/commands/registry.ts";
import { renderUsage } from "citty";
import { command, type Command } from "../../cli/commands/command.ts";
import { define, flag, text, type ValuesOf } from "../../cli/commands/definition.ts";
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

export function helpText(): Promise<string> {
  return helpOf(commandFor(() => Promise.resolve(0)));
}

export async function helpOf({ definition }: Command): Promise<string> {
  return Bun.stripANSI(await renderUsage(definition));
}

/** Options of each torture, with what they are unless they are given. */
export function shared(usual: Record<"receivers" | "faults" | "size", number>) {
  return {
    minutes: text("m", "No fault and no share begins after so long (2)"),
    rounds: text("n", "Shares at most (all that fit)"),
    seed: text(
      "text",
      "Choose as a run before did (else by chance). Acts, targets and pauses are the same; the progress of each client by then is not",
    ),
    receivers: text("n", `Receivers of each share (${usual.receivers})`),
    faults: text("n", `Faults of each share at most (${usual.faults})`),
    size: text("MiB", `The largest share (${usual.size})`),
    keep: flag("Keep the history also when all went well"),
  } as const;
}

type SharedValues = Record<
  "minutes" | "rounds" | "seed" | "receivers" | "faults" | "size",
  string | undefined
> & {
  readonly keep: boolean;
};

/** @throws FaultError "usage" */
export function optionsOf(
  values: SharedValues,
  usual: Record<"receivers" | "faults" | "size", number>,
): Options {
  const { minutes, rounds, seed, receivers, faults, size, keep } = values;
  const whole = (
    name: "receivers" | "faults" | "size",
    value: string | undefined,
    least: number,
    most: number,
  ): number => parseWhole(`--${name}`, value ?? String(usual[name]), least, most);
  return {
    ms: 60 * parseSeconds("--minutes", minutes ?? "2", MINUTES * 1000),
    rounds: parseWhole("--rounds", rounds ?? String(MOST.rounds), 1, MOST.rounds),
    keep,
    seed: seed ?? String(crypto.getRandomValues(new Uint32Array(1))[0]),
    size: {
      receivers: whole("receivers", receivers, 1, MOST.receivers),
      steps: whole("faults", faults, 0, MOST.faults),
      bytes: whole("size", size, 1, MOST.mebibytes) * MiB,
    },
  };
}

const USUAL = { receivers: 20, faults: 40, size: 64 } as const;

const DEFINITION = define({
  name: "bun run torture",
  description:
    "Send files to receivers while processes are killed and frozen and lines break, and compare every copy",
  args: shared(USUAL),
  examples: [],
});

function commandFor(run: (options: Options) => Promise<number>): Command {
  const runner = (values: ValuesOf<typeof DEFINITION>): Promise<number> =>
    run(optionsOf(values, USUAL));
  return command(DEFINITION, () => Promise.resolve(runner));
}
