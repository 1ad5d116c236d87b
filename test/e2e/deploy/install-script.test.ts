/** install.sh installs what was published, and nothing else, by each shell and tool that people have. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { installScript } from "../../../deploy/packages/manifests.ts";
import { releaseIn } from "../../../deploy/release.ts";
import manifest from "../../../package.json" with { type: "json" };
import { boundByModes, lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { ROOT } from "../../support/documents.ts";
import { ADDRESSES, programs, serveRelease } from "../../support/release.ts";

const { version } = manifest;
const place = temporaryFolder();
const server = serveRelease();
afterAll(() => {
  server[Symbol.dispose]();
  place[Symbol.dispose]();
});

const sha256 = (bytes: Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** A program that prints its version, as large as some writes to a socket. */
function program(says: string): Uint8Array {
  return Buffer.from(`#!/bin/sh\necho "${says}"\nexit\n${"#".repeat(3_000_000)}\n`);
}

const FILES = [
  "fileshare-linux-x64",
  "fileshare-linux-arm64",
  "fileshare-linux-x64-musl",
  "fileshare-linux-arm64-musl",
  "fileshare-macos-x64",
  "fileshare-macos-arm64",
];
const published = Object.fromEntries(
  FILES.map((file) => [file, program(`${version} (${file}, 0123456789ab)`)]),
);
const dist = join(place.path, "dist");
mkdirSync(dist);
writeFileSync(
  join(dist, "SHA256SUMS"),
  Object.entries(published)
    .map(([file, bytes]) => `${sha256(bytes)}  ${file}\n`)
    .join(""),
);
const script = join(place.path, "install.sh");
writeFileSync(
  script,
  installScript(releaseIn(dist, { ...ADDRESSES, base: server.base }, new Date(0))),
);

const HERE = `fileshare-linux-${process.arch}`;
const COMMON = ["sh", "uname", "mktemp", "mkdir", "chmod", "mv", "rm", "sed", "cut", "cat"];
const curlPath = programs(join(place.path, "curl"), ...COMMON, "curl", "sha256sum");

let home = "";
let next = 0;
beforeEach(() => {
  home = join(place.path, `home-${next++}`);
  mkdirSync(home);
  server.asked.length = 0;
  server.answers.clear();
  for (const [file, bytes] of Object.entries(published)) {
    server.answers.set(`/v${version}/${file}`, bytes);
  }
});

interface Run {
  readonly shell?: readonly string[];
  readonly path?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
}

function start({ shell = ["sh"], path = curlPath, env = {}, options = [] }: Run) {
  return Bun.spawn([...shell, script, ...options], {
    cwd: "/",
    env: { HOME: home, PATH: path, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function install(run: Run = {}) {
  const child = start(run);
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, out, err };
}

/** All files below the home. */
function left(): string[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
    .toSorted();
}

const INSTALLED = ".local/bin/fileshare";
const installed = (): Uint8Array => readFileSync(join(home, INSTALLED));

describe("an installation", () => {
  test("puts the file for this machine into ~/.local/bin, and says so", async () => {
    const { exitCode, out, err } = await install();
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    const path = join(home, ".local/bin");
    expect(out).toContain(
      `Installed fileshare ${version} (${HERE}, 0123456789ab) as ${path}/fileshare`,
    );
    expect(out).toContain(`export PATH="${path}:$PATH"`);
    expect(left()).toEqual([INSTALLED]);
    expect(installed()).toEqual(Buffer.from(published[HERE]!));
    expect(server.asked).toEqual([`/v${version}/${HERE}`]);
    const again = await install({ env: { PATH: `${curlPath}:${path}` } });
    expect(again.exitCode).toBe(0);
    expect(again.out).not.toContain("PATH");
  });

  test("takes another folder, and one that PATH finds too late is named", async () => {
    const other = join(home, "a folder/of mine");
    const early = programs(join(home, "early"), ["fileshare", "/bin/true"]);
    const env = { PATH: `${early}:${curlPath}:${other}/bin` };
    const { exitCode, out } = await install({ env: { ...env, PREFIX: other } });
    expect(exitCode).toBe(0);
    expect(out).toContain(`PATH finds another one before it: ${early}/fileshare`);
    const given = await install({ env, options: ["--prefix", `${other} 2`] });
    expect(given.exitCode).toBe(0);
    expect(left()).toContain("a folder/of mine/bin/fileshare");
    expect(left()).toContain("a folder/of mine 2/bin/fileshare");
  });

  test("replaces a file that is there, and a link but not its target", async () => {
    mkdirSync(join(home, ".local/bin"), { recursive: true });
    writeFileSync(join(home, "old"), "old");
    symlinkSync(join(home, "old"), join(home, INSTALLED));
    expect((await install()).exitCode).toBe(0);
    expect(installed()).toEqual(Buffer.from(published[HERE]!));
    expect(readFileSync(join(home, "old"), "utf8")).toBe("old");
  });

  test("of another version checks it by the list of that version", async () => {
    const bytes = program("9.8.7");
    server.answers.set("/v9.8.7/SHA256SUMS", Buffer.from(`${sha256(bytes)}  ${HERE}\n`));
    server.answers.set(`/v9.8.7/${HERE}`, bytes);
    expect((await install({ options: ["--version", "v9.8.7"] })).exitCode).toBe(0);
    expect(installed()).toEqual(Buffer.from(bytes));
    const { exitCode, err } = await install({ options: ["--version", "9.8.6"] });
    expect(exitCode).toBe(1);
    expect(err).toContain("/v9.8.6/SHA256SUMS cannot be downloaded");
    expect(installed()).toEqual(Buffer.from(bytes));
  });

  test("from a mirror asks the mirror alone", async () => {
    using mirror = serveRelease();
    mirror.answers.set(`/v${version}/${HERE}`, published[HERE]!);
    const { exitCode } = await install({
      options: ["--base", mirror.base.replace("{version}", version)],
    });
    expect(exitCode).toBe(0);
    expect(server.asked).toEqual([]);
  });

  test("is undone by --uninstall, which touches nothing else", async () => {
    await install();
    writeFileSync(join(home, ".local/bin/other"), "");
    const removed = await install({ options: ["--uninstall"] });
    expect(removed.exitCode).toBe(0);
    expect(left()).toEqual([".local/bin/other"]);
    const again = await install({ options: ["--uninstall"] });
    expect(again.exitCode).toBe(1);
    expect(again.err).toContain("Name its folder with --prefix.");
  });
});

describe("tools", () => {
  const busybox = Bun.which("busybox") ?? "";
  const bare = COMMON.slice(1).map((name) => [name, busybox] as const);

  test.skipIf(lacksProgram("busybox", "busybox"))("of busybox alone are enough", async () => {
    const path = programs(join(home, "tools"), ...bare, ["wget", busybox], ["sha256sum", busybox]);
    const { exitCode, err } = await install({ shell: [busybox, "sh"], path });
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    expect(installed()).toEqual(Buffer.from(published[HERE]!));
  });

  test.skipIf(lacksProgram("busybox", "busybox"))("wget takes the place of curl", async () => {
    const path = programs(join(home, "tools"), ...COMMON, ["wget", busybox], "sha256sum");
    expect((await install({ path })).exitCode).toBe(0);
    server.answers.set(`/v${version}/${HERE}`, "cut");
    const { exitCode, err } = await install({ path });
    expect(exitCode).toBe(1);
    expect(err).toContain("cannot be downloaded whole");
  });

  const withoutSums = lacksProgram("openssl", "openssl") || lacksProgram("shasum", "perl");
  test.skipIf(withoutSums).each([
    ["sha256sum", ["sha256sum"]],
    ["shasum", ["shasum", "perl"]],
    ["openssl", ["openssl"]],
  ])("%s checks the file", async (_, names) => {
    const path = programs(join(home, "tools"), ...COMMON, "curl", ...names);
    expect((await install({ path })).exitCode).toBe(0);
    server.answers.set(`/v${version}/${HERE}`, program("another"));
    const { exitCode, err } = await install({ path });
    expect(exitCode).toBe(1);
    expect(err).toContain("is not what was published");
  });

  test("that are missing are named", async () => {
    const unable = programs(join(home, "no-sum"), ...COMMON, "curl");
    const unchecked = await install({ path: unable });
    expect(unchecked.exitCode).toBe(1);
    expect(unchecked.err).toContain("sha256sum, shasum and openssl are all missing");
    const offline = programs(join(home, "no-net"), ...COMMON, "sha256sum");
    const unfetched = await install({ path: offline });
    expect(unfetched.exitCode).toBe(1);
    expect(unfetched.err).toContain("curl and wget are both missing");
    expect(left().filter((path) => path.startsWith(".local"))).toEqual([]);
  });

  test.skipIf(lacksProgram("shellcheck", "shellcheck"))(
    "shellcheck finds nothing in the scripts",
    () => {
      const debian = ["postinst", "prerm", "postrm"].map((name) =>
        join(ROOT, "deploy/packages/debian", name),
      );
      const { exitCode, stdout } = Bun.spawnSync(["shellcheck", "-s", "sh", script, ...debian]);
      expect({ exitCode, said: stdout.toString() }).toEqual({ exitCode: 0, said: "" });
    },
  );
});

describe("the machine", () => {
  /** A machine that says this of itself. */
  function machine(system: string, cpu: string, ldd: string, sysctl = "0"): string {
    const path = join(home, "tools");
    programs(path, ...COMMON.filter((name) => name !== "uname"), "curl", "sha256sum");
    const says = (name: string, body: string): void => {
      writeFileSync(join(path, name), `#!/bin/sh\n${body}\n`);
      chmodSync(join(path, name), 0o755);
    };
    says("uname", `case $1 in -s) echo "${system}" ;; *) echo "${cpu}" ;; esac`);
    says("ldd", `echo "${ldd}" >&2; exit 1`);
    says("sysctl", `echo ${sysctl}`);
    return path;
  }

  test.each([
    ["Linux", "x86_64", "ldd (Debian GLIBC 2.41-12) 2.41", "0", "linux-x64"],
    ["Linux", "aarch64", "ldd (GNU libc) 2.34", "0", "linux-arm64"],
    ["Linux", "x86_64", "musl libc (x86_64)", "0", "linux-x64-musl"],
    ["Linux", "aarch64", "musl libc (aarch64)", "0", "linux-arm64-musl"],
    ["Darwin", "arm64", "", "0", "macos-arm64"],
    ["Darwin", "x86_64", "", "0", "macos-x64"],
    ["Darwin", "x86_64", "", "1", "macos-arm64"],
  ])("%s on %s with %p, translated %s, gets %s", async (system, cpu, ldd, sysctl, target) => {
    const { exitCode, err } = await install({ path: machine(system, cpu, ldd, sysctl) });
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    expect(installed()).toEqual(Buffer.from(published[`fileshare-${target}`]!));
  });

  test.each([
    ["Linux", "armv7l", "armv7l processors"],
    ["FreeBSD", "amd64", "no fileshare for FreeBSD"],
    ["MINGW64_NT-10.0", "x86_64", "Use Scoop"],
  ])("%s on %s is refused before anything is made", async (system, cpu, sentence) => {
    const { exitCode, err } = await install({ path: machine(system, cpu, "") });
    expect(exitCode).toBe(1);
    expect(err).toContain(sentence);
    expect(server.asked).toEqual([]);
    expect(existsSync(join(home, ".local"))).toBe(false);
  });
});

describe("a failure leaves the old file, and nothing beside it", () => {
  beforeEach(async () => {
    mkdirSync(join(home, ".local/bin"), { recursive: true });
    writeFileSync(join(home, INSTALLED), "old");
  });
  const isAsBefore = (): void => {
    expect(left()).toEqual([INSTALLED]);
    expect(readFileSync(join(home, INSTALLED), "utf8")).toBe("old");
  };

  test.each([
    ["a file that was changed", program("0.1.0 (malice)"), "Nothing was installed."],
    ["an empty file", new Uint8Array(), "Nothing was installed."],
    ["a file that is missing", "missing", "cannot be downloaded whole"],
    ["a download that breaks off", "cut", "cannot be downloaded whole"],
  ] as const)("%s", async (_, answer, sentence) => {
    server.answers.set(`/v${version}/${HERE}`, answer);
    const { exitCode, err } = await install();
    expect(exitCode).toBe(1);
    expect(err).toContain(sentence);
    isAsBefore();
  });

  test("a file that was published and does not start", async () => {
    const bytes = Buffer.from("#!/bin/sh\necho broken; exit 1\n");
    server.answers.set("/v2.0.0/SHA256SUMS", Buffer.from(`${sha256(bytes)}  ${HERE}\n`));
    server.answers.set(`/v2.0.0/${HERE}`, bytes);
    const { exitCode, err } = await install({ options: ["--version", "2.0.0"] });
    expect(exitCode).toBe(1);
    expect(err).toContain("does not start here: broken");
    isAsBefore();
  });

  test("a list without the file, and one that is no list", async () => {
    server.answers.set("/v2.0.0/SHA256SUMS", Buffer.from(`${"0".repeat(64)}  fileshare-other\n`));
    server.answers.set("/v3.0.0/SHA256SUMS", Buffer.from("<html>\n"));
    for (const other of ["2.0.0", "3.0.0"]) {
      const { exitCode, err } = await install({ options: ["--version", other] });
      expect(exitCode).toBe(1);
      expect(err).toContain(`version ${other} has no ${HERE}`);
    }
    isAsBefore();
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s amid the download", async (signal) => {
    using slow = serveRelease();
    slow.answers.set(`/v${version}/${HERE}`, "held");
    const child = start({ options: ["--base", slow.base] });
    const { gone } = await slow.held;
    child.kill(signal);
    expect(await child.exited).toBe(128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal]);
    // The download has ended with its shell.
    await gone;
    isAsBefore();
  });

  test("a folder that is not writable", async () => {
    chmodSync(join(home, ".local/bin"), 0o555);
    const { exitCode, err } = await install({
      shell: boundByModes(["sh"]),
      env: { PATH: `${curlPath}:/usr/bin` },
    });
    chmodSync(join(home, ".local/bin"), 0o755);
    expect(exitCode).toBe(1);
    expect(err).toContain("Choose another folder with --prefix.");
    expect(server.asked).toEqual([]);
    isAsBefore();
  });

  test("a folder in the place of the file, and a file in the place of the folder", async () => {
    mkdirSync(join(home, "p/bin/fileshare"), { recursive: true });
    writeFileSync(join(home, "q"), "");
    for (const [prefix, sentence] of [
      ["p", "is a folder"],
      ["q", "cannot be made"],
    ]) {
      const { exitCode, err } = await install({ options: ["--prefix", join(home, prefix!)] });
      expect(exitCode).toBe(1);
      expect(err).toContain(sentence!);
    }
    expect(left()).toEqual([INSTALLED, "q"]);
  });

  test.each([
    [["--nonsense"], "there is no option --nonsense"],
    [["--version"], "--version needs a value"],
    [["--prefix", ""], "--prefix needs a value"],
    [["--version", "../../evil"], "is no version"],
  ])("the words %j", async (options, sentence) => {
    const { exitCode, err } = await install({ options });
    expect(exitCode).toBe(1);
    expect(err).toContain(sentence);
    expect(server.asked).toEqual([]);
    isAsBefore();
  });
});

test("a script that arrives in part does nothing", () => {
  const text = readFileSync(script, "utf8");
  const lines = [...text.matchAll(/\n/g)].map(({ index }) => index);
  const tail = Array.from({ length: 40 }, (_, index) => text.length - 2 - index);
  for (const end of [...lines.slice(0, -1).filter((_, index) => index % 4 === 0), ...tail]) {
    const { stdout } = Bun.spawnSync(["sh"], {
      env: { HOME: home, PATH: curlPath },
      stdin: Buffer.from(text.slice(0, end)),
      stderr: "ignore",
    });
    expect({ end, said: stdout.toString() }).toEqual({ end, said: "" });
  }
  expect(server.asked).toEqual([]);
  expect(readdirSync(home)).toEqual([]);
});

test("a script from a pipe takes options", async () => {
  const child = Bun.spawn(["sh", "-s", "--", "--prefix", join(home, "mine")], {
    env: { HOME: home, PATH: curlPath },
    stdin: Bun.file(script),
    stdout: "ignore",
    stderr: "inherit",
  });
  expect(await child.exited).toBe(0);
  expect(left()).toEqual(["mine/bin/fileshare"]);
});
