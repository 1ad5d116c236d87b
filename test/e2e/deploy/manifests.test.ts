/** The texts for package managers name what a release has, in the form that each manager reads. */
import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { fileNameOf, TARGETS } from "../../../deploy/build/targets.ts";
import { relayUnit } from "../../../deploy/packages/debian.ts";
import {
  homebrewFormula,
  installScript,
  nixDerivation,
  nixFlake,
  scoopManifest,
} from "../../../deploy/packages/manifests.ts";
import { assetOf, releaseIn, urlOf, type Addresses } from "../../../deploy/release.ts";
import manifest from "../../../package.json" with { type: "json" };
import { lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { ROOT } from "../../support/documents.ts";
import { ADDRESS_OPTIONS, ADDRESSES } from "../../support/release.ts";

const { version } = manifest;
const place = temporaryFolder();
afterAll(() => place[Symbol.dispose]());

const FILES = TARGETS.map(({ name }) => fileNameOf(name));
const sumOf = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
writeFileSync(
  join(place.path, "SHA256SUMS"),
  FILES.map((file) => `${sumOf(file)}  ${file}\n`).join(""),
);
const releaseOf = (changed: Partial<Addresses> = {}) =>
  releaseIn(place.path, { ...ADDRESSES, ...changed }, new Date(0));
const release = releaseOf();
const MANUAL = sumOf("manual");

describe("the description of a release", () => {
  test("has a checksum and an address for each binary", () => {
    expect(release.assets.map(({ file }) => file)).toEqual(FILES);
    for (const { file, sha256 } of release.assets) {
      expect(sha256).toBe(sumOf(file));
      expect(urlOf(release, file)).toBe(`https://releases.example/v${version}/${file}`);
    }
  });

  test.each([
    { base: "" },
    { base: "releases.example" },
    { base: "https://releases.example/'; rm -rf ~; '" },
    { base: "https://releases.example/$HOME" },
    { base: "https://releases.example/{version}/{version}" },
    { homepage: 'https://fileshare.example/"' },
    { homepage: "javascript:alert(1)" },
    { maintainer: "nobody" },
    { maintainer: "Ada <ada@example.org>\nPre-Depends: evil" },
  ])("refuses %j, which packages could not quote", (changed) => {
    expect(() => releaseOf(changed)).toThrow(`--${Object.keys(changed)[0]} cannot be`);
  });

  test("says what is missing", () => {
    using empty = temporaryFolder();
    expect(() => releaseIn(empty.path, ADDRESSES, new Date(0))).toThrow('Run "bun run build"');
    writeFileSync(join(empty.path, "SHA256SUMS"), "");
    expect(() => assetOf(releaseIn(empty.path, ADDRESSES, new Date(0)), "linux-x64")).toThrow(
      "SHA256SUMS has no fileshare-linux-x64",
    );
  });
});

/** Each address of a text, and the checksum behind it. */
function sources(text: string, checksum: RegExp): Readonly<Record<string, string>> {
  const urls = [...text.matchAll(/url = "(.+?)"|url "(.+?)"/g)].map(
    ([, one, two]) => one ?? two ?? "",
  );
  const sums = [...text.matchAll(checksum)].map(([, sum = ""]) => sum);
  expect(sums).toHaveLength(urls.length);
  return Object.fromEntries(urls.map((url, index) => [url, sums[index] ?? ""]));
}

const POSIX = FILES.filter((file) => /-(?:linux|macos)-(?:x64|arm64)$/.test(file));
const EXPECTED: Readonly<Record<string, string>> = Object.fromEntries<string>([
  ...POSIX.map((file) => [urlOf(release, file), sumOf(file)] as const),
  [urlOf(release, "fileshare.1"), MANUAL],
]);

test("the formula of Homebrew has each system and processor, and the manual page", () => {
  const formula = homebrewFormula(release, MANUAL);
  expect(sources(formula, /sha256 "([0-9a-f]{64})"/g)).toEqual(EXPECTED);
  for (const [system, processor, target] of [
    ["macos", "arm", "macos-arm64"],
    ["macos", "intel", "macos-x64"],
    ["linux", "arm", "linux-arm64"],
    ["linux", "intel", "linux-x64"],
  ]) {
    const part = formula.split(`on_${system} do`)[1]?.split(`on_${processor} do`)[1];
    expect(/url ".*\/(.+?)"/.exec(part ?? "")?.[1]).toBe(`fileshare-${target}`);
  }
  const opened = formula.match(/\bdo$|^ *(?:class|def) /gm) ?? [];
  expect(formula.match(/^ *end$/gm)).toHaveLength(opened.length);
});

test("the derivation of Nix has each system, with checksums in the form of SRI", () => {
  const nix = nixDerivation(release, MANUAL);
  const found = Object.entries(sources(nix, /hash = "sha256-([\w+/]{43}=)"/g)).map(
    ([url, sri]) => [url, Uint8Array.fromBase64(sri).toHex()] as const,
  );
  expect(Object.fromEntries(found)).toEqual(EXPECTED);
  const systems = [...nix.matchAll(/^ +(\S+) = fetchurl \{\n +url = ".*\/(.+?)";/gm)];
  expect(systems.map(([, system, file]) => `${system} ${file}`)).toEqual([
    "x86_64-linux fileshare-linux-x64",
    "aarch64-linux fileshare-linux-arm64",
    "x86_64-darwin fileshare-macos-x64",
    "aarch64-darwin fileshare-macos-arm64",
    "manual fileshare.1",
  ]);
  for (const text of [nix, nixFlake(release)]) {
    expect(text.match(/[{[(]/g)?.length).toBe(text.match(/[}\])]/g)?.length ?? 0);
  }
});

test("the manifest of Scoop has the keys of its schema, and updates itself", () => {
  const source = v.strictObject({
    url: v.pipe(v.string(), v.url()),
    hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  });
  const next = v.strictObject({
    url: v.string(),
    hash: v.strictObject({ url: v.literal("$baseurl/SHA256SUMS") }),
  });
  const schema = v.strictObject({
    version: v.pipe(v.string(), v.regex(/^[\w.+-]+$/)),
    description: v.string(),
    homepage: v.pipe(v.string(), v.url()),
    license: v.literal(manifest.license),
    architecture: v.strictObject({ "64bit": source }),
    bin: v.literal("fileshare.exe"),
    checkver: v.optional(v.strictObject({ github: v.pipe(v.string(), v.url()) })),
    autoupdate: v.optional(v.strictObject({ architecture: v.strictObject({ "64bit": next }) })),
  });
  const parse = (base: string) => v.parse(schema, JSON.parse(scoopManifest(releaseOf({ base }))));
  const github = parse("https://github.com/ada/fileshare/releases/download/v{version}");
  const path = "https://github.com/ada/fileshare/releases/download";
  const file = "fileshare-windows-x64.exe";
  expect(github.architecture["64bit"]).toEqual({
    url: `${path}/v${version}/${file}#/fileshare.exe`,
    hash: sumOf(file),
  });
  expect(github.checkver).toEqual({ github: "https://github.com/ada/fileshare" });
  expect(github.autoupdate?.architecture["64bit"].url).toBe(
    `${path}/v$version/${file}#/fileshare.exe`,
  );
  const fixed = parse("https://releases.example/now");
  expect(fixed.checkver).toBeUndefined();
  expect(fixed.autoupdate).toBeUndefined();
});

test("install.sh has the version, the address and every checksum, and no place left to fill", () => {
  const script = installScript(release);
  expect(script).toContain(`VERSION='${version}'\n`);
  expect(script).toContain(`BASE='${ADDRESSES.base}'\n`);
  for (const file of FILES) expect(script).toContain(`${sumOf(file)}  ${file}`);
  expect(script).not.toMatch(/@[A-Z]+@/);
});

test("the unit of the package names nothing of a checkout", () => {
  expect(relayUnit()).not.toMatch(/bun|opt\/|README|local/i);
});

describe("bun run packages", () => {
  const run = (...words: readonly string[]) => {
    const command = [
      process.execPath,
      "deploy/packages/main.ts",
      "--from",
      place.path,
      ...ADDRESS_OPTIONS,
    ];
    const { exitCode, stderr } = Bun.spawnSync([...command, ...words], { cwd: ROOT });
    return { exitCode, err: stderr.toString() };
  };

  test("makes the texts, and a list of their checksums", () => {
    const kinds = ["homebrew", "scoop", "nix", "script"];
    expect(run(...kinds.flatMap((kind) => ["--only", kind]))).toEqual({ exitCode: 0, err: "" });
    const out = join(place.path, "packages");
    const made = readdirSync(out)
      .filter((name) => name !== "PACKAGES-SHA256SUMS")
      .toSorted();
    expect(made).toEqual([
      "fileshare.1",
      "fileshare.json",
      "fileshare.nix",
      "fileshare.rb",
      "flake.nix",
      "install.sh",
    ]);
    const sums = made.map((name) => `${sumOf(readFileSync(join(out, name), "utf8"))}  ${name}`);
    const listed = readFileSync(join(out, "PACKAGES-SHA256SUMS"), "utf8").trimEnd().split("\n");
    expect(listed.toSorted()).toEqual(sums.toSorted());
  });

  test.skipIf(lacksProgram("dpkg-deb", "dpkg"))(
    "packs no binary that differs from its checksum",
    () => {
      writeFileSync(join(place.path, "fileshare-linux-x64"), "another");
      const { exitCode, err } = run("--only", "debian", "--architecture", "amd64");
      expect(exitCode).toBe(1);
      expect(err).toContain("fileshare-linux-x64 is not the file of SHA256SUMS");
      const left = readdirSync(join(place.path, "packages"));
      expect(left.filter((name) => /debian|deb$/.test(name))).toEqual([]);
    },
  );

  test("names the choices of an option", () => {
    const { exitCode, err } = run("--only", "rpm");
    expect(exitCode).toBe(2);
    expect(err).toStartWith("--only takes debian, homebrew, scoop, nix, script");
    expect(err).not.toContain(" at ");
  });

  test("says what it takes under --help, and refuses what it does not", () => {
    expect(run("--help")).toEqual({ exitCode: 0, err: "" });
    const { exitCode, err } = run("--bse", "x");
    expect(exitCode).toBe(2);
    expect(err).toStartWith("Unknown option '--bse'");
  });
});
