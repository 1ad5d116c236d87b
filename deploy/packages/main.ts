/** `bun run packages`: all packages of a release, from the binaries of `bun run build`. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import { sourcesHere } from "../build/binary.ts";
import { failUsage, scriptOptions, ScriptUsageError } from "../command-line.ts";
import { releaseIn, ROOT, type Release } from "../release.ts";
import { ARCHITECTURES, COMPRESSIONS, debianPackage } from "./debian.ts";
import {
  homebrewFormula,
  installScript,
  MANUAL,
  nixDerivation,
  nixFlake,
  scoopManifest,
} from "./manifests.ts";

const KINDS = ["debian", "homebrew", "scoop", "nix", "script"] as const;

const HELP = `
bun run packages      all packages of a release, from the binaries of bun run build, in dist/packages/

  --base URL            where the release will be; {version} stands for its number
  --homepage URL
  --maintainer TEXT     such as "Ada Lovelace <ada@example.org>"
  --from DIR            the binaries and SHA256SUMS (default: dist)
  --out DIR             the packages (default: packages below the former)
  --only KIND           debian, homebrew, scoop, nix, script; may be repeated
  --architecture NAME   of Debian packages: amd64, arm64; may be repeated (default: both)
  --compression NAME    of Debian packages: xz, zstd, gzip, none (default: xz)

PACKAGES-SHA256SUMS names every file that the run made.`;

const values = scriptOptions(
  {
    base: { type: "string", default: "" },
    homepage: { type: "string", default: "" },
    maintainer: { type: "string", default: "" },
    from: { type: "string", default: "dist" },
    out: { type: "string" },
    only: { type: "string", multiple: true, default: [...KINDS] },
    architecture: {
      type: "string",
      multiple: true,
      default: ARCHITECTURES.map((one) => one.debian),
    },
    compression: { type: "string", default: "xz" },
  },
  HELP,
);
const kinds = new Set(values.only.map((name) => oneOf(KINDS, name, "--only")));
const compression = oneOf(COMPRESSIONS, values.compression, "--compression");
const names = ARCHITECTURES.map(({ debian }) => debian);
const architectures = new Set(
  values.architecture.map((name) => oneOf(names, name, "--architecture")),
);

const from = resolve(ROOT, values.from);
const out = resolve(ROOT, values.out ?? join(from, "packages"));
const { base, homepage, maintainer } = values;
const release = releaseIn(from, { base, homepage, maintainer }, sourcesHere().at);
mkdirSync(out, { recursive: true });

const made: string[] = [];
const put = (name: string, text: string, mode = 0o644): void => {
  const path = join(out, name);
  writeFileSync(path, text, { mode });
  made.push(path);
};
texts(release);
if (kinds.has("debian")) {
  for (const architecture of ARCHITECTURES.filter(({ debian }) => architectures.has(debian))) {
    made.push(debianPackage(release, architecture, { out, compression }));
  }
}
const sums = made.map((path) => `${sha256(path)}  ${basename(path)}\n`);
writeFileSync(join(out, "PACKAGES-SHA256SUMS"), sums.join(""));
for (const path of made) console.log(path);

function texts(release: Release): void {
  const page = join(ROOT, "docs/reference", MANUAL);
  const manual = sha256(page);
  if (kinds.has("homebrew") || kinds.has("nix")) {
    copyFileSync(page, join(out, MANUAL));
    made.push(join(out, MANUAL));
  }
  if (kinds.has("homebrew")) put("fileshare.rb", homebrewFormula(release, manual));
  if (kinds.has("scoop")) put("fileshare.json", scoopManifest(release));
  if (kinds.has("nix")) {
    put("fileshare.nix", nixDerivation(release, manual));
    put("flake.nix", nixFlake(release));
  }
  if (kinds.has("script")) put("install.sh", installScript(release), 0o755);
}

function sha256(path: string): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

/** Ends the script with the choices if it is none of them. */
function oneOf<T extends string>(choices: readonly T[], word: string, option: string): T {
  const found = choices.find((choice) => choice === word);
  if (found !== undefined) return found;
  return failUsage(new ScriptUsageError(`${option} takes ${choices.join(", ")}; not "${word}".`));
}
