import { escapeForDisplay } from "../../protocol/wire/display.ts";
import { ENVIRONMENT } from "./environment.ts";
import { suggest } from "../system/suggest.ts";

const PREFIX = "FILESHARE_";
/** Of those that are not known so many are named. */
const NAMED = 5;

/**
 * Variables of the environment that begin as ours and are none, in a sentence each: a slip in a name
 * would be found when it hurts.
 * @param own those that the command at hand knows
 * @param all loads those of every command
 */
export async function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  own: readonly string[],
  all: () => Promise<readonly string[]>,
): Promise<string[]> {
  const always = ENVIRONMENT.map(([name]) => name).filter((name) => name.startsWith(PREFIX));
  const ours = Object.keys(env).filter((name) => name.startsWith(PREFIX) && env[name] !== "");
  const strange = ours.filter((name) => ![...always, ...own].includes(name));
  if (strange.length === 0) return [];
  const known = [...always, ...(await all())];
  return strange
    .filter((name) => !known.includes(name))
    .slice(0, NAMED)
    .map((name) => {
      const options = known.map((one) => one.slice(PREFIX.length).toLowerCase());
      const meant = suggest(name.slice(PREFIX.length), options)?.toUpperCase();
      const hint = meant === undefined ? "" : ` (did you mean ${PREFIX}${meant}?)`;
      return `${escapeForDisplay(name)} is no variable of fileshare${hint}`;
    });
}
