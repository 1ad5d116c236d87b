/** The client library of NATS: a relay of a cluster alone loads it, and a machine that lacks it is told what to install. */
import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import manifest from "../../../package.json" with { type: "json" };
import { FAULTS } from "../../../protocol/wire/faults.ts";
import { NATS_PACKAGES } from "../../../relay/cluster/nats-connection.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { ROOT } from "../../support/documents.ts";

/** Prints which modules of NATS a program has loaded at its end. */
const LOADED = `console.log(Object.keys(require.cache).filter((path) => path.includes("@nats-io")).length)`;

async function printed(cwd: string, code: string): Promise<string> {
  const child = Bun.spawn([process.execPath, "-e", code], {
    cwd,
    env: { ...process.env, BUN_OPTIONS: "" },
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await child.stdout.text();
  expect(await child.exited).toBe(0);
  return text.trim();
}

describe("the library of NATS", () => {
  test("is not loaded by a relay without a cluster", async () => {
    const relay = `const { startRelay } = await import("./relay/mod.ts"); const relay = await startRelay({ admin: { hostname: "127.0.0.1", port: 0, drainMs: 0 } }); ${LOADED}; await relay.stop();`;
    expect(await printed(ROOT, relay)).toBe("0");
    const loading = `const { loadNats } = await import("./relay/cluster/nats-connection.ts"); await loadNats(); ${LOADED};`;
    expect(Number(await printed(ROOT, loading))).toBeGreaterThan(10);
  });

  test("that is not installed is asked for, with the versions that fit", async () => {
    using folder = temporaryFolder();
    for (const part of ["protocol", "relay", "web/mod.ts", "package.json", "tsconfig.json"]) {
      cpSync(join(ROOT, part), join(folder.path, part), { recursive: true });
    }
    const theirs = join(folder.path, "node_modules");
    mkdirSync(theirs);
    for (const name of readdirSync(join(ROOT, "node_modules"))) {
      if (name !== "@nats-io") symlinkSync(join(ROOT, "node_modules", name), join(theirs, name));
    }
    const open = `const { openNatsKv } = await import("./relay/cluster/nats-kv.ts");
      const none = () => undefined;
      const events = { share: none, relay: none, synced: none, connected: none };
      await openNatsKv({ servers: ["nats://127.0.0.1:1"], name: "x" }, events, none).catch((error) => console.log(error.code));`;
    expect(await printed(folder.path, open)).toBe("no-nats");
    for (const name of NATS_PACKAGES) {
      expect(FAULTS["no-nats"].advice).toContain(`${name}@${manifest.dependencies[name]}`);
    }
  });
});
