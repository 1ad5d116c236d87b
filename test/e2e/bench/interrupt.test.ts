import { expect, test } from "bun:test";
import { watch } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { nginx } from "../../../bench/systems/nginx.ts";
import { lacks } from "../../needs.ts";

const main = `${import.meta.dir}/../../../bench/main.ts`;
const noNginx = lacks((await nginx.find()).missing === undefined, "nginx");

/** Resolves when something with a name that begins so is made in a folder. */
function appears(folder: string, prefix: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watching = watch(folder, (_, name) => {
    if (name?.startsWith(prefix) === true) resolve();
  });
  return promise.finally(() => watching.close());
}

/** Processes of a session that run: proc(5). */
async function runningIn(session: number): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // A process that ended meanwhile has no file.
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const [state, , , itsSession] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(itsSession) === session && state !== "Z") found.push(stat);
  }
  return found;
}

async function interrupt(signal: NodeJS.Signals, args: string, within: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const isWithin = appears(folder, `fileshare-bench-${within}-`);
  const child = Bun.spawn([process.execPath, main, ...args.split(" ")], {
    env: { ...process.env, TMPDIR: folder },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    detached: true, // a session of its own, to know whom it started
  });
  try {
    await Promise.race([isWithin, child.exited]);
    child.kill(signal);
    expect(await child.exited).toBe(130);
    expect(await child.stdout.text()).toBe("");
    expect(await runningIn(child.pid)).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  } finally {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true });
  }
}

const fanout = "fanout --receivers 2 --size 1GiB --rounds 9 --systems";

test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
  "%s ends whatever the bench started, and leaves no file",
  (signal) => interrupt(signal, `${fanout} fileshare`, "board"),
);

test("so it does with the commands that people run", () =>
  interrupt("SIGTERM", "small --rounds 9", "small"));

test.skipIf(noNginx)("so it does with a peer that has processes of its own", () =>
  interrupt("SIGTERM", `${fanout} nginx --size 2MiB`, "board"),
);
