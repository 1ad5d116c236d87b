/** The options of a relay from the words and variables of a sample, read as `fileshare relay` reads them. */
import { parseArgs } from "citty";

import { checkArgs } from "../../../cli/arguments/command-line.ts";
import { settingsFor } from "../../../cli/arguments/settings.ts";
import { clusterOptions } from "../../../cli/commands/cluster-options.ts";
import { registry } from "../../../cli/commands/registry.ts";
import type { RelayValues } from "../../../cli/commands/relay-commands.ts";
import { parseRelayLimits } from "../../../cli/commands/relay-limits.ts";
import { accessOf, adminAddress, listenOptions } from "../../../cli/commands/relay-options.ts";

/**
 * @param words those behind `fileshare`, `relay` first
 * @throws FaultError as the command does
 */
export async function givenOptions(
  [word, ...words]: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  if (word !== "relay") throw new Error(`not a relay's words: ${word}`);
  const command = await registry.commands["relay"]!();
  const { args, many } = command;
  const { values: given } = checkArgs(words, args, many);
  const parsed = parseArgs([...words], args);
  const settings = await settingsFor(
    "relay",
    command,
    { FILESHARE_CONFIG: "", ...env },
    {
      loadAll: registry.loadAll,
    },
  );
  const entries = Object.keys(args).map((name) => {
    const set = settings.get(name)?.value;
    if (many.includes(name)) return [name, given.get(name) ?? (set === undefined ? [] : [set])];
    return [name, parsed[name] ?? set];
  });
  const values = Object.fromEntries(entries) as RelayValues;
  const listen = listenOptions(values);
  return {
    values,
    listen,
    limits: parseRelayLimits(values),
    access: await accessOf(values),
    admin: adminAddress(values.admin, listen.port),
    cluster: await clusterOptions(values, env),
  };
}
