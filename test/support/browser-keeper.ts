/**
 * Keeps browsers for the test files of one run: a start of Firefox costs more than a test in it. A browser is lent to
 * one file at a time, as Firefox has one session of WebDriver BiDi. `steps.ts` starts this program:
 *
 *   bun test/support/browser-keeper.ts    says its address, and ends all browsers when its standard input ends
 *
 * A file asks for `/chromium` or `/firefox`. The answer is one line of JSON, a `LentBrowser`; it ends when the file
 * gives the browser back, or dies.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";

import { launchBrowser, processesOf, removeBrowser, type BrowserName } from "./browser-launch.ts";

export interface LentBrowser {
  readonly endpoint: string;
  readonly pid: number;
  /** For all that the browser writes. */
  readonly folder: string;
}

class Keeper {
  readonly #all = new Set<{ readonly browser: Browser; readonly lent: LentBrowser }>();
  readonly #free = { chromium: [] as LentBrowser[], firefox: [] as LentBrowser[] };

  /** One that nobody uses and that still runs, or a new one. */
  async lend(name: BrowserName): Promise<LentBrowser> {
    for (;;) {
      const free = this.#free[name].pop();
      if (free === undefined) return this.#start(name);
      if (isRunning(free.pid)) return free;
    }
  }

  takeBack(name: BrowserName, lent: LentBrowser): void {
    this.#free[name].push(lent);
  }

  async #start(name: BrowserName): Promise<LentBrowser> {
    const folder = mkdtempSync(join(tmpdir(), `fileshare-${name}-`));
    const browser = await launchBrowser(name, folder);
    const pid = browser.process()?.pid;
    if (pid === undefined) throw new Error("The browser has no process");
    const lent = { endpoint: browser.wsEndpoint(), pid, folder };
    this.#all.add({ browser, lent });
    await browser.disconnect();
    return lent;
  }

  end(): void {
    for (const { browser, lent } of this.#all) removeBrowser(processesOf(browser), lent.folder);
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function isBrowserName(text: string): text is BrowserName {
  return text === "chromium" || text === "firefox";
}

if (import.meta.main) {
  const keeper = new Keeper();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    // A browser may take long to start, and the answer lasts as long as the file has it.
    idleTimeout: 0,
    async fetch(request) {
      const name = new URL(request.url).pathname.slice(1);
      if (!isBrowserName(name)) return new Response(null, { status: 404 });
      const lent = await keeper.lend(name);
      const lease = new ReadableStream({
        start: (controller) => controller.enqueue(`${JSON.stringify(lent)}\n`),
        cancel: () => keeper.takeBack(name, lent),
      });
      return new Response(lease);
    },
  });
  console.log(server.url.origin);
  await Bun.stdin.bytes();
  await server.stop(true);
  keeper.end();
  process.exit(0);
}
