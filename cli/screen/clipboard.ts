/** A text to the person's clipboard: by a tool of the system, else by the terminal. */

import type { Environment } from "../system/shell.ts";

/** A clipboard tool that takes longer is ended; its display may be gone. */
const CLIPBOARD_MS = 2000;

/** Where the text went; undefined: nowhere. */
export type Copied = "tool" | "terminal" | undefined;

export interface Clipboard {
  readonly env: Environment;
  readonly platform: string;
  /** The terminal that may take it; undefined: none. */
  readonly terminal: ((sequence: string) => void) | undefined;
}

/** The tools that may be there, the best first. */
export function clipboardTools(env: Environment, platform: string): string[][] {
  // Over SSH a tool would reach the clipboard of the other machine.
  if (env["SSH_CONNECTION"] || env["SSH_TTY"]) return [];
  if (platform === "darwin") return [["pbcopy"]];
  const tools: string[][] = [];
  if (env["WAYLAND_DISPLAY"]) tools.push(["wl-copy"]);
  if (env["DISPLAY"]) tools.push(["xclip", "-selection", "clipboard"], ["xsel", "-b", "-i"]);
  if (env["WSL_DISTRO_NAME"]) tools.push(["clip.exe"]);
  if (env["TERMUX_VERSION"]) tools.push(["termux-clipboard-set"]);
  return tools;
}

/** The sequence that gives a text to the clipboard of a terminal that allows it. */
export function osc52(text: string): string {
  return `\u001B]52;c;${Buffer.from(text).toString("base64")}\u0007`;
}

export async function copy(text: string, { env, platform, terminal }: Clipboard): Promise<Copied> {
  for (const [tool = "", ...args] of clipboardTools(env, platform)) {
    const path = Bun.which(tool, { PATH: env["PATH"] ?? "" });
    if (path !== null && (await give(text, [path, ...args]))) return "tool";
  }
  if (terminal === undefined || env["TERM"] === "dumb") return undefined;
  terminal(osc52(text));
  return "terminal";
}

async function give(text: string, command: readonly string[]): Promise<boolean> {
  try {
    const child = Bun.spawn([...command], {
      stdin: Buffer.from(text),
      stdout: "ignore",
      stderr: "ignore",
      timeout: CLIPBOARD_MS,
    });
    return (await child.exited) === 0;
  } catch {
    return false; // it can't be run: the next one
  }
}
