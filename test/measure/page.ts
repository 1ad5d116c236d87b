/**
 * Speed, CPU time and memory of the page in real browsers beside terminals, by `bun test/measure/page.ts`:
 *
 *   --size 2GiB        of the file
 *   --runs a,b         of RUNS, all unless given
 *   --pages 30         of the run `many`, with 20 MiB each
 *   --threads          CPU time by threads, and not by processes
 *
 * Each saved file is compared by its SHA-256. The memory is what the browser's processes hold above what
 * they held before the page: Pss_Anon and Pss_Shmem of all of them, at its most.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { parseBytes } from "../../bench/options.ts";
import type { BrowserPage } from "../support/browser-page.ts";
import { TestBrowser, type BrowserName, type OpenOptions } from "../support/browsers.ts";
import { fileshare } from "../support/clients/command.ts";
import { NO_WAY_BUT_MEMORY, PICKERS_OF_STORE, sendPaths } from "../support/page-actions.ts";
import { memoryOf, ProcessWatch, type Usage } from "./process-watch.ts";

const MiB = 2 ** 20;
const GiB = 2 ** 30;
/** Written at once, and other bytes each time. bytes */
const BLOCK_BYTES = 4 * MiB;
const MANY_BYTES = 20 * MiB;
/** ms between two looks at a page */
const LOOK_MS = 100;
/** A transfer that takes longer has stopped. ms */
const MOST_MS = 1_800_000;

interface Source {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface Stage {
  readonly address: string;
  readonly url: string;
  readonly relay: number;
}

const { values: options } = parseArgs({
  options: {
    size: { type: "string", default: "2GiB" },
    runs: { type: "string" },
    pages: { type: "string", default: "30" },
    threads: { type: "boolean", default: false },
  },
});
const folder = mkdtempSync(join(tmpdir(), "fileshare-page-"));
const failures: string[] = [];

/** Names of runs, in the order of the table. */
const RUNS: Readonly<Record<string, (stage: Stage, source: Source) => Promise<void>>> = {
  download: (stage, source) => receive(stage, source, "download", "chromium", {}),
  file: (stage, source) => {
    return receive(stage, source, "file", "chromium", { before: PICKERS_OF_STORE, onDisk: true });
  },
  memory: (stage, source) => {
    return receive(stage, source, "memory", "chromium", { before: NO_WAY_BUT_MEMORY });
  },
  send: (stage, source) => send(stage, source, "send", "chromium"),
  firefox: (stage, source) => receive(stage, source, "firefox", "firefox", {}),
  "firefox-send": (stage, source) => send(stage, source, "firefox-send", "firefox"),
  "firefox-memory": (stage, source) => {
    return receive(stage, source, "firefox-memory", "firefox", { before: NO_WAY_BUT_MEMORY });
  },
  many: (stage) => many(stage, Number(options.pages)),
};

/** Written and read once, so that no run waits for the disk. */
async function makeSource(bytes: number, name: string): Promise<Source> {
  const path = join(folder, name);
  const file = openSync(path, "w");
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let at = 0; at < block.length; at += 65_536) {
    crypto.getRandomValues(block.subarray(at, at + 65_536));
  }
  for (let at = 0; at < bytes; at += block.length) {
    block.writeDoubleBE(at);
    writeSync(file, block, 0, Math.min(block.length, bytes - at));
  }
  closeSync(file);
  return { path, bytes, sha256: await sha256(path) };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path, { highWaterMark: MiB })) {
    hash.update(part as Buffer);
  }
  return hash.digest("hex");
}

/** Looks at a page, or at its files, until there is an answer. */
async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + MOST_MS; performance.now() < end;) {
    const found = await look();
    if (found !== undefined) return found;
    await Bun.sleep(LOOK_MS);
  }
  throw new Error("The transfer does not end");
}

async function settled(page: BrowserPage, words: RegExp): Promise<void> {
  const text = await until(async () => {
    const shown = await page.text();
    return words.test(shown) || /could not|failed/i.test(shown) ? shown : undefined;
  });
  if (!words.test(text)) throw new Error(`The page shows:\n${text}`);
}

/** The saved file, wherever the browser put it. */
async function savedIn(place: string, { bytes }: Source): Promise<string> {
  return until(() => {
    for (const name of readdirSync(place, { recursive: true, encoding: "utf8" })) {
      const path = join(place, name);
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size === bytes && !/crdownload|\.part$/.test(name)) return path;
    }
    return undefined;
  });
}

async function compare(name: string, path: string, source: Source): Promise<void> {
  if ((await sha256(path)) !== source.sha256) failures.push(`${name}: other bytes`);
}

function print(name: string, bytes: number, { seconds, cpu, peak }: Usage): void {
  const kinds = [...cpu].map(([kind, spent]) => [kind, spent / (bytes / GiB)] as const);
  const shown = kinds.filter(([, spent]) => spent >= 0.05);
  const all = shown.map(([kind, spent]) => `${kind} ${spent.toFixed(2)}`).join(", ");
  const rate = (bytes / MiB / seconds).toFixed(0);
  console.log(`${name}: ${rate} MiB/s, ${(peak / MiB).toFixed(0)} MiB; CPU s/GiB: ${all}`);
}

async function receive(
  stage: Stage,
  source: Source,
  name: string,
  browserName: BrowserName,
  open: OpenOptions,
): Promise<void> {
  await using sender = fileshare(["send", source.path, "--relay", stage.url, "--stay"]);
  const first = await sender.events(({ event }) => event === "code");
  const code = first?.event === "code" ? first.code : "";
  await using browser = await TestBrowser.start(browserName, { unwatched: true });
  const idle = memoryOf(browser.pid);
  await using page = await browser.open(`${stage.address}#${code}`, open);
  await page.find("button", "Save");
  const others = { relay: stage.relay, sender: sender.pid };
  using watch = new ProcessWatch(browser.pid, others, idle, options.threads);
  await page.click("button", "Save");
  await settled(page, /Saved/);
  print(name, source.bytes, watch.usage());
  const place = open.onDisk === true ? browser.profile : page.downloads;
  await compare(name, await savedIn(place, source), source);
}

async function send(
  stage: Stage,
  source: Source,
  name: string,
  browserName: BrowserName,
): Promise<void> {
  await using browser = await TestBrowser.start(browserName, { unwatched: true });
  const idle = memoryOf(browser.pid);
  await using page = await browser.open(stage.address);
  const code = await sendPaths(page, [source.path]);
  const out = join(folder, name);
  mkdirSync(out);
  const own = { FILESHARE_CODE: code, FILESHARE_RELAY: stage.url };
  await using receiver = fileshare(["recv", "--yes", "--out", out], own);
  const others = { relay: stage.relay, receiver: receiver.pid };
  using watch = new ProcessWatch(browser.pid, others, idle, options.threads);
  await receiver.events();
  if ((await receiver.exited) !== 0) failures.push(`${name}: the receiver failed`);
  print(name, source.bytes, watch.usage());
  await compare(name, await savedIn(out, source), source);
  rmSync(out, { recursive: true });
}

/** So many pages, each of a profile of its own, beside one terminal. */
async function many(stage: Stage, pages: number): Promise<void> {
  const source = await makeSource(MANY_BYTES, "many.bin");
  await using sender = fileshare(["send", source.path, "--relay", stage.url, "--stay"]);
  const first = await sender.events(({ event }) => event === "code");
  const code = first?.event === "code" ? first.code : "";
  await using browser = await TestBrowser.start("chromium", { unwatched: true });
  const idle = memoryOf(browser.pid);
  const opened: BrowserPage[] = [];
  for (let at = 0; at < pages; at++) {
    opened.push(await browser.open(`${stage.address}#${code}`));
  }
  for (const page of opened) await page.find("button", "Save");
  const out = join(folder, "many");
  mkdirSync(out);
  const own = { FILESHARE_CODE: code, FILESHARE_RELAY: stage.url };
  const others = { relay: stage.relay, sender: sender.pid };
  using watch = new ProcessWatch(browser.pid, others, idle, options.threads);
  await using receiver = fileshare(["recv", "--yes", "--out", out], own);
  for (const page of opened) await page.click("button", "Save");
  for (const page of opened) await settled(page, /Saved/);
  await receiver.events();
  if ((await receiver.exited) !== 0) failures.push("many: the terminal failed");
  print(`${pages} pages and a terminal`, (pages + 1) * source.bytes, watch.usage());
  for (const page of opened) await compare("many", await savedIn(page.downloads, source), source);
  await compare("many", await savedIn(out, source), source);
  for (const page of opened) await page[Symbol.asyncDispose]();
}

try {
  const bytes = parseBytes(options.size);
  const names = options.runs?.split(",") ?? Object.keys(RUNS);
  const unknown = names.filter((name) => !(name in RUNS));
  if (unknown.length > 0) throw new Error(`No such run: ${unknown.join(", ")}`);
  const source = await makeSource(bytes, "large.bin");
  await using relay = fileshare(["relay", "--host", "127.0.0.1", "--port", "0"]);
  const listening: unknown = await relay.events(() => true);
  const url = (listening as { url?: string } | undefined)?.url ?? "";
  const address = `${url.replace("ws", "http").replace("127.0.0.1", "localhost")}/`;
  const stage = { address, url, relay: relay.pid };
  for (const name of names) await RUNS[name]?.(stage, source);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(failure);
process.exit(failures.length === 0 ? 0 : 1);
