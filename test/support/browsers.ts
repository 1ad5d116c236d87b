/**
 * Debian's Chromium and Firefox, driven by Puppeteer: Chromium over its DevTools protocol, Firefox over WebDriver
 * BiDi. All tests of a file share a browser, and `bun run check` lends it to one file after the other. Each page has a
 * profile and a downloads folder of its own.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect } from "bun:test";
import { connect, type Browser } from "puppeteer-core";

import { lacksProgram } from "../needs.ts";
import type { LentBrowser } from "./browser-keeper.ts";
import {
  launchBrowser,
  processesOf,
  PROGRAMS,
  removeBrowser,
  START_MS,
  type BrowserName,
  type BrowserOptions,
} from "./browser-launch.ts";
import { BrowserPage } from "./browser-page.ts";
import { processTree, proportionalMemory } from "./process-tree.ts";

export type { BrowserName } from "./browser-launch.ts";

export interface OpenOptions {
  /** Runs in the page before its own scripts, at each load. */
  readonly before?: string;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  /** Complaints of the browser that belong to the test. */
  readonly allow?: readonly RegExp[];
  /** In the browser's own profile, which writes to the disk, and not in a fresh one in memory. */
  readonly onDisk?: boolean;
}

/** ms within which Firefox forgets the session of the file before */
const FORGOTTEN_MS = 30_000;
/** ms between two tries */
const RETRY_MS = 50;

/**
 * Tests in a browser that all of them share. Each test fails if a page of it complained of anything,
 * or sent a request to another origin.
 */
export function describeIn(
  name: BrowserName,
  tests: (browser: () => TestBrowser) => void,
  options?: BrowserOptions,
): void {
  describe.skipIf(lacksProgram(PROGRAMS[name], PROGRAMS[name]))(name, () => {
    let browser: TestBrowser | undefined;
    beforeAll(async () => {
      browser = await TestBrowser.start(name, options);
    });
    afterEach(() => {
      expect(browser?.takeComplaints()).toEqual([]);
    });
    afterAll(() => browser?.[Symbol.asyncDispose]());
    tests(() => {
      if (browser === undefined) throw new Error("The browser did not start");
      return browser;
    });
  });
}

export class TestBrowser implements AsyncDisposable {
  readonly name: BrowserName;
  readonly pid: number;
  readonly #browser: Browser;
  readonly #folder: string;
  readonly #end: () => Promise<void>;
  readonly #complaints: string[] = [];
  readonly #pages: BrowserPage[] = [];

  private constructor(
    name: BrowserName,
    browser: Browser,
    { pid, folder }: Pick<LentBrowser, "pid" | "folder">,
    end: () => Promise<void>,
  ) {
    this.name = name;
    this.pid = pid;
    this.#browser = browser;
    this.#folder = folder;
    this.#end = end;
  }

  /** A browser of this run that no other file uses; one of its own where it has options, or no run lends any. */
  static async start(name: BrowserName, options?: BrowserOptions): Promise<TestBrowser> {
    const keeper = process.env["RUN_BROWSERS"];
    return keeper === undefined || options !== undefined
      ? TestBrowser.#own(name, options)
      : TestBrowser.#lent(name, keeper);
  }

  static async #own(name: BrowserName, options?: BrowserOptions): Promise<TestBrowser> {
    const folder = mkdtempSync(join(tmpdir(), `fileshare-${name}-`));
    const browser = await launchBrowser(name, folder, options);
    const pid = browser.process()?.pid;
    if (pid === undefined) throw new Error("The browser has no process");
    return new TestBrowser(name, browser, { pid, folder }, async () => {
      const processes = processesOf(browser);
      try {
        await browser.close();
      } finally {
        removeBrowser(processes, folder);
      }
    });
  }

  /** @param keeper the address of `browser-keeper.ts` */
  static async #lent(name: BrowserName, keeper: string): Promise<TestBrowser> {
    const lease = new AbortController();
    const { signal } = lease;
    const answer = await fetch(`${keeper}/${name}`, { signal });
    if (!answer.ok) throw new Error(`${name} did not start: ${await answer.text()}`);
    const body = answer.body as ReadableStream<Uint8Array>;
    const { value } = await body.getReader().read();
    const lent = JSON.parse(new TextDecoder().decode(value)) as LentBrowser;
    const browser = await connected(name, lent.endpoint);
    return new TestBrowser(name, browser, lent, async () => {
      await browser.disconnect();
      lease.abort();
    });
  }

  /** Complaints of pages that are closed, since the last call. */
  takeComplaints(): string[] {
    return this.#complaints.splice(0);
  }

  /** Opens an address in a new page. */
  async open(url: string, options: OpenOptions = {}): Promise<BrowserPage> {
    const downloads = mkdtempSync(join(this.#folder, "downloads-"));
    const downloadBehavior = { policy: "allow", downloadPath: downloads } as const;
    const fresh = options.onDisk !== true;
    const context = fresh
      ? await this.#browser.createBrowserContext({ downloadBehavior })
      : this.#browser.defaultBrowserContext();
    if (!fresh && this.name === "chromium") {
      const session = await this.#browser.target().createCDPSession();
      const behavior = { behavior: "allow", downloadPath: downloads } as const;
      await session.send("Browser.setDownloadBehavior", behavior);
    }
    const page = new BrowserPage(
      this.name,
      await context.newPage(),
      downloads,
      options.allow ?? [],
      (complaints) => this.#complaints.push(...complaints),
    );
    this.#pages.push(page);
    await page.prepare(options);
    await page.goTo(url);
    return page;
  }

  /** Memory of all processes of the browser, shared memory counted once. bytes */
  get memory(): number {
    return processTree(this.pid).reduce((sum, pid) => sum + proportionalMemory(pid), 0);
  }

  /** The folder of its own profile, see `onDisk`. */
  get profile(): string {
    return join(this.#folder, "profile");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // A test that failed may have left pages.
      for (const page of this.#pages) await page[Symbol.asyncDispose]();
    } finally {
      await this.#end();
    }
  }
}

/** Firefox has one session at a time, and ends one a moment after it said so. */
async function connected(name: BrowserName, endpoint: string): Promise<Browser> {
  const end = performance.now() + FORGOTTEN_MS;
  for (;;) {
    try {
      return await connect({
        browserWSEndpoint: endpoint,
        protocol: name === "firefox" ? "webDriverBiDi" : "cdp",
        protocolTimeout: START_MS,
      });
    } catch (error) {
      const isBusy = String(error).includes("Maximum number of active sessions");
      if (!isBusy || performance.now() > end) throw error;
      await Bun.sleep(RETRY_MS);
    }
  }
}
