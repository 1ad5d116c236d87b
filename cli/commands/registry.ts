/** The table of all commands: help, completions, the manual page and docs/reference/cli.md are made from it. */
import { command, type Command, type NamedCommand, type Registry } from "./command.ts";

const transfers = () => import("./transfer-commands.ts");
const relays = () => import("./relay-commands.ts");
const locals = () => import("./local-commands.ts");

/** By the words that call it: the definition and the code, each loaded when it is needed. */
export const commands: Registry["commands"] = {
  send: async () =>
    command((await transfers()).send, async () => (await import("./run-send.ts")).runSend),
  recv: async () =>
    command((await transfers()).recv, async () => (await import("./run-recv.ts")).runRecv),
  resume: async () =>
    command((await locals()).resume, async () => (await import("./unfinished.ts")).runResume),
  list: async () =>
    command((await locals()).list, async () => (await import("./unfinished.ts")).runList),
  forget: async () =>
    command((await locals()).forget, async () => (await import("./unfinished.ts")).runForget),
  stored: async () =>
    command((await locals()).stored, async () => (await import("./run-stored.ts")).runStored),
  revoke: async () =>
    command((await locals()).revoke, async () => (await import("./run-stored.ts")).runRevoke),
  relay: async () =>
    command((await relays()).relay, async () => (await import("./run-relay.ts")).runRelay),
  "relay status": async () =>
    command(
      (await relays()).relayStatus,
      async () => (await import("./run-operator.ts")).runRelayStatus,
    ),
  "relay kill": async () =>
    command((await relays()).relayKill, async () => (await import("./run-operator.ts")).runKill),
  "relay ban": async () =>
    command((await relays()).relayBan, async () => (await import("./run-operator.ts")).runBan),
  "relay unban": async () =>
    command((await relays()).relayUnban, async () => (await import("./run-operator.ts")).runUnban),
  "relay token add": async () =>
    command(
      (await relays()).tokenAdd,
      async () => (await import("./run-relay-token.ts")).runTokenAdd,
    ),
  "relay token list": async () =>
    command(
      (await relays()).tokenList,
      async () => (await import("./run-relay-token.ts")).runTokenList,
    ),
  "relay token revoke": async () =>
    command(
      (await relays()).tokenRevoke,
      async () => (await import("./run-relay-token.ts")).runTokenRevoke,
    ),
  key: async () => command((await locals()).key, async () => (await import("./run-key.ts")).runKey),
  config: async () =>
    command((await locals()).config, async () => (await import("./run-config.ts")).runConfig),
  doctor: async () =>
    command((await locals()).doctor, async () => (await import("./run-doctor.ts")).runDoctor),
  completion: async () =>
    command(
      (await locals()).completion,
      async () => (await import("./completion/mod.ts")).runCompletion,
    ),
};

/** Other words that call a command, by habits from elsewhere. */
export const aliases: Readonly<Record<string, string>> = {
  receive: "recv",
  rx: "recv",
  tx: "send",
};

/** The words that call a command besides its own. */
export function aliasesOf(name: string): readonly string[] {
  return Object.keys(aliases).filter((alias) => aliases[alias] === name);
}

const MOST_WORDS = Math.max(...Object.keys(commands).map((name) => name.split(" ").length));

export const program = {
  name: "fileshare",
  description: "Stream a file to many receivers at once, end-to-end encrypted",
  examples: [
    ["fileshare send big.iso", "print a code, and send to every receiver with it"],
    ["fileshare recv", "ask for the code, and receive"],
    ["fileshare relay", "run the relay between sender and receivers"],
  ],
} as const satisfies Pick<Command, "name" | "description" | "examples">;

/** The command that the first words call, and how many they are; of two the longer one. */
export function calledBy(
  words: readonly string[],
): { readonly load: () => Promise<Command>; readonly length: number } | undefined {
  const [first = "", ...others] = words;
  const meant = Object.hasOwn(aliases, first) ? aliases[first] : undefined;
  if (meant !== undefined) return calledBy([meant, ...others]);
  for (let length = Math.min(words.length, MOST_WORDS); length > 0; length--) {
    const name = words.slice(0, length).join(" ");
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load !== undefined) return { load, length };
  }
  return undefined;
}

/**
 * The commands that words after that of a command may have meant, since they have names of several.
 * @param length how many of the words call a command of their own
 */
export function furtherCommands(words: readonly string[], length: number): readonly string[] {
  const next = words[length];
  if (next === undefined || next.startsWith("-")) return [];
  const begun = `${words.slice(0, length).join(" ")} `;
  return Object.keys(commands).filter((name) => name.startsWith(begun));
}

/** Every command with the words that call it. */
export async function loadAll(): Promise<readonly NamedCommand[]> {
  return Promise.all(
    Object.entries(commands).map(async ([word, load]) => [word, await load()] as const),
  );
}

/** The table as the commands get it from the dispatcher. */
export const registry: Registry = { commands, loadAll, aliasesOf };
