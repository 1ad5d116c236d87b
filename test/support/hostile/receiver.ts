/** The real `fileshare recv` for the tests with hostile senders. */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { cleanEnv } from "../clients/pty.ts";
import { boundByModes } from "../../needs.ts";
import { FILESHARE } from "../clients/command-words.ts";

export interface Told {
  readonly exitCode: number;
  readonly out: Buffer;
  readonly err: Buffer;
}

/**
 * Runs `fileshare recv` to its end, or until it passed over a share and waits for another, when it is
 * interrupted unless it is to end by itself; the code comes by the environment.
 */
export async function recv(
  at: { relay: string; code: string; cwd: string; isBoundByModes?: boolean; isLeft?: boolean },
  ...args: readonly string[]
): Promise<Told> {
  const { relay, code, cwd } = at;
  const command = [...FILESHARE, "recv", ...args];
  const child = Bun.spawn(at.isBoundByModes === true ? boundByModes(command) : command, {
    cwd,
    env: { ...cleanEnv(), FILESHARE_RELAY: relay, FILESHARE_CODE: code },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    child.stdout.bytes(),
    all(child.stderr, (said) => {
      if (at.isLeft !== true && said.includes("Skipped: ")) child.kill("SIGINT");
    }),
  ]);
  return { exitCode: await child.exited, out: Buffer.from(out), err };
}

async function all(
  stream: ReadableStream<Uint8Array>,
  look: (said: Buffer) => void,
): Promise<Buffer> {
  let said = Buffer.alloc(0);
  for await (const bytes of stream) {
    said = Buffer.concat([said, bytes]);
    look(said);
  }
  return said;
}

/** All that is in a folder, with kinds: nothing may have come to be there. */
export function everything(dir: string): string[] {
  return readdirSync(dir, { recursive: true })
    .map(String)
    .map((path) => {
      const stat = lstatSync(join(dir, path));
      if (stat.isSymbolicLink()) return `${path} -> ${readlinkSync(join(dir, path))}`;
      return stat.isDirectory() ? `${path}/` : path;
    })
    .toSorted();
}
