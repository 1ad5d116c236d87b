/** fileshare by its binary, by npx, and by a browser at the receiver. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "puppeteer-core";

import manifest from "../../../package.json" with { type: "json" };
import { fileNameOf } from "../../../deploy/build/targets.ts";
import { completeWord } from "../../../protocol/code/code.ts";
import { ADDRESS_OPTIONS } from "../../support/release.ts";
import { START_MS } from "../../support/browser-launch.ts";
import { BrowserPage } from "../../support/browser-page.ts";
import { NO_PICKERS } from "../../support/page-actions.ts";
import { releaseInto, TARGET_HERE } from "../../support/binary.ts";
import { ROOT } from "../../support/documents.ts";
import type { Files } from "./internet.ts";
import { npmStandIn } from "./npm-stand-in.ts";
import type { Mode, Person } from "./person.ts";
import { enterCode, FILE, type Missing, type Way } from "./way.ts";

/** As docs/how-to/install.md has them; OWNER is counted as it stands. */
const RELEASE = "github.com/OWNER/fileshare/releases";
const INSTALL = `curl -fsSL https://${RELEASE}/latest/download/install.sh | sh`;
const CODE = /fileshare recv (?:\S* )*?([a-z]+(?:-[a-z]+){6})\b/;
const LINK = /(http:\S+#[a-z]+(?:-[a-z]+){6})\b/;

const isSole = (prefix: string): boolean => completeWord(prefix).length === 1;

async function answers(person: Person, code: string, mode: Mode): Promise<void> {
  await person.shows("Code: ");
  await enterCode(person, code, mode, isSole);
  await person.shows("(Y/n)");
  person.enters();
  await person.done();
}

/** Puts the binary and its install.sh into the folder. */
export async function byBinary(folder: string): Promise<Way> {
  await releaseInto(folder);
  const words = ["deploy/packages/main.ts", "--only", "script", "--from", folder];
  const address = [...ADDRESS_OPTIONS, `--base=https://${RELEASE}/download/v{version}`];
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, ...words, ...address], {
    cwd: ROOT,
  });
  if (exitCode !== 0) throw new Error(stderr.toString());
  const binary = fileNameOf(TARGET_HERE);
  const files: Files = {
    [`${RELEASE}/latest/download/install.sh`]: { path: join(folder, "packages/install.sh") },
    [`${RELEASE}/download/v${manifest.version}/${binary}.gz`]: {
      path: join(folder, `${binary}.gz`),
    },
  };
  const command = "~/.local/bin/fileshare";
  return {
    name: "fileshare, install.sh",
    from: "curl",
    modes: ["typed", "tab", "pasted"],
    tools: ["fileshare"],
    files,
    async install(person) {
      await person.runs(INSTALL);
    },
    send(person) {
      person.starts(`${command} send ${FILE}`);
      return person.reads(CODE);
    },
    async receive(person, code, mode) {
      person.starts(`${command} recv`);
      await answers(person, code, mode);
    },
  };
}

export async function byNpx(folder: string, host: string): Promise<Way> {
  const { files, env } = await npmStandIn(folder, host);
  return {
    name: "fileshare, npx",
    from: "Node",
    modes: ["typed", "tab", "pasted"],
    tools: ["fileshare"],
    has: { env },
    files,
    // The first command downloads it. That of the receiver waits for the code then.
    async install(person) {
      if (person.isSender) return;
      person.starts("npx fileshare recv");
      await person.shows(/proceed\?/);
      person.enters();
      await person.shows("Code: ");
    },
    async send(person) {
      person.starts(`npx fileshare send ${FILE}`);
      await person.shows(/proceed\?/);
      person.enters();
      return person.reads(CODE);
    },
    receive: answers,
  };
}

/** The sender has the binary; the receiver has a browser. */
export function byPage(binary: Way): Way | Missing {
  const name = "fileshare, page";
  const chromium = Bun.which("chromium");
  if (chromium === null) return { name, missing: "chromium is not on PATH" };
  return {
    ...binary,
    name,
    from: "curl; a browser",
    modes: ["typed", "pasted", "scanned"],
    async install(person) {
      if (person.isSender) await binary.install(person);
    },
    send(person) {
      person.starts(`~/.local/bin/fileshare send ${FILE} --qr`);
      return person.reads(LINK);
    },
    before: (person) => openBrowser(person, chromium),
    async receive(person, link, mode) {
      if (mode === "typed") person.keys += link.length + 1;
      if (mode === "pasted") {
        person.pastes++;
        person.keys++;
      }
      const page = pages.get(person);
      await page?.goTo(link);
      await page?.click("button", "Save");
      person.clicks++;
      await page?.until("it saved the file", () => {
        const path = join(person.home, FILE);
        return Promise.resolve(existsSync(path) || undefined);
      });
    },
  };
}

const pages = new WeakMap<Person, BrowserPage>();

/** An empty page of a browser in the network of that machine. */
async function openBrowser(person: Person, chromium: string): Promise<AsyncDisposable> {
  const folder = join(person.home, ".browser");
  const program = join(person.home, ".chromium");
  const start = `exec ip netns exec ${person.machine} ${chromium} "$@"`;
  writeFileSync(program, `#!/bin/sh\n${start}\n`, { mode: 0o755 });
  const browser = await launch({
    executablePath: program,
    browser: "chrome",
    // Its loopback is another one.
    pipe: true,
    headless: true,
    timeout: START_MS,
    userDataDir: folder,
    env: { ...process.env, HOME: person.home, BUN_OPTIONS: "" },
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const session = await browser.target().createCDPSession();
  const behavior = { behavior: "allow", downloadPath: person.home } as const;
  await session.send("Browser.setDownloadBehavior", behavior);
  const page = new BrowserPage("chromium", await browser.newPage(), person.home, [], () => {});
  await page.prepare({ before: NO_PICKERS });
  pages.set(person, page);
  return {
    async [Symbol.asyncDispose]() {
      await browser.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
