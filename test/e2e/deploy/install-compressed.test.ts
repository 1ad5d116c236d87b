/** install.sh takes the compressed binary of a release that has one: half the bytes. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { installScript } from "../../../deploy/packages/manifests.ts";
import { releaseIn } from "../../../deploy/release.ts";
import manifest from "../../../package.json" with { type: "json" };
import { temporaryFolder } from "../../support/disk.ts";
import { ADDRESSES, programs, serveRelease } from "../../support/release.ts";

const HERE = `fileshare-linux-${process.arch}`;
const AT = `/v${manifest.version}/${HERE}`;
const TOOLS = ["sh", "uname", "mktemp", "mkdir", "chmod", "mv", "rm", "sed", "cut", "cat", "curl"];

const place = temporaryFolder();
const server = serveRelease();
afterAll(() => {
  server[Symbol.dispose]();
  place[Symbol.dispose]();
});

const binary = Buffer.from(`#!/bin/sh\necho "${manifest.version}"\nexit\n${"#".repeat(300_000)}\n`);
const packed = Bun.gzipSync(binary);
const sha256 = (bytes: Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const sums = `${sha256(binary)}  ${HERE}\n${sha256(packed)}  ${HERE}.gz\n`;
writeFileSync(join(place.path, "SHA256SUMS"), sums);
const script = join(place.path, "install.sh");
const release = releaseIn(place.path, { ...ADDRESSES, base: server.base }, new Date(0));
writeFileSync(script, installScript(release));
const withGzip = programs(join(place.path, "gzip"), ...TOOLS, "sha256sum", "gzip");
const withoutGzip = programs(join(place.path, "no-gzip"), ...TOOLS, "sha256sum");

const home = join(place.path, "home");
beforeEach(() => {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home);
  server.asked.length = 0;
  server.answers.clear();
  server.answers.set(AT, binary);
  server.answers.set(`${AT}.gz`, packed);
});

async function install(path: string, ...options: readonly string[]) {
  const child = Bun.spawn(["sh", script, ...options], {
    env: { HOME: home, PATH: path },
    stdout: "ignore",
    stderr: "pipe",
  });
  const err = await child.stderr.text();
  return { exitCode: await child.exited, err };
}

const left = (): string[] => readdirSync(join(home, ".local/bin"));

test("downloads the compressed one alone", async () => {
  expect(await install(withGzip)).toEqual({ exitCode: 0, err: "" });
  expect(server.asked).toEqual([`${AT}.gz`]);
  expect(left()).toEqual(["fileshare"]);
  expect(readFileSync(join(home, ".local/bin/fileshare")).equals(binary)).toBe(true);
});

test("downloads the plain one where gzip is missing", async () => {
  expect(await install(withoutGzip)).toEqual({ exitCode: 0, err: "" });
  expect(server.asked).toEqual([AT]);
  expect(left()).toEqual(["fileshare"]);
});

test("takes another version compressed, if its list has it so", async () => {
  server.answers.set("/v2.0.0/SHA256SUMS", Buffer.from(sums));
  server.answers.set(`/v2.0.0/${HERE}.gz`, packed);
  const options = ["--version", "2.0.0", "--base", server.base];
  expect(await install(withGzip, ...options)).toEqual({ exitCode: 0, err: "" });
  expect(server.asked).toEqual(["/v2.0.0/SHA256SUMS", `/v2.0.0/${HERE}.gz`]);
});

test.each([
  ["was changed", Bun.gzipSync(Buffer.from("malice")), "Nothing was installed."],
  ["is missing", "missing", "cannot be downloaded whole"],
  ["breaks off", "cut", "cannot be downloaded whole"],
] as const)(
  "installs nothing of an archive that %s, and leaves nothing",
  async (_, answer, sentence) => {
    server.answers.set(`${AT}.gz`, answer);
    const { exitCode, err } = await install(withGzip);
    expect(exitCode).toBe(1);
    expect(err).toContain(sentence);
    expect(left()).toEqual([]);
  },
);

test("installs nothing of an archive that was published with something else in it", async () => {
  const other = Bun.gzipSync(Buffer.from("something else"));
  const list = `${sha256(binary)}  ${HERE}\n${sha256(other)}  ${HERE}.gz\n`;
  server.answers.set("/v3.0.0/SHA256SUMS", Buffer.from(list));
  server.answers.set(`/v3.0.0/${HERE}.gz`, other);
  const { exitCode, err } = await install(withGzip, "--version", "3.0.0");
  expect(exitCode).toBe(1);
  expect(err).toContain(`${HERE} is not what was published`);
  expect(left()).toEqual([]);
});
