/** The table of all commands: help, completions, the manual page and docs/cli.md are made from it. */
import type { Command } from "./command.ts";

/** By the words that call it. Each is loaded when it is needed. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  send: async () => (await import("./send.ts")).default,
  recv: async () => (await import("./recv.ts")).default,
  resume: async () => (await import("./resume.ts")).default,
  list: async () => (await import("./list.ts")).default,
  forget: async () => (await import("./forget.ts")).default,
  relay: async () => (await import("./relay.ts")).default,
  key: async () => (await import("./key.ts")).default,
  config: async () => (await import("./config.ts")).default,
  doctor: async () => (await import("./doctor.ts")).default,
  completion: async () => (await import("./completion.ts")).default,
};

const MOST_WORDS = Math.max(...Object.keys(commands).map((name) => name.split(" ").length));

export const program = {
  name: "fileshare",
  description: "Stream a file to many receivers at once, end-to-end encrypted",
  examples: [
    ["fileshare send big.iso", "print a code, and send to who has it"],
    ["fileshare recv", "ask for the code, and receive"],
    ["fileshare relay", "run the relay between them"],
  ],
} as const satisfies Pick<Command, "name" | "description" | "examples">;

/** The command that the first words call, and how many they are; of two the longer one. */
export function calledBy(
  words: readonly string[],
): { readonly load: () => Promise<Command>; readonly length: number } | undefined {
  for (let length = Math.min(words.length, MOST_WORDS); length > 0; length--) {
    const name = words.slice(0, length).join(" ");
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load !== undefined) return { load, length };
  }
  return undefined;
}

/** Every command with the words that call it. */
export async function loadAll(): Promise<readonly (readonly [word: string, command: Command])[]> {
  return Promise.all(
    Object.entries(commands).map(async ([word, load]) => [word, await load()] as const),
  );
}
