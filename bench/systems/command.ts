/** Commands of this machine that are not ours. */
import { adopt } from "../children.ts";

/** Its output on stdout and stderr together; undefined when it does not run or fails. */
export async function ask(command: readonly string[]): Promise<string | undefined> {
  try {
    const child = adopt(
      Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" }),
    );
    const said = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return (await child.exited) === 0 ? said.join("") : undefined;
  } catch {
    return undefined; // no such program
  }
}

/** Where a program is: on PATH, or where Debian puts those that only root's PATH finds. */
export function which(name: string): string | undefined {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin`;
  return Bun.which(name, { PATH: path }) ?? undefined;
}

/** The command line of a program that ends when we do, even by kill -9; where util-linux is here. */
export function bound(command: readonly string[]): string[] {
  const setpriv = which("setpriv");
  return setpriv === undefined ? [...command] : [setpriv, "--pdeathsig", "TERM", "--", ...command];
}
