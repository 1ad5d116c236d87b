import { usage } from "../arguments/command-line.ts";
import { webLink } from "../connection/relay-address.ts";

export interface CodeWishes {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly qr: boolean;
  readonly copy: boolean;
}

/** @throws FaultError "usage" for what can't be */
export function checkWishes({ json, qr }: CodeWishes): void {
  if (json && qr) throw usage("with --json there is no screen for --qr");
}

/** Does what is wished with a sender's code. @returns lines to print below it */
export async function codeExtras(
  wishes: CodeWishes,
  relay: string,
  code: string,
): Promise<string[]> {
  const lines: string[] = [];
  if (wishes.copy) lines.push(await copied(code, wishes.json));
  if (wishes.qr && !wishes.quiet) lines.push(...(await qrCode(webLink(relay, code))));
  return lines.length > 0 ? [...lines, ""] : [];
}

async function copied(code: string, json: boolean): Promise<string> {
  const { copy } = await import("../screen/clipboard.ts");
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
  const [{ qrLines }, { hasColor }, { showsUtf8 }] = await Promise.all([
    import("../screen/qr-code.ts"),
    import("../screen/style.ts"),
    import("../screen/style.ts"),
  ]);
  const { stdout, env, platform } = process;
  if (!showsUtf8(env, platform)) return ["A QR code needs a terminal with UTF-8", link];
  const lines = qrLines(link, hasColor(stdout.isTTY, env));
  const columns = Bun.stringWidth(lines[0] ?? "");
  const room = stdout.isTTY ? stdout.columns : Infinity;
  // One that is broken into pieces is worse than none.
  if (columns > room) return [`The QR code needs ${columns} columns`, link];
  return [...lines, link];
}
