/**
 * Debian's Chromium and Firefox, driven by Puppeteer: Chromium over its DevTools protocol, Firefox over WebDriver
 * BiDi. A test file starts a browser once and shares it. Each page has a profile and a downloads folder of its own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect } from "bun:test";
import { launch, type Browser, type LaunchOptions } from "puppeteer-core";

import { lacksProgram } from "../needs.ts";
import { BrowserPage } from "./browser-page.ts";
import { processTree, proportionalMemory } from "./process-tree.ts";

export type BrowserName = "chromium" | "firefox";

const PROGRAMS = { chromium: "chromium", firefox: "firefox-esr" } as const;

/** ms that a browser may take to start beside all other tests */
const START_MS = 90_000;

interface BrowserOptions {
  readonly flags?: readonly string[];
  readonly preferences?: Readonly<Record<string, boolean | number | string>>;
  /** Puppeteer hears of no request. Otherwise Chromium passes each WebSocket frame to it too, at a great cost. */
  readonly unwatched?: boolean;
}

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
  readonly #browser: Browser;
  readonly #folder: string;
  readonly #complaints: string[] = [];

  private constructor(name: BrowserName, browser: Browser, folder: string) {
    this.name = name;
    this.#browser = browser;
    this.#folder = folder;
  }

  static async start(name: BrowserName, options: BrowserOptions = {}): Promise<TestBrowser> {
    const folder = mkdtempSync(join(tmpdir(), `fileshare-${name}-`));
    const browser = await launch(launchOptions(name, folder, options));
    return new TestBrowser(name, browser, folder);
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

  get pid(): number {
    const pid = this.#browser.process()?.pid;
    if (pid === undefined) throw new Error("The browser has no process");
    return pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const processes = processTree(this.pid);
    try {
      await this.#browser.close();
    } finally {
      for (const pid of processes) kill(pid);
      // Killed processes may write a moment longer.
      rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
  }
}

function launchOptions(name: BrowserName, folder: string, options: BrowserOptions): LaunchOptions {
  const common = {
    executablePath: Bun.which(PROGRAMS[name]) ?? PROGRAMS[name],
    headless: true,
    networkEnabled: options.unwatched !== true,
    timeout: START_MS,
    protocolTimeout: START_MS,
    userDataDir: join(folder, "profile"),
    env: { ...process.env, TMPDIR: folder, HOME: folder, BUN_OPTIONS: "" },
  };
  if (name === "chromium") {
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", ...(options.flags ?? [])];
    return { ...common, browser: "chrome", args };
  }
  const extraPrefsFirefox = {
    "browser.download.folderList": 2,
    "browser.download.dir": folder,
    "browser.download.useDownloadDir": true,
    "browser.download.always_ask_before_handling_new_types": false,
    "browser.download.open_pdf_attachments_inline": false,
    ...options.preferences,
  };
  return { ...common, browser: "firefox", extraPrefsFirefox };
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}
