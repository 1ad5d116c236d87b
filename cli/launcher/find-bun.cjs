"use strict";
/**
 * Finds a Bun that can run fileshare, from Node. The package `bun` comes with fileshare. Its install script moves the
 * binary of this platform into it; where scripts did not run (`--ignore-scripts`, pnpm) the binary is still in the
 * platform's own package. Where both are missing (`--omit=optional`, an unsupported platform), a Bun on PATH will do.
 */
const { execFileSync } = require("node:child_process");
const { accessSync, constants, existsSync, statSync } = require("node:fs");
const { delimiter, dirname, isAbsolute, join } = require("node:path");

/** Without its install script the package `bun` has a text in place of the binary. bytes */
const LEAST_BINARY_BYTES = 1_000_000;
/** ms for `bun --version` */
const VERSION_MS = 10_000;

const SYSTEMS = {
  android: "linux",
  darwin: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  win32: "windows",
};
const PROCESSORS = { arm64: "aarch64", x64: "x64" };

/**
 * The packages that may have a binary for this machine: on Linux that for glibc, and that for musl.
 * @param {{ platform: string, arch: string }} machine
 * @returns {string[]}
 */
function platformPackages({ platform, arch }) {
  const system = SYSTEMS[platform];
  const processor = PROCESSORS[arch];
  if (system === undefined || processor === undefined) return [];
  const name = `@oven/bun-${system}-${processor}`;
  if (platform === "android") return [`${name}-android`];
  return platform === "linux" ? [name, `${name}-musl`] : [name];
}

/** Whether the C library of this machine is another one than glibc. It takes 100 ms. */
function isMusl() {
  const { report } = process;
  const before = report.excludeNetwork;
  // Otherwise the report asks a name server for every socket.
  report.excludeNetwork = true;
  try {
    return report.getReport().header.glibcVersionRuntime === undefined;
  } finally {
    report.excludeNetwork = before;
  }
}

/** @returns {string | undefined} the folder of a package, as seen from another folder */
function packageFolder(name, from) {
  try {
    return dirname(require.resolve(`${name}/package.json`, { paths: [from] }));
  } catch {
    return undefined;
  }
}

function isBinary(path) {
  try {
    accessSync(path, constants.X_OK);
    const stat = statSync(path);
    return stat.isFile() && stat.size >= LEAST_BINARY_BYTES;
  } catch {
    return false;
  }
}

/** @returns {string | undefined} the binary that came with fileshare */
function bundledBun(from, machine) {
  const bun = packageFolder("bun", from);
  const own = bun && join(bun, "bin", "bun.exe");
  if (own && isBinary(own)) return own;
  const exe = machine.platform === "win32" ? "bun.exe" : "bun";
  // Strict package managers let only `bun` see its platform packages.
  const found = platformPackages(machine)
    .flatMap((name) => packageFolder(name, bun ?? from) ?? [])
    .map((folder) => join(folder, "bin", exe))
    .filter(isBinary);
  // Package managers that know the C library install one of them.
  return found.length > 1 && machine.isMusl() ? found[1] : found[0];
}

/** @returns {string[]} the Buns on PATH, and the one whose `bunx` started this */
function otherBuns({ platform, env }) {
  const exe = platform === "win32" ? "bun.exe" : "bun";
  const starter = env.npm_execpath ?? "";
  const folders = (env.PATH ?? env.Path ?? "").split(delimiter);
  if (/[\\/]bunx?(?:\.exe)?$/.test(starter)) folders.unshift(dirname(starter));
  // A relative entry would run a program of whichever folder the person is in.
  const paths = folders.filter(isAbsolute).map((folder) => join(folder, exe));
  return [...new Set(paths)].filter((path) => existsSync(path));
}

/** @returns {string | undefined} the version that a Bun says, if it runs */
function versionOf(path) {
  try {
    const options = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: VERSION_MS };
    return execFileSync(path, ["--version"], { ...options, windowsHide: true }).trim();
  } catch {
    return undefined;
  }
}

/** Whether a version is at least another one, such as 1.10.0 and 1.4.5. */
function isAtLeast(version, least) {
  const numbers = (text) => text.split(/[.+-]/, 3).map(Number);
  const [has, needs] = [numbers(version), numbers(least)];
  const at = [0, 1, 2].find((index) => has[index] !== needs[index]);
  return at === undefined || has[at] > needs[at];
}

/**
 * @param {string} from the folder of fileshare
 * @param {string} least the oldest version of Bun that will do
 * @returns {{ bun: string } | { why: string }}
 */
function findBun(from, least, machine = { ...thisMachine(), isMusl }) {
  const bundled = bundledBun(from, machine);
  if (bundled !== undefined) return { bun: bundled };
  const old = [];
  for (const path of otherBuns(machine)) {
    const version = versionOf(path);
    if (version !== undefined && isAtLeast(version, least)) return { bun: path };
    old.push(version === undefined ? `${path} does not run` : `${path} is version ${version}`);
  }
  return { why: [missing(from, machine), ...old].join("; ") };
}

function missing(from, machine) {
  const { platform, arch } = machine;
  const names = platformPackages(machine);
  if (names.length === 0) return `the package bun has no binary for ${platform} on ${arch}`;
  return packageFolder("bun", from) === undefined
    ? "the package bun is not installed"
    : `the package bun is installed without its binary (${names.join(", ")})`;
}

function thisMachine() {
  return { platform: process.platform, arch: process.arch, env: process.env };
}

module.exports = { findBun, isAtLeast, platformPackages };
