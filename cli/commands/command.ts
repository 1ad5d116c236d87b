import { parseArgs, type ArgsDef, type CommandDef } from "citty";

import { checkArgs } from "../args.ts";

/** The values of a command's arguments: a boolean for a switch, else the text if given. */
type Values<Args extends ArgsDef> = {
  readonly [Name in keyof Args]: Args[Name]["type"] extends "boolean"
    ? boolean
    : string | undefined;
};

interface Spec<Args extends ArgsDef> {
  readonly name: string;
  readonly description: string;
  readonly args: Args;
  /** Command lines with what they do. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** @param raw the words after the command's name. @returns the exit code */
  run(values: Values<Args>, raw: readonly string[]): Promise<number>;
}

/** A command as data, with arguments that are checked before it runs. */
export interface Command {
  /** With the program's, such as `fileshare send`. */
  readonly name: string;
  readonly description: string;
  readonly args: ArgsDef;
  readonly definition: CommandDef;
  readonly examples: Spec<ArgsDef>["examples"];
  /** @returns the exit code. @throws FaultError */
  run(raw: readonly string[]): Promise<number>;
}

export function command<const Args extends ArgsDef>(spec: Spec<Args>): Command {
  const { name, description, args, examples } = spec;
  return {
    name,
    description,
    args,
    definition: { meta: { name, description }, args },
    examples,
    run: (raw) => {
      checkArgs(raw, args);
      const parsed = parseArgs([...raw], args);
      const values = Object.entries(args).map(([name, { type }]) => {
        const value: unknown = parsed[name];
        if (type === "boolean") return [name, value === true];
        return [name, typeof value === "string" ? value : undefined];
      });
      return spec.run(Object.fromEntries(values) as Values<Args>, raw);
    },
  };
}

/** Arguments that several commands share. */
export const shared = {
  relay: {
    type: "string",
    valueHint: "url",
    description:
      "The relay, as ws://, wss://, http:// or https:// (else FILESHARE_RELAY, else ws://127.0.0.1:8000)",
  },
  "connect-timeout": {
    type: "string",
    valueHint: "seconds",
    description: "How long to try to reach the relay before giving up",
  },
  json: {
    type: "boolean",
    description: "Print events for programs, one JSON object a line",
  },
} as const satisfies ArgsDef;
