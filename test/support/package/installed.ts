/** The npm package, packed from a copy of the repository and installed once, as on a machine with Node alone. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import manifest from "../../../package.json" with { type: "json" };
import { ROOT } from "../documents.ts";

/** A Node that has `process.execve`, and that the library runs in. The Node of the machine may be older. */
const NODE_PACKAGE = `node-linux-${process.arch}`;
const NODE_VERSION = "24.9.0";

/** All that `npm pack` reads, and that compiling reads. */
const PACKED_FROM =
  "cli protocol relay web deploy docs/reference package.json tsconfig.json README.md LICENSE".split(
    " ",
  );

/** Programs besides Node that a command may need; no Bun. */
const PROGRAMS = ["sh", "env", "uname"];

export class InstalledPackage implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "fileshare-npm-"));
  readonly tarball = join(this.folder, `fileshare-${manifest.version}.tgz`);
  /** Of `npm install --global`. */
  readonly prefix = join(this.folder, "global");
  /** An application in another folder, which has the package. */
  readonly app = join(this.folder, "app");
  readonly #node: string;

  private constructor() {
    const node = Bun.which("node");
    if (node === null) throw new Error("Tests of the npm package need Node and npm");
    this.#node = node;
  }

  static async make(): Promise<InstalledPackage> {
    const made = new InstalledPackage();
    await made.#make();
    return made;
  }

  /** The Node of this machine, and a newer one. */
  get nodes(): { readonly here: string; readonly newer: string } {
    return { here: this.#node, newer: join(this.packages, NODE_PACKAGE, "bin/node") };
  }

  /** The folder of the package, with its dependencies. */
  get packages(): string {
    return join(this.prefix, "lib/node_modules");
  }

  /** The command, as npm put it there. */
  get command(): string {
    return join(this.prefix, "bin/fileshare");
  }

  /** A machine with Node alone, and a home of its own. */
  env(node: string = this.#node): Record<string, string> {
    const bin = join(this.folder, `bin-${Bun.hash(node).toString(36)}`);
    mkdirSync(bin, { recursive: true });
    rmSync(join(bin, "node"), { force: true });
    symlinkSync(node, join(bin, "node"));
    for (const program of PROGRAMS) {
      const path = Bun.which(program) ?? "";
      rmSync(join(bin, program), { force: true });
      symlinkSync(path, join(bin, program));
    }
    const home = join(this.folder, "home");
    mkdirSync(home, { recursive: true });
    return { PATH: bin, HOME: home, FILESHARE_CONFIG: "" };
  }

  async #make(): Promise<void> {
    await packPackage(this.folder);
    const global = ["--global", "--prefix", this.prefix];
    await npm(this.folder, "install", ...global, this.tarball, `${NODE_PACKAGE}@${NODE_VERSION}`);
    mkdirSync(this.app);
    symlinkSync(this.packages, join(this.app, "node_modules"));
    writeFileSync(join(this.app, "package.json"), '{ "private": true, "type": "module" }\n');
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Packs the package from a copy of the repository. @returns the path of the tarball */
export async function packPackage(folder: string): Promise<string> {
  const stage = join(folder, "stage");
  for (const path of PACKED_FROM) cpSync(join(ROOT, path), join(stage, path), { recursive: true });
  rmSync(join(stage, "lib"), { recursive: true, force: true });
  symlinkSync(join(ROOT, "node_modules"), join(stage, "node_modules"));
  await npm(stage, "pack", "--pack-destination", folder);
  return join(folder, `fileshare-${manifest.version}.tgz`);
}

/** Runs npm, which takes from its cache what is there. @returns its output */
export async function npm(cwd: string, ...words: readonly string[]): Promise<string> {
  const program = Bun.which("npm");
  if (program === null) throw new Error("Tests of the npm package need Node and npm");
  const quick = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  const path = `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`;
  const child = Bun.spawn([program, ...words, ...quick], {
    cwd,
    env: { ...process.env, PATH: path },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`npm ${words.join(" ")} failed\n${out}${err}`);
  return out;
}
