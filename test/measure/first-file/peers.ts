/**
 * croc, magic-wormhole and sendme as their own pages say to install them, from a folder of their files:
 *
 *   croc, croc-install.sh      the program, and the script behind `curl https://getcroc.com | bash`
 *   sendme, sendme-install.sh  the same of `curl -fsSL https://iroh.computer/sendme.sh | sh`
 *   wheels/                    of `pip download magic-wormhole pip pipx`
 *   pipx/                      a virtual environment with pipx, as a machine with Python may have it
 *
 * The relays at their public addresses run here. sendme's own do not, so it goes directly, without them.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Files } from "./internet.ts";
import { enterCode, FILE, type Missing, type Way } from "./way.ts";

type Made = Way | Missing;

/** @param folder undefined: nothing is there */
export function peers(folder: string | undefined, scratch: string, host: string): readonly Made[] {
  return [croc(folder, scratch), wormhole(folder, host), sendme(folder, scratch)];
}

/** Names the first of these that the folder lacks. */
function lack(folder: string | undefined, ...names: readonly string[]): string | undefined {
  if (folder === undefined) return "--peers names no folder";
  const lost = names.find((name) => !existsSync(join(folder, name)));
  return lost === undefined ? undefined : `${lost} is not in ${folder}`;
}

function archive(scratch: string, from: string, to: string, ...names: readonly string[]): string {
  mkdirSync(scratch, { recursive: true });
  const path = join(scratch, to);
  const { exitCode, stderr } = Bun.spawnSync(["tar", "czf", path, "-C", from, ...names]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return path;
}

function croc(folder: string | undefined, scratch: string): Made {
  const name = "croc";
  const missing = lack(folder, "croc", "croc-install.sh");
  if (folder === undefined || missing !== undefined) return { name, missing: missing ?? "" };
  const script = join(folder, "croc-install.sh");
  const version = /croc_version="([\d.]+)"/.exec(readFileSync(script, "utf8"))?.[1] ?? "";
  const cpu = process.arch === "arm64" ? "ARM64" : "64bit";
  const file = `croc_v${version}_Linux-${cpu}.tar.gz`;
  const path = archive(scratch, folder, file, "croc");
  const sum = createHash("sha256").update(readFileSync(path)).digest("hex");
  const release = `github.com/schollz/croc/releases/download/v${version}`;
  return {
    name: `croc ${version}`,
    from: "curl",
    modes: ["typed", "pasted"],
    tools: ["croc"],
    files: {
      "getcroc.com/": { path: script },
      [`${release}/${file}`]: { path },
      [`${release}/croc_v${version}_checksums.txt`]: { text: `${sum}  ${file}\n` },
    },
    relays: [{ host: "croc.schollz.com", command: [join(folder, "croc"), "relay"], port: 9009 }],
    install: (person) => person.runs("curl https://getcroc.com | bash"),
    send(person) {
      person.starts(`croc send ${FILE}`);
      return person.reads(/Code is: (\S+)/);
    },
    async receive(person, code, mode) {
      person.starts("croc");
      await person.shows("Enter receive code:");
      await enterCode(person, code, mode);
      await person.shows(/\(Y\/n\)/i);
      // Enter alone is its Y.
      person.enters();
      await person.done();
    },
  };
}

function wormhole(folder: string | undefined, host: string): Made {
  const name = "magic-wormhole";
  const missing = lack(folder, "wheels", "pipx/bin/pipx");
  const twist = ["twist3", "twist"].map((each) => Bun.which(each)).find((path) => path !== null);
  if (folder === undefined || missing !== undefined) return { name, missing: missing ?? "" };
  if (twist === undefined) return { name, missing: "no twist runs its servers; see bench/setup" };
  const wheels = readdirSync(join(folder, "wheels"));
  const nameOf = (wheel: string): string =>
    (wheel.split("-")[0] ?? "").toLowerCase().replaceAll(/[_.]+/g, "-");
  const files: Record<string, Files[string]> = {};
  for (const wheel of wheels) {
    files[`${host}/wheels/${wheel}`] = { path: join(folder, "wheels", wheel) };
    const links = wheels
      .filter((each) => nameOf(each) === nameOf(wheel))
      .map((each) => `<a href="/wheels/${each}">${each}</a>`);
    files[`${host}/simple/${nameOf(wheel)}/`] = { text: links.join("\n") };
  }
  const wheel = wheels.find((each) => nameOf(each) === "magic-wormhole") ?? "";
  const lists = wordLists(join(folder, "wheels", wheel));
  return {
    name: `${name} ${wheel.split("-")[1]}`,
    from: "Python, pipx",
    modes: ["typed", "tab", "pasted"],
    tools: ["wormhole"],
    has: {
      programs: { pipx: join(folder, "pipx/bin/pipx") },
      env: {
        PIP_INDEX_URL: `http://${host}/simple/`,
        PIP_TRUSTED_HOST: host,
        PIP_DISABLE_PIP_VERSION_CHECK: "1",
      },
    },
    files,
    relays: [
      {
        host: "relay.magic-wormhole.io",
        command: [twist, "wormhole-mailbox", "--port=tcp:4000", "--channel-db=mailbox.sqlite"],
        port: 4000,
      },
      {
        host: "transit.magic-wormhole.io",
        command: [twist, "transitrelay", "--port=tcp:4001"],
        port: 4001,
      },
    ],
    install: (person) => person.runs("pipx install magic-wormhole"),
    send(person) {
      person.starts(`~/.local/bin/wormhole send ${FILE}`);
      return person.reads(/Wormhole code is: (\S+)/);
    },
    async receive(person, code, mode) {
      person.starts("~/.local/bin/wormhole receive");
      await person.shows("Enter receive wormhole code:");
      const isSole = (prefix: string, at: number): boolean => {
        const list = lists.find((each) => each.includes(code.split("-")[at] ?? "")) ?? [];
        return list.filter((word) => word.startsWith(prefix)).length === 1;
      };
      await enterCode(person, code, mode, isSole);
      await person.shows(/\(Y\/n\)/i);
      person.enters();
      await person.done();
    },
  };
}

/** Its two lists of 256 words, which take turns in a code. */
function wordLists(wheel: string): readonly (readonly string[])[] {
  const { stdout } = Bun.spawnSync(["unzip", "-p", wheel, "wormhole/_wordlist.py"]);
  const pairs = [...stdout.toString().matchAll(/'[0-9A-F]{2}': \['(\w+)', '(\w+)'\]/g)];
  return [1, 2].map((at) => pairs.map((pair) => (pair[at] ?? "").toLowerCase()));
}

function sendme(folder: string | undefined, scratch: string): Made {
  const name = "sendme";
  const missing = lack(folder, "sendme", "sendme-install.sh");
  if (folder === undefined || missing !== undefined) return { name, missing: missing ?? "" };
  const version = Bun.spawnSync([join(folder, "sendme"), "--version"]).stdout.toString();
  const number = /[\d.]+/.exec(version)?.[0] ?? "";
  const cpu = process.arch === "arm64" ? "aarch64" : "x86_64";
  const file = `sendme-v${number}-linux-${cpu}.tar.gz`;
  const at = `github.com/n0-computer/sendme/releases/download/v${number}/${file}`;
  const latest = { assets: [{ browser_download_url: `https://${at}` }] };
  // Its own relays are not here, and by default it waits for them.
  const alone = " --relay disabled";
  return {
    name: `${name} ${number}`,
    from: "curl",
    modes: ["typed", "pasted"],
    tools: ["sendme"],
    files: {
      "iroh.computer/sendme.sh": { path: join(folder, "sendme-install.sh") },
      "api.github.com/repos/n0-computer/sendme/releases/latest": {
        text: JSON.stringify(latest, null, 2),
      },
      [at]: { path: archive(scratch, folder, file, "sendme") },
    },
    install: (person) => person.runs("curl -fsSL https://iroh.computer/sendme.sh | sh"),
    send(person) {
      person.starts(`./sendme send ${FILE}`, alone);
      return person.reads(/sendme receive (\S+)/);
    },
    async receive(person, ticket, mode) {
      person.types("./sendme receive ");
      if (mode === "pasted") person.pastesText(ticket);
      else person.types(ticket);
      person.starts("", alone);
      await person.done();
    },
  };
}
