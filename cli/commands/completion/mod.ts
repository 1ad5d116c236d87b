/** Scripts that make shells complete command lines, from the table of commands. */
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { wordsOf, type Commands } from "./words.ts";
import { zshScript } from "./zsh.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export function isShell(name: string): name is Shell {
  return SHELLS.some((shell) => shell === name);
}

export function completionScript(shell: Shell, commands: Commands): string {
  return SCRIPTS[shell](wordsOf(commands));
}
