/** The Debian package, installed, used, upgraded, removed and purged on a copy of this machine's root. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { arch } from "node:process";
import { join } from "node:path";

import { ARCHITECTURES, debianVersion, relayUnit } from "../../../deploy/packages/debian.ts";
import manifest from "../../../package.json" with { type: "json" };
import { lacks, lacksProgram } from "../../needs.ts";
import { builtBinary } from "../../support/binary.ts";
import { canOverlay, CHANGED_THERE, FOLDER_THERE, inOverlay } from "../../support/chroot.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { commandLines, read, ROOT } from "../../support/documents.ts";
import { ADDRESS_OPTIONS } from "../../support/release.ts";

const isDebian = Bun.which("dpkg-deb") !== null && Bun.which("deb-systemd-helper") !== null;
const withoutSystemd = lacksProgram("systemd-analyze", "systemd");
const skipped = lacks(isDebian && canOverlay(), "util-linux") || withoutSystemd;

const HERE = ARCHITECTURES.find(({ target }) => target === `linux-${arch}`)!;
const UNIT = "/usr/lib/systemd/system/fileshare-relay.service";
const ENABLED = "/etc/systemd/system/multi-user.target.wants/fileshare-relay.service";

/** All values of a key of the unit, as systemd gives them to a service. */
function settings(key: string): string[] {
  const lines = relayUnit().matchAll(new RegExp(`^${key}=(.*)$`, "gm"));
  const folders = { "%C": "/var/cache", "%S": "/var/lib", "%t": "/run", "%N": "fileshare-relay" };
  return [...lines].map(([, value = ""]) =>
    Object.entries(folders).reduce((text, [mark, path]) => text.replaceAll(mark, path), value),
  );
}

/** The user that systemd would make up for the service. */
const USER = "61999";

/** The folders of the service, as systemd makes them before it starts: the last of each path is the user's. */
function foldersOfService(): string {
  const [runtime = ""] = settings("RuntimeDirectory");
  const made = (mode: string, path: string): string => `install -d -m ${mode} -o ${USER} ${path}`;
  return ["lib", "cache"]
    .flatMap((kind) => [
      // systemd lets the service alone pass this folder.
      `mkdir -p /var/${kind}/private`,
      `chmod 755 /var/${kind}/private`,
      made("755", `/var/${kind}/private/fileshare-relay`),
      `ln -s private/fileshare-relay /var/${kind}/fileshare-relay`,
    ])
    .concat(made(settings("RuntimeDirectoryMode")[0] ?? "", `/run/${runtime}`))
    .join("\n");
}

/** Runs the words as that user, with the environment of the unit and the options of relay.env. */
function asService(words: string): string {
  const set = settings("Environment").join(" ");
  const options = "FILESHARE_HOST=127.0.0.1 FILESHARE_PORT=0";
  return `setpriv --reuid ${USER} --regid ${USER} --clear-groups --no-new-privs --bounding-set=-all \\
    env -i PATH=/usr/bin:/bin ${set} ${options} ${words}`;
}

/** A command line of the guide, with the package of this test. */
const GUIDE = commandLines(await read("docs/how-to/install.md"));
function asGuided(start: string): string {
  const line = GUIDE.find((each) => each.startsWith(start)) ?? `false # the guide has no ${start}`;
  return line.replace(/fileshare_\S+\.deb/, "$deb");
}

/** Before the steps. The trigger of manual pages takes seconds, no systemd runs here that could start the
 * relay now, and the images of containers leave out manual pages. */
const BEFORE = `
  deb=$(echo ${FOLDER_THERE}/dist/packages/*.deb)
  sudo() {
    case "$1 $2 $3" in
      "systemctl enable --now") systemctl enable "$4" ;;
      dpkg*) shift && dpkg --no-triggers --force-confold --path-include='*' "$@" ;;
    esac
  }`;

/** The steps of one life of the package. The output of each is a test's matter. */
const STEPS: Readonly<Record<string, string>> = {
  install: asGuided("sudo dpkg --install"),
  changed: CHANGED_THERE,
  version: "fileshare --version",
  verify: `dpkg -V fileshare && systemd-analyze verify --man=no ${UNIT}`,
  unit: `cat ${UNIT}`,
  isEnabled: "systemctl is-enabled fileshare-relay || true",
  manual: "zcat /usr/share/man/man1/fileshare.1.gz",
  completion: "bash -nv /usr/share/bash-completion/completions/fileshare 2>&1",
  relay: `${foldersOfService()}
    mkfifo /run/said
    ${asService(`${settings("ExecStart")[0]} --admin 127.0.0.1:0 --json`)} > /run/said &
    relay=$!
    exec 3< /run/said
    read -r listening <&3 && echo "$listening"
    ${asService("fileshare relay status --json")}
    kill -TERM $relay
    wait $relay && echo ended`,
  enable: `${asGuided("sudo systemctl enable")} 2>&1
    echo FILESHARE_PORT=9000 > /etc/fileshare/relay.env`,
  upgrade: `${asGuided("sudo dpkg --install")}
    systemctl is-enabled fileshare-relay
    cat /etc/fileshare/relay.env`,
  remove: asGuided("sudo dpkg --remove"),
  kept: CHANGED_THERE,
  purge: asGuided("sudo dpkg --purge"),
  left: CHANGED_THERE,
};

describe.skipIf(skipped)("the Debian package", () => {
  const folder = temporaryFolder();
  const said: Record<string, string> = {};
  let debs: string[] = [];
  afterAll(() => folder[Symbol.dispose]());

  beforeAll(() => {
    using binary = builtBinary();
    const dist = join(folder.path, "dist");
    mkdirSync(dist);
    const file = `fileshare-${HERE.target}`;
    symlinkSync(binary.path, join(dist, file));
    const sum = new Bun.CryptoHasher("sha256").update(readFileSync(binary.path)).digest("hex");
    writeFileSync(join(dist, "SHA256SUMS"), `${sum}  ${file}\n`);
    writeFileSync(join(dist, "LICENSES.txt"), "Licences.\n");
    const packages = Bun.spawnSync(
      [
        process.execPath,
        join(ROOT, "deploy/packages/main.ts"),
        "--only=debian",
        `--from=${dist}`,
        `--architecture=${HERE.debian}`,
        "--compression=none",
        ...ADDRESS_OPTIONS,
      ],
      { stderr: "inherit" },
    );
    expect(packages.exitCode).toBe(0);
    debs = readdirSync(join(dist, "packages")).filter((name) => name.endsWith(".deb"));
    const script = Object.entries(STEPS).map(([name, step]) => `echo "== ${name}"\n${step}`);
    const { exitCode, out, err } = inOverlay([BEFORE, ...script].join("\n"), folder.path);
    for (const part of out.split(/^== /m).slice(1)) {
      const [name = "", ...lines] = part.split("\n");
      said[name] = lines.join("\n").trimEnd();
    }
    // The last step that began says why it failed.
    expect({
      exitCode,
      steps: Object.keys(said),
      err: exitCode === 0 ? "" : `${err}${out.slice(-2000)}`,
    }).toMatchObject({
      exitCode: 0,
      steps: Object.keys(STEPS),
    });
  });

  /** Paths that a step lists and this machine does not have. */
  const added = (step: string): string[] =>
    (said[step] ?? "").split("\n").filter((path) => path !== "" && !existsSync(path));

  test("is handled by each line of the guide that has sudo", () => {
    const run = Object.values(STEPS).join("\n").replaceAll("$deb", "DEB");
    for (const line of GUIDE.filter((each) => each.startsWith("sudo "))) {
      expect(run).toContain(line.replace(/fileshare_\S+\.deb/, "DEB"));
    }
  });

  test("is named by name, version and architecture", () => {
    expect(debs).toEqual([`fileshare_${debianVersion(manifest.version)}_${HERE.debian}.deb`]);
    expect(debianVersion("1.0.0-rc.1")).toBe("1.0.0~rc.1");
  });

  test("puts its files into the folders of vendors, and nothing else", () => {
    const dpkg = /^\/var\/(?:lib\/dpkg|log|cache)\/|^\/var\/lib\/systemd/;
    expect(added("changed").filter((path) => !dpkg.test(path))).toEqual(
      [
        "/etc/fileshare",
        "/etc/fileshare/relay.env",
        "/usr/bin/fileshare",
        UNIT,
        "/usr/share/bash-completion/completions/fileshare",
        "/usr/share/doc/fileshare",
        "/usr/share/doc/fileshare/README.Debian",
        "/usr/share/doc/fileshare/changelog.gz",
        "/usr/share/doc/fileshare/copyright",
        "/usr/share/fish/vendor_completions.d/fileshare.fish",
        "/usr/share/lintian/overrides/fileshare",
        "/usr/share/man/man1/fileshare.1.gz",
        "/usr/share/zsh/vendor-completions/_fileshare",
      ]
        .toSorted()
        .filter((path) => !existsSync(path)),
    );
  });

  test("gives the command, its manual page and its completions", async () => {
    expect(said["version"]).toStartWith(manifest.version);
    expect(said["manual"]).toBe((await read("docs/reference/fileshare.1")).trimEnd());
    expect(said["completion"]).toContain("complete -F _fileshare");
  });

  test("has a unit that systemd understands, and neither enables nor starts it", () => {
    expect(said["verify"]).toBe("");
    expect(said["unit"]).toBe(relayUnit().trimEnd());
    expect(said["isEnabled"]).toBe("disabled");
    expect(settings("ExecStart")).toEqual(["/usr/bin/fileshare relay"]);
  });

  test("has a unit whose command starts a relay as its user, and ends at SIGTERM", () => {
    const [listening, status, ended] = (said["relay"] ?? "").split("\n");
    expect(JSON.parse(listening ?? "")).toMatchObject({ event: "listening" });
    expect(JSON.parse(status ?? "")).toHaveProperty("shares");
    expect(ended).toBe("ended");
  });

  test("is upgraded with the choices of the administrator", () => {
    expect(said["upgrade"]).toEndWith("enabled\nFILESHARE_PORT=9000");
  });

  test("leaves the options and the state when it is removed", () => {
    const paths = added("kept");
    expect(paths).toContain("/etc/fileshare/relay.env");
    expect(paths).toContain("/var/lib/private/fileshare-relay");
    expect(paths).not.toContain("/usr/bin/fileshare");
    expect(paths).not.toContain(UNIT);
  });

  test("leaves nothing when it is purged", () => {
    expect(
      added("left").filter((path) => path.includes("fileshare") && !path.startsWith("/run/")),
    ).toEqual([]);
    expect(added("left")).not.toContain(ENABLED);
  });
});
