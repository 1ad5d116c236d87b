/**
 * The steps of the Dockerfile, run here as far as that goes without a container: the first stage in a root of its own that
 * borrows the programs of this machine, the second on an empty root, with the user, the variables and the words of the image.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

import { commands } from "../../cli/commands/registry.ts";
import manifest from "../../package.json" with { type: "json" };
import { temporaryFolder } from "../support/disk.ts";
import { ROOT } from "../support/documents.ts";
import { heard } from "../support/clients/program.ts";
import { lacks, mountNamespace } from "../needs.ts";

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

const [build = [], image = []] = stages(readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8"));

/** The instructions of each stage, from its FROM on; continued lines are one, and comments are gone. */
function stages(text: string): Instruction[][] {
  const lines = text
    .replaceAll(/^ *#.*\n/gm, "")
    .replaceAll("\\\n", " ")
    .split("\n");
  const found: Instruction[][] = [];
  for (const line of lines) {
    const [, name = "", rest = ""] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (name === "") continue;
    if (name === "FROM") found.push([]);
    found.at(-1)?.push({ name, rest: rest.trim() });
  }
  return found;
}

const all = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((each) => each.name === name).map(({ rest }) => rest);
const words = (text: string | undefined): string[] => JSON.parse(text ?? "[]") as string[];

/** Its sources and its place. */
function copied(rest: string): { readonly from: readonly string[]; readonly to: string } {
  const paths = rest.split(/ +/).filter((word) => !word.startsWith("--"));
  return { from: paths.slice(0, -1), to: paths.at(-1) ?? "" };
}

describe("the Dockerfile", () => {
  test("takes the Bun that the tests have, and says the version that this is", () => {
    const bun = manifest.devDependencies["bun-types"];
    expect(all(build, "FROM")).toEqual([`oven/bun:${bun}-slim AS build`]);
    expect(manifest.engines.bun).toBe(`>=${bun}`);
    expect(all(image, "FROM")).toEqual(["scratch"]);
    expect(all(image, "LABEL")[0]).toContain(`image.version="${manifest.version}"`);
  });

  test("copies what is there, and its context has that and nothing else", () => {
    const paths = all(build, "COPY").flatMap((rest) => copied(rest).from);
    for (const path of paths) expect(existsSync(join(ROOT, path))).toBe(true);
    const ignore = readFileSync(join(ROOT, "deploy/Dockerfile.dockerignore"), "utf8");
    const kept = [...ignore.matchAll(/^!(.*)$/gm)].map(([, path = ""]) => path);
    expect(kept.toSorted()).toEqual(paths.toSorted());
  });

  test("starts by words, as a user, a command that there is", () => {
    expect(words(all(image, "ENTRYPOINT")[0])).toEqual(["/fileshare"]);
    expect(words(all(image, "CMD")[0])).toEqual(["relay"]);
    expect(Object.keys(commands)).toContain("relay");
    expect(all(image, "USER")).toEqual(["1000:1000"]);
    expect(all(image, "STOPSIGNAL")).toEqual(["SIGTERM"]);
  });
});

const NAMESPACE = mountNamespace();
const isRoot = process.geteuid?.() === 0;
const skipped = lacks(NAMESPACE !== undefined && isRoot, "util-linux");

describe.skipIf(skipped)("its steps", () => {
  const folder = temporaryFolder();
  const [first, second] = [join(folder.path, "build"), join(folder.path, "image")];

  beforeAll(() => {
    for (const { name, rest } of build) {
      if (name === "COPY") copyIn(rest, ROOT, join(first, "app"));
      if (name === "RUN") runIn(first, rest);
    }
    for (const rest of all(image, "COPY")) copyIn(rest, first, second);
    const [owner = ""] = all(image, "USER");
    expect(Bun.spawnSync(["chown", "-R", owner, join(second, "log")]).exitCode).toBe(0);
  });
  afterAll(() => folder[Symbol.dispose]());

  test("leave the binary, its C library, its licences and the folder of the log", () => {
    const entries = readdirSync(second).filter((name) => !/^lib(?:64)?$|^usr$/.test(name));
    expect(entries.toSorted()).toEqual(["LICENSES.txt", "fileshare", "fileshare.spdx.json", "log"]);
    const libraries = [...new Bun.Glob("{lib,lib64,usr}/**/*").scanSync({ cwd: second })];
    for (const library of libraries)
      expect(library).toMatch(/\/(?:ld-linux[\w-]*|lib(?:c|m|dl|pthread))\.so\.\d+$/);
    expect(statSync(join(second, "log")).mode & 0o777).toBe(0o700);
  });

  test("start a relay whose health the image's check sees, and which ends at the image's signal", async () => {
    const [entry = ""] = words(all(image, "ENTRYPOINT")[0]);
    const relay = inImage([
      entry,
      "relay",
      "--host",
      "127.0.0.1",
      "--port",
      "0",
      "--admin",
      "127.0.0.1:0",
    ]);
    await heard(relay.stdout, "The relay listens at");
    const health = words(/ CMD (.*)$/.exec(all(image, "HEALTHCHECK")[0] ?? "")?.[1]);
    const check = inImage(health);
    expect(await check.exited).toBe(0);
    relay.kill(all(image, "STOPSIGNAL")[0] as NodeJS.Signals);
    expect(await relay.exited).toBe(0);
    const late = inImage(health);
    expect(await late.exited).not.toBe(0);
  });

  /** A command of the image, as its user, with its variables and nothing else. The root is read-only but for the volume. */
  function inImage(command: readonly string[]) {
    const [user = ""] = all(image, "USER");
    const env = Object.fromEntries(
      [...(all(image, "ENV")[0] ?? "").matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g)].map(
        ([, name = "", quoted, plain]) => [name, quoted ?? plain ?? ""],
      ),
    );
    mkdirSync(join(second, "proc"), { recursive: true });
    const script =
      'mount --rbind /proc "$0/proc" && mount --bind "$0" "$0" && mount --rbind /proc "$0/proc" && ' +
      'mount --bind "$0/log" "$0/log" && mount -o remount,bind,ro "$0" && exec chroot --userspec="$USER_OF_IMAGE" "$0" "$@"';
    const unshared = ["unshare", NAMESPACE ?? "", "sh", "-c", script, second, ...command];
    return Bun.spawn(unshared, {
      env: { ...env, PATH: process.env["PATH"] ?? "", USER_OF_IMAGE: user },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
  }
});

/** COPY: a folder's content, or files. */
function copyIn(rest: string, context: string, root: string): void {
  const { from, to } = copied(rest);
  for (const path of from) {
    const source = join(context, path);
    const isFolder = statSync(source).isDirectory();
    const target = isFolder || !to.endsWith("/") ? join(root, to) : join(root, to, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(source, target, {
      recursive: true,
      filter: (each) => !/\/(?:dist|node_modules)$/.test(each),
    });
  }
}

/** RUN: in the root, where the programs of this machine and its Bun lie, and where /app is the folder of work. */
function runIn(root: string, command: string): void {
  for (const place of ["usr", "etc", "proc", "dev", "tmp", "opt/bun", "cache"]) {
    mkdirSync(join(root, place), { recursive: true });
  }
  const cache = Bun.spawnSync([process.execPath, "pm", "cache"], { cwd: ROOT })
    .stdout.toString()
    .trim();
  const script = `
    set -e
    for place in usr etc proc dev; do mount --rbind "/$place" "$0/$place"; done
    touch "$0/opt/bun/bun"
    mount --bind "$BUN" "$0/opt/bun/bun"
    mount --rbind "$BUN_CACHE" "$0/cache"
    for link in bin sbin lib lib64; do [ -L "/$link" ] && [ ! -e "$0/$link" ] && ln -s "usr/$link" "$0/$link" || :; done
    exec chroot "$0" sh -c 'cd /app && eval "$1"' sh "$1"`;
  const { exitCode, stderr } = Bun.spawnSync(
    ["unshare", NAMESPACE ?? "", "sh", "-c", script, root, command],
    {
      env: {
        BUN: process.execPath,
        BUN_CACHE: cache,
        BUN_INSTALL_CACHE_DIR: "/cache",
        COMMIT: "0123456789ab",
        HOME: "/tmp",
        PATH: "/opt/bun:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      },
      stdout: "ignore",
    },
  );
  if (exitCode !== 0)
    throw new Error(`RUN ${command} ended with ${exitCode}: ${stderr.toString()}`);
}
