/**
 * The Debian packages: the command with its manual page and completions, and the unit of a relay.
 *
 *   /usr/bin/fileshare
 *   /usr/lib/systemd/system/fileshare-relay.service   deploy/fileshare-relay.service, with this command
 *   /etc/fileshare/relay.env                          a conffile: the relay's options
 *   /usr/share/...                                    manual page, completions, licences
 *
 * dpkg-deb packs them. The files of `debian/` are its scripts and texts.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { assetOf, ROOT, type Release } from "../release.ts";

const HERE = join(import.meta.dir, "debian");

export const ARCHITECTURES = [
  { debian: "amd64", target: "linux-x64" },
  { debian: "arm64", target: "linux-arm64" },
] as const;

export type Architecture = (typeof ARCHITECTURES)[number];

/** How dpkg-deb packs the files. Debian 11 knows no zstd; `none` is for tests. */
export const COMPRESSIONS = ["xz", "zstd", "gzip", "none"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** The oldest C library with the symbols that the binary asks for. */
const LIBC = "2.17";

export interface DebianOptions {
  readonly out: string;
  readonly compression: Compression;
}

/** @returns the path of the package @throws Error where dpkg-deb is missing or fails */
export function debianPackage(
  release: Release,
  { debian, target }: Architecture,
  { out, compression }: DebianOptions,
): string {
  const dpkgDeb = Bun.which("dpkg-deb");
  if (dpkgDeb === null) {
    throw new Error(
      "dpkg-deb is not here. Run this on Debian or Ubuntu, or leave --only debian out.",
    );
  }
  const asset = assetOf(release, target);
  const tree = mkdtempSync(join(out, ".debian-"));
  try {
    const put = (path: string, text: string | Uint8Array, mode = 0o644): void => {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
      chmodSync(join(tree, path), mode);
    };
    mkdirSync(join(tree, "usr/bin"), { recursive: true });
    copyFileSync(join(release.folder, asset.file), join(tree, "usr/bin/fileshare"));
    if (sumOf("sha256", join(tree, "usr/bin/fileshare")) !== asset.sha256) {
      throw new Error(`${asset.file} is not the file of SHA256SUMS. Run "bun run build" again.`);
    }
    chmodSync(join(tree, "usr/bin/fileshare"), 0o755);
    for (const [path, text] of Object.entries(filesOf(release))) put(path, text);
    // Before the folder of the package's own files, which do not count.
    const installed = filesIn(tree);
    put(
      "DEBIAN/control",
      controlOf(
        release,
        debian,
        installed.map((path) => join(tree, path)),
      ),
    );
    put("DEBIAN/conffiles", "/etc/fileshare/relay.env\n");
    put(
      "DEBIAN/md5sums",
      installed
        .filter((path) => !path.startsWith("etc/"))
        .map((path) => md5Line(tree, path))
        .join(""),
    );
    for (const script of ["postinst", "prerm", "postrm"]) {
      put(`DEBIAN/${script}`, readFileSync(join(HERE, script)), 0o755);
    }
    const path = join(out, `${release.name}_${debianVersion(release.version)}_${debian}.deb`);
    // The umask of the person must not become that of the folders.
    for (const folder of foldersIn(tree)) chmodSync(folder, 0o755);
    run([dpkgDeb, "--root-owner-group", `-Z${compression}`, "--build", tree, path], release.at);
    return path;
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** The texts of a package, by their paths on the system. */
function filesOf(release: Release): Readonly<Record<string, string | Uint8Array>> {
  const doc = `usr/share/doc/${release.name}`;
  return {
    "usr/lib/systemd/system/fileshare-relay.service": relayUnit(),
    "etc/fileshare/relay.env": readFileSync(join(HERE, "relay.env")),
    "usr/share/man/man1/fileshare.1.gz": gzipped(
      readFileSync(join(ROOT, "docs/reference/fileshare.1")),
    ),
    "usr/share/bash-completion/completions/fileshare": completion("bash"),
    "usr/share/zsh/vendor-completions/_fileshare": completion("zsh"),
    "usr/share/fish/vendor_completions.d/fileshare.fish": completion("fish"),
    [`${doc}/copyright`]: copyrightOf(release),
    [`${doc}/changelog.gz`]: gzipped(changelogOf(release)),
    [`${doc}/README.Debian`]: readFileSync(join(HERE, "README.Debian")),
    [`usr/share/lintian/overrides/${release.name}`]: overridesOf(release.name),
  };
}

/** Lines of `deploy/fileshare-relay.service` that name a checkout, and those of a package. */
const CHANGED: readonly (readonly [line: RegExp, instead: string])[] = [
  [
    /^# A fileshare relay as a service .*\n/m,
    "# A fileshare relay as a service of systemd. Start it with: systemctl enable --now fileshare-relay\n",
  ],
  [/^Documentation=.*\n/m, "Documentation=man:fileshare(1)\n"],
  [/^ExecStart=.*\n/m, "ExecStart=/usr/bin/fileshare relay\n"],
  [/^# Bun would keep compiled .*\nEnvironment=BUN_RUNTIME_TRANSPILER_CACHE_PATH=0\n/m, ""],
  [/^(# By its name two that follow each other are the same), see README\.md\.\n/m, "$1.\n"],
];

/** The unit with the command of the package. @throws Error where a line to change is missing */
export function relayUnit(): string {
  const unit = readFileSync(join(ROOT, "deploy/fileshare-relay.service"), "utf8");
  return CHANGED.reduce((text, [line, instead]) => {
    if (!line.test(text))
      throw new Error(`deploy/fileshare-relay.service has no line ${String(line)}.`);
    return text.replace(line, instead);
  }, unit);
}

/** A tilde sorts before the end, so a candidate is older than its release. */
export function debianVersion(version: string): string {
  return version.replace("-", "~");
}

function controlOf(release: Release, architecture: string, paths: readonly string[]): string {
  const kib = paths.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  return `Package: ${release.name}
Version: ${debianVersion(release.version)}
Architecture: ${architecture}
Maintainer: ${release.maintainer}
Installed-Size: ${kib}
Depends: libc6 (>= ${LIBC})
Section: net
Priority: optional
Homepage: ${release.homepage}
Description: ${synopsisOf(release.summary)}
${folded(release.description)}
`;
}

/** Debian's synopsis is a phrase in lower case. */
function synopsisOf(summary: string): string {
  return summary.charAt(0).toLowerCase() + summary.slice(1);
}

/** Lines of at most 78 characters, each with the space that a field goes on with. */
function folded(text: string): string {
  return text.replaceAll(/(.{1,77})(?: |$)/g, " $1\n").trimEnd();
}

/** Texts that Debian has, and wants no copies of: GNU's old and new LGPL, and Apache's licence. */
const COMMON: readonly (readonly [text: RegExp, file: string])[] = [
  [/ *GNU LIBRARY GENERAL PUBLIC LICENSE\n *Version 2,.*?END OF TERMS AND CONDITIONS/gs, "LGPL-2"],
  [
    / *GNU LESSER GENERAL PUBLIC LICENSE\n *Version 2\.1,.*?END OF TERMS AND CONDITIONS/gs,
    "LGPL-2.1",
  ],
  [/ *Apache License\n *Version 2\.0,.*?END OF TERMS AND CONDITIONS/gs, "Apache-2.0"],
];

function copyrightOf({ name, homepage, folder }: Release): string {
  const licences = COMMON.reduce(
    (text, [whole, file]) => text.replaceAll(whole, `See /usr/share/common-licenses/${file}.`),
    readFileSync(join(folder, "LICENSES.txt"), "utf8"),
  );
  return `This package has ${name}, from ${homepage}\n\n${licences}`;
}

function changelogOf({ name, version, maintainer, at, homepage }: Release): string {
  const date = at.toUTCString().replace("GMT", "+0000");
  return `${name} (${debianVersion(version)}) unstable; urgency=medium\n\n  * Version ${version}. ${homepage} lists its changes.\n\n -- ${maintainer}  ${date}\n`;
}

function overridesOf(name: string): string {
  return `# The program is one file that Bun made: it links its libraries into it, and strip takes away the part that is fileshare.
${["unstripped-binary-or-object", "embedded-library", "hardening-no-pie", "hardening-no-relro"].map((tag) => `${name}: ${tag}`).join("\n")}
`;
}

/** As `fileshare completion` prints it. */
function completion(shell: string): string {
  return run([process.execPath, join(ROOT, "cli/main.ts"), "completion", shell]);
}

/** Without a name and a time, so the same text gives the same bytes. */
function gzipped(text: string | Uint8Array): Uint8Array {
  return Bun.gzipSync(typeof text === "string" ? text : new Uint8Array(text), {
    level: 9,
  });
}

function md5Line(tree: string, path: string): string {
  return `${sumOf("md5", join(tree, path))}  ${path}\n`;
}

/** hex */
function sumOf(algorithm: "md5" | "sha256", path: string): string {
  return new Bun.CryptoHasher(algorithm).update(readFileSync(path)).digest("hex");
}

function filesIn(tree: string): string[] {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1))
    .toSorted();
}

function foldersIn(tree: string): string[] {
  const inside = readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [tree, ...inside];
}

/** @returns what it printed @throws Error with what it complained of */
function run(words: readonly string[], at?: Date): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], {
    env: {
      ...process.env,
      BUN_OPTIONS: "",
      ...(at !== undefined && { SOURCE_DATE_EPOCH: String(Math.floor(at.getTime() / 1000)) }),
    },
  });
  if (exitCode !== 0)
    throw new Error(`${words.join(" ")} ended with ${exitCode}: ${stderr.toString()}`);
  return stdout.toString();
}
