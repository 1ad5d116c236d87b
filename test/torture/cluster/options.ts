/** The command line of the torture of a cluster. */
import { command, type Command } from "../../../cli/commands/command.ts";
import { define, text, type ValuesOf } from "../../../cli/commands/definition.ts";
import { registry } from "../../../cli/commands/registry.ts";
import { parseWhole } from "../../../cli/arguments/values.ts";
import { helpOf, optionsOf, shared, type Options } from "../options.ts";
import { STOP_MS } from "./limits.ts";
import type { ClusterSize } from "./plan.ts";

export interface ClusterOptions extends Options {
  readonly size: ClusterSize;
  /** Undefined: that of the system. */
  readonly natsProgram: string | undefined;
}

const USUAL = { receivers: 30, faults: 24, size: 48 } as const;
const LONGEST_SECONDS = STOP_MS[1] / 1000;

const DEFINITION = define({
  name: "bun run torture:cluster",
  description:
    "Send and store files, folders and streams over three relays and three NATS servers, which are killed, stopped and cut off, and compare every copy",
  args: {
    ...shared(USUAL),
    longest: text("s", `Seconds of the longest stop or cut (${LONGEST_SECONDS})`),
    "nats-server": text("path", "The program of NATS (nats-server)"),
  },
  examples: [],
});

/** Runs with what the words say. @throws FaultError "usage" */
export function tortureCluster(
  words: readonly string[],
  run: (options: ClusterOptions) => Promise<number>,
): Promise<number> {
  return commandFor(run).run(words, registry);
}

export function helpText(): Promise<string> {
  return helpOf(commandFor(() => Promise.resolve(0)));
}

function commandFor(run: (options: ClusterOptions) => Promise<number>): Command {
  const runner = (values: ValuesOf<typeof DEFINITION>): Promise<number> => {
    const options = optionsOf(values, USUAL);
    const longest = values.longest ?? String(LONGEST_SECONDS);
    const longestMs = 1000 * parseWhole("--longest", longest, 1, LONGEST_SECONDS);
    return run({
      ...options,
      size: { ...options.size, longestMs },
      natsProgram: values["nats-server"],
    });
  };
  return command(DEFINITION, () => Promise.resolve(runner));
}
