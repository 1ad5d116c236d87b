/** The options of the scripts in `deploy/`: `--help` prints them, and a wrong word ends the script with a sentence. */
import { parseArgs, type ParseArgsConfig } from "node:util";

type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;

const USAGE = 2;

/** An option with a value that is none of its choices. */
export class ScriptUsageError extends Error {}

/** @param help what `--help` prints */
export function scriptOptions<const Options extends OptionsConfig>(options: Options, help: string) {
  try {
    const all = { ...options, help: { type: "boolean", short: "h" } } as const;
    const { values } = parseArgs({ options: all });
    if ("help" in values && values.help === true) {
      console.log(help.trim());
      process.exit(0);
    }
    return parseArgs({ options, args: Bun.argv.slice(2) }).values;
  } catch (error) {
    return failUsage(error);
  }
}

/** Ends the script where a word is wrong. @throws the error, if it is another */
export function failUsage(error: unknown): never {
  const isUsage =
    error instanceof ScriptUsageError ||
    (error instanceof TypeError &&
      "code" in error &&
      String(error.code).startsWith("ERR_PARSE_ARGS"));
  if (!isUsage) throw error;
  console.error(`${error.message}\nTry --help.`);
  process.exit(USAGE);
}
