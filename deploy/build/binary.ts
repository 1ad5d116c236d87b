/**
 * One binary: the command line and its workers, bundled and compiled with the page, the admin page and Bun itself.
 *
 *   cli/main.ts                the entry
 *   WORKER_SCRIPTS             entries of their own, at their paths below the root of the binary
 *   page.bundle                the page, as packages have it
 *   admin-page.bundle          the admin page, which a checkout bundles when an operator first asks for it
 *
 * The binary reads neither `.env` nor `bunfig.toml`, `package.json` or `tsconfig.json` of the folder that it is started in.
 */
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { adminPage } from "../../relay/admin/page/page.ts";
import { WORKER_SCRIPTS } from "../../relay/system/binary.ts";
import { bundlePage, toBundle } from "../../web/build.ts";
import { fileNameOf, type Target, type TargetName } from "./targets.ts";

export const ROOT = join(import.meta.dir, "../..");
export const ENTRIES = ["cli/main.ts", ...WORKER_SCRIPTS] as const;

/** The parts that all binaries of a build have in common. */
export interface Shared {
  /** Files that are embedded, by the names that `embeddedBundle` of `web/mod.ts` looks for. */
  readonly bundles: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>;
  /** Names the sources, such as `197df82e1c2f`. */
  readonly build: string;
}

/** A binary brings Bun, so the bundler leaves out code for Node. */
export const BUN_ALONE = { "process.versions.bun": JSON.stringify(Bun.version) };
/** Builds of the page need it, and a binary brings the page. */
export const BUNDLERS = ["rolldown"];

/** Bundles both pages, once for all targets. */
export async function bundlePages(): Promise<Shared["bundles"]> {
  const [page, admin] = await Promise.all([bundlePage(), adminPage()]);
  return { "page.bundle": toBundle(page), "admin-page.bundle": JSON.stringify(admin) };
}

/**
 * Makes the binary of one target. The first binary of a foreign target makes Bun download its runtime.
 * @returns the path of the binary
 * @throws AggregateError with the mistakes in the sources, or Error of the download
 */
export async function makeBinary(
  target: Target & { readonly name: TargetName },
  folder: string,
  { bundles, build }: Shared,
): Promise<string> {
  const name = fileNameOf(target.name);
  // Bun leaves half a file when it is interrupted. The name itself becomes a part of the binary.
  const scratch = await mkdtemp(join(folder, ".build-"));
  const outfile = join(scratch, name);
  try {
    await Bun.build({
      external: BUNDLERS,
      // The paths of all entries become a part of the binary, so no bundle lies in a temporary folder.
      entrypoints: [...ENTRIES, ...Object.keys(bundles)].map((entry) => join(ROOT, entry)),
      files: Object.fromEntries(
        Object.entries(bundles).map(([name, content]) => [join(ROOT, name), content]),
      ),
      root: ROOT,
      target: "bun",
      format: "esm",
      minify: true,
      sourcemap: "linked",
      // Each command loads its own part alone. Together with the bytecode this halves the time of a start.
      splitting: true,
      bytecode: true,
      loader: { ".bundle": "file" },
      naming: { asset: "[name].[ext]" },
      define: {
        FILESHARE_BUILD: JSON.stringify(`${target.name}, ${build}`),
        ...BUN_ALONE,
        "process.env.NODE_ENV": '"production"',
      },
      compile: {
        target: target.bun,
        outfile,
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
    });
    const path = join(folder, name);
    await rename(outfile, path);
    return path;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The sources that a build is made of. */
export interface Sources {
  /** The commit, with a mark if a file differs from it; `unknown` outside a checkout. */
  readonly build: string;
  /** The time of the commit, or of now outside a checkout. */
  readonly at: Date;
}

/** @param commit its name, where there is no Git */
export function sourcesHere(commitGiven?: string): Sources {
  if (commitGiven !== undefined) return { build: commitGiven, at: new Date() };
  const [commit = "unknown", seconds] =
    git("show", "-s", "--abbrev=12", "--format=%h %ct", "HEAD")?.split(" ") ?? [];
  if (seconds === undefined) return { build: commit, at: new Date() };
  const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
  return { build: changed ? `${commit}-changed` : commit, at: new Date(Number(seconds) * 1000) };
}

/** Its output; undefined where there is no git, or no checkout. */
function git(...words: readonly string[]): string | undefined {
  const program = Bun.which("git");
  if (program === null) return undefined;
  const { exitCode, stdout } = Bun.spawnSync([program, ...words], { cwd: ROOT, stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : undefined;
}
