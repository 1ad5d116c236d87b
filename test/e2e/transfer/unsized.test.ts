/** Files of which the system tells no size, or a wrong one: they arrive as they were read, or are refused. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listPaths } from "../../../cli/send/file-list.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const isLinux = process.platform === "linux";

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

/** Sends what is named and receives it. @returns where it is by then */
async function through(paths: readonly string[], out: string): Promise<string> {
  const code = newCode();
  const url = `${relay.url}/ws`;
  await using sender = send({ relay: url, code, what: { from: "paths", paths, follow: true } });
  await using receiver = receive({ relay: url, code, out });
  const ends = await Promise.all([sender.outcome, receiver.outcome]);
  expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  return out;
}

function command(args: readonly string[], env: Record<string, string> = {}) {
  return Bun.spawnSync([...FILESHARE, ...args, "--relay", relay.url], {
    env: { ...cleanEnv(), ...env },
    stderr: "pipe",
  });
}

describe.skipIf(!isLinux)("of the kernel's files (Linux)", () => {
  test("one of /proc arrives whole, though its size is said to be 0", async () => {
    using folder = temporaryFolder();
    const out = await through(["/proc/version"], folder.path);
    expect(readFileSync(join(out, "version"), "utf8")).toBe(readFileSync("/proc/version", "utf8"));
  });

  test("a larger one is read to its end, and so are those of a folder of /sys", async () => {
    using folder = temporaryFolder();
    const limits = "/proc/self/limits";
    const sys = "/sys/kernel/mm/transparent_hugepage";
    const out = await through([limits, "/proc/kallsyms", sys], folder.path);
    expect(readFileSync(join(out, "limits"), "utf8")).toStartWith("Limit");
    expect(readFileSync(join(out, "kallsyms"), "utf8")).toBe(
      readFileSync("/proc/kallsyms", "utf8"),
    );
    for (const name of readdirSync(sys)) {
      if (!statSync(join(sys, name)).isFile()) continue;
      expect(readFileSync(join(out, "transparent_hugepage", name), "utf8")).toBe(
        readFileSync(join(sys, name), "utf8"),
      );
    }
  });

  test.each([
    ["has no end", "/proc/self/pagemap"],
    ["waits for something to happen", "/proc/kmsg"],
  ])("one that %s is refused by its name before anything is offered", (_, path) => {
    const { stderr, exitCode } = command(["send", path]);
    expect(stderr.toString()).toContain(path);
    expect(stderr.toString()).toContain("The size of the file is unknown");
    expect(exitCode).toBe(2);
  });

  test("its advice holds: --exclude leaves it out, and a pipe sends a part of it", async () => {
    using folder = temporaryFolder();
    const random = "/proc/sys/kernel/random";
    const exclude = readdirSync(random).filter((name) => name !== "poolsize");
    const { files } = await listPaths({ paths: [random], exclude }, new AbortController().signal);
    expect(files).toMatchObject([{ path: "random/poolsize", size: 4 }]);

    const code = newCode();
    const script = 'head -c 1M /proc/self/pagemap | "$0" "$@"';
    const part = Bun.spawn(["sh", "-c", script, ...FILESHARE, "send", "-", "--relay", relay.url], {
      env: { ...cleanEnv(), FILESHARE_CODE: code },
      stdout: "pipe",
      stderr: "pipe",
    });
    await using receiver = receive({ relay: `${relay.url}/ws`, code, out: folder.path });
    expect((await receiver.outcome).exitCode).toBe(0);
    expect(await part.exited).toBe(0);
    expect(readFileSync(join(folder.path, "stdin"))).toHaveLength(1024 * 1024);
  });
});

test("devices and FIFOs are no files: named ones are refused, others are left out", async () => {
  using folder = temporaryFolder();
  const tree = join(folder.path, "tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "empty"), "");
  Bun.spawnSync(["mkfifo", join(tree, "fifo")]);
  expect(command(["send", "/dev/zero"]).stderr.toString()).toContain("not a regular file");
  expect(command(["send", join(tree, "fifo")]).stderr.toString()).toContain("not a regular file");
  const out = join(folder.path, "out");
  mkdirSync(out);
  await through([tree], out);
  expect(readdirSync(join(out, "tree"))).toEqual(["empty"]);
});
