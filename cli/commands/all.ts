/** The table of all commands: help, completions, the manual page and docs/reference/cli.md are made from it. */
import type { Command, NamedCommand, Registry } from "./command.ts";

/** By the words that call it. Each is loaded when it is needed. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  send: async () => (await import("./send.ts")).default,
  recv: async () => (await import("./recv.ts")).default,
  resume: async () => (await import("./resume.ts")).default,
  list: async () => (await import("./list.ts")).default,
  forget: async () => (await import("./forget.ts")).default,
  relay: async () => (await import("./relay.ts")).default,
  "relay status": async () => (await import("./relay-status.ts")).default,
  "relay kill": async () => (await import("./relay-kill.ts")).default,
  "relay ban": async () => (await import("./relay-ban.ts")).default,
  "relay unban": async () => (await import("./relay-unban.ts")).default,
  "relay token add": async () => (await import("./relay-token-add.ts")).default,
  "relay token list": async () => (await import("./relay-token-list.ts")).default,
  "relay token revoke": async () => (await import("./relay-token-revoke.ts")).default,
  key: async () => (await import("./key.ts")).default,
  config: async () => (await import("./config.ts")).default,
  doctor: async () => (await import("./doctor.ts")).default,
  completion: async () => (await import("./completion.ts")).default,
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
