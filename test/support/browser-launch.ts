/** How tests start Debian's Chromium and Firefox. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { launch, type Browser, type LaunchOptions } from "puppeteer-core";

import { processTree } from "./process-tree.ts";
import { WAIT_MS } from "./patience.ts";

export type BrowserName = "chromium" | "firefox";

/** Chromium's shell has no windows at all: it takes three quarters of the CPU time, and all else of Chromium is in it. */
export const PROGRAMS = { chromium: "chromium-headless-shell", firefox: "firefox-esr" } as const;

/** ms that a browser may take to start beside all other tests, or to answer */
export const START_MS = WAIT_MS;

export interface BrowserOptions {
  readonly flags?: readonly string[];
  readonly preferences?: Readonly<Record<string, boolean | number | string>>;
  /** Puppeteer hears of no request. Otherwise Chromium passes each WebSocket frame to it too, at a great cost. */
  readonly unwatched?: boolean;
}

/** @param folder for all that it writes */
export function launchBrowser(
  name: BrowserName,
  folder: string,
  options: BrowserOptions = {},
): Promise<Browser> {
  return launch(launchOptions(name, folder, options));
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
  // The page's dots move as long as it waits. Without a graphics card that costs more than the page itself.
  if (name === "chromium") {
    const still = "--force-prefers-reduced-motion";
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", still];
    return { ...common, browser: "chrome", args: [...args, ...(options.flags ?? [])] };
  }
  const extraPrefsFirefox = {
    "browser.download.folderList": 2,
    "browser.download.dir": folder,
    "browser.download.useDownloadDir": true,
    "browser.download.always_ask_before_handling_new_types": false,
    "browser.download.open_pdf_attachments_inline": false,
    "ui.prefersReducedMotion": 1,
    ...options.preferences,
  };
  return { ...common, browser: "firefox", extraPrefsFirefox };
}

/** Ends the processes that a browser left, and removes its folder. */
export function removeBrowser(processes: readonly number[], folder: string): void {
  for (const pid of processes) kill(pid);
  // Killed processes may write a moment longer.
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

export function processesOf(browser: Browser): number[] {
  const pid = browser.process()?.pid;
  if (pid === undefined) throw new Error("The browser has no process");
  return processTree(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}
