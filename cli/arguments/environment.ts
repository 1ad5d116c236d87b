import { escapeForDisplay } from "../../protocol/wire/display.ts";
import { suggest } from "./command-line.ts";

/** The environment variables that the command line reads; docs/reference/cli.md and the manual print them. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["FILESHARE_CODE", "the code; other users cannot read it, unlike an argument"],
  [
    "FILESHARE_RELAY",
    "the relay (default: one on this machine or in this network, else one that send starts)",
  ],
  ["FILESHARE_TOKEN", "the token for a relay that asks for one; other users cannot read it"],
  ["FILESHARE_RELAY_TOKENS", "relay: the text of a token file, for containers without files"],
  [
    "FILESHARE_RELAY_SECRET",
    "relay --cluster: the text of the file for --cluster-secret, for containers without files",
  ],
  [
    "S3_ACCESS_KEY_ID",
    "relay --store s3://: with S3_SECRET_ACCESS_KEY, S3_SESSION_TOKEN, S3_REGION and S3_ENDPOINT the account; the same names with AWS_ work too",
  ],
  ["FILESHARE_OPTION", "any other option, in capitals with _ for -; switches take 1 or 0"],
  ["FILESHARE_CONFIG", "the path of the configuration file; empty for none"],
  [
    "XDG_CONFIG_HOME",
    "the folder of fileshare/config.toml (default: ~/.config; Windows: %APPDATA%)",
  ],
  [
    "XDG_STATE_HOME",
    "the folder of fileshare/, which remembers unfinished transfers and stored shares; /dev/null remembers none (default: ~/.local/state; Windows: %LOCALAPPDATA%)",
  ],
  [
    "XDG_RUNTIME_DIR",
    "the same for a user without a home; also the folder where a relay leaves its admin address",
  ],
  ["TMPDIR", "the folder for both without XDG_RUNTIME_DIR (default: /tmp)"],
  ["FILESHARE_DEBUG", "1 prints the stack of an internal error too"],
  ["HTTPS_PROXY", "an HTTP proxy for relays at wss://; the names in lower case work too"],
  ["HTTP_PROXY", "an HTTP proxy for relays at ws://"],
  ["ALL_PROXY", "an HTTP proxy for both"],
  ["NO_PROXY", "hosts and domains to reach without a proxy; * for all"],
  ["NOTIFY_SOCKET", "the socket of systemd, which a relay tells when it listens and ends"],
  ["NO_COLOR", "any value turns colours off"],
  ["LC_ALL", "as LC_CTYPE and LANG: without UTF-8, bars are ASCII"],
  ["TERM", "dumb prints plain lines, as without a terminal"],
];

const PREFIX = "FILESHARE_";
/** Unknown variables that get a sentence each; others are left out. */
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
