/** The command lines of docs/how-to/install.md, as a person runs them. The test of the Debian package runs those with sudo. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { arch } from "node:process";
import { dirname, join } from "node:path";

import { installScript } from "../../../deploy/packages/manifests.ts";
import { releaseIn } from "../../../deploy/release.ts";
import manifest from "../../../package.json" with { type: "json" };
import { lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { commandLines, read, ROOT } from "../../support/documents.ts";
import { ADDRESSES, serveRelease } from "../../support/release.ts";

const { version } = manifest;
const LATEST = "https://github.com/OWNER/fileshare/releases/latest/download";
const lines = commandLines(await read("docs/how-to/install.md"));

const place = temporaryFolder();
const server = serveRelease();
afterAll(() => {
  server[Symbol.dispose]();
  place[Symbol.dispose]();
});

const file = `fileshare-linux-${arch}`;
const bytes = Buffer.from(`#!/bin/sh\necho "${version}"\n`);
const sums = Buffer.from(
  `${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}  ${file}\n`,
);
const dist = join(place.path, "dist");
mkdirSync(dist);
writeFileSync(join(dist, "SHA256SUMS"), sums);
const release = releaseIn(dist, { ...ADDRESSES, base: server.base }, new Date(0));
server.answers.set("/latest/install.sh", Buffer.from(installScript(release)));
server.answers.set(`/v${version}/${file}`, bytes);
server.answers.set(`/v${version}/SHA256SUMS`, sums);

async function run(line: string): Promise<void> {
  const latest = server.base.replace("v{version}", "latest");
  const child = Bun.spawn(["sh", "-ec", line.replace(LATEST, latest)], {
    cwd: line.startsWith("bun ") ? ROOT : place.path,
    env: {
      HOME: place.path,
      PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const err = await child.stderr.text();
  expect({ line, exitCode: await child.exited, err }).toEqual({ line, exitCode: 0, err: "" });
}

const installed = (folder: string): boolean =>
  existsSync(join(place.path, folder, "bin/fileshare"));

describe("the guide to installations", () => {
  const scripted = lines.filter((line) => /\binstall\.sh\b/.test(line));
  const packed = lines.filter((line) => line.startsWith("bun run packages "));

  test("has no other lines than those that are run here, and those with sudo", () => {
    const others = lines.filter((line) => !line.startsWith("sudo "));
    expect(others).toEqual([...scripted, ...packed]);
  });

  test.skipIf(lacksProgram("curl", "curl"))(
    "downloads install.sh, installs, and removes",
    async () => {
      const folders: Record<string, boolean[]> = {};
      for (const line of scripted) {
        await run(line.replace("0.1.0", version));
        folders[line.replace(/^.*install\.sh/, "")] = [installed(".local"), installed("tools")];
      }
      expect(folders).toEqual({
        "": [true, false],
        " --version 0.1.0": [true, false],
        " --prefix ~/tools": [true, true],
        " --uninstall": [false, true],
      });
    },
  );

  test("makes packages", async () => {
    expect(packed).toHaveLength(1);
    await run(`${packed[0]} --from ${dist} --only script`);
    expect(readdirSync(join(dist, "packages")).toSorted()).toEqual([
      "PACKAGES-SHA256SUMS",
      "install.sh",
    ]);
  });
});
