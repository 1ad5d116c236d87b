/** The code in the clipboard (`send --copy`) and as a QR code of the web link (`send --qr`). */
import { encodeQR } from "qr";

import { webLink } from "../connection/relay-address.ts";
import type { Environment } from "../system/shell.ts";
import { hasColor, showsUtf8 } from "./style.ts";

/** A clipboard tool that takes longer is ended; its display may be gone. */
const CLIPBOARD_MS = 2000;

interface CodeExtras {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly qr: boolean;
  readonly copy: boolean;
}

/** Puts a sender's code where the options ask for it. @returns lines to print below it */
export async function codeExtras(
  extras: CodeExtras,
  relay: string,
  code: string,
): Promise<string[]> {
  const lines: string[] = [];
  if (extras.copy) lines.push(await copied(code, extras.json));
  if (extras.qr && !extras.quiet) lines.push(...(await qrCode(webLink(relay, code))));
  return lines.length > 0 ? [...lines, ""] : [];
}

async function copied(code: string, json: boolean): Promise<string> {
  const { stdout, env, platform } = process;
  const terminal =
    stdout.isTTY && !json ? (sequence: string) => void stdout.write(sequence) : undefined;
  switch (await copy(code, { env, platform, terminal })) {
    case "tool":
      return "The code is in the clipboard";
    case "terminal":
      return "The code was given to the terminal for its clipboard";
    case undefined:
      return "There is no clipboard here for the code";
  }
}

async function qrCode(link: string): Promise<string[]> {
  const { stdout, env, platform } = process;
  if (!showsUtf8(env, platform)) return ["A QR code needs a terminal with UTF-8", link];
  const lines = qrLines(link, hasColor(stdout.isTTY, env));
  const columns = Bun.stringWidth(lines[0] ?? "");
  const room = stdout.isTTY ? stdout.columns : Infinity;
  // A QR code in pieces is worse than none.
  if (columns > room) return [`The QR code needs ${columns} columns`, link];
  return [...lines, link];
}

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

/** Modules around the code that have to stay light. */
const QUIET_ZONE = 2;
// Black on white of the 256 colours, which no theme changes.
const COLORS = "\u001B[38;5;16;48;5;231m";
const RESET = "\u001B[0m";

/**
 * A text as a QR code, two rows of modules a line. Without colours the light modules are drawn, as
 * on most terminals without them the background is dark.
 */
export function qrLines(text: string, color: boolean): string[] {
  const modules = encodeQR(text, "raw", { ecc: "low", border: QUIET_ZONE });
  const lines: string[] = [];
  for (let y = 0; y < modules.length; y += 2) {
    const upper = modules[y] ?? [];
    const lower = modules[y + 1] ?? [];
    const drawn = (dark = false): boolean => (color ? dark : !dark);
    const line = upper.map((dark, x) => halves(drawn(dark), drawn(lower[x])));
    lines.push(color ? COLORS + line.join("") + RESET : line.join(""));
  }
  return lines;
}

function halves(upper: boolean, lower: boolean): string {
  if (upper) return lower ? "█" : "▀";
  return lower ? "▄" : " ";
}
