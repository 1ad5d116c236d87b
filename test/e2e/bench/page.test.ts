/** The page of a result, as text and in a real browser. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { page } from "../../../bench/report/page.ts";
import type { BenchResult, Run } from "../../../bench/result.ts";
import { type Browser, findChromium, startChromium, until } from "../../support/chromium.ts";
import { emptyResult, madeUpResult } from "../../support/bench/made-up-result.ts";
import { lacks } from "../../needs.ts";

const folder = mkdtempSync(join(tmpdir(), "fileshare-page-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `report` reads it: JSON keeps nothing that is undefined. */
function reread(result: BenchResult): BenchResult {
  return JSON.parse(JSON.stringify(result)) as BenchResult;
}

function changed(run: Run, change: Partial<Run>): Run {
  return { ...run, ...change };
}

test("the same result makes the same page, before and after it was a file", async () => {
  expect(await page(reread(madeUpResult()))).toBe(await page(madeUpResult()));
});

test("the page says what is missing, what is wrong and what made it", async () => {
  const html = await page(madeUpResult());
  expect(html).toContain("<li>croc: no croc on PATH</li>");
  expect(html).toContain("<li>late, naive, 8 receivers, round 3: receiver 3: record 17 has a");
  expect(html).toContain(
    "Not in this result: churn, attack, large, small, transfer, distance, idle, stored, cluster.",
  );
  expect(html).toContain("bun run bench fanout slow late --rounds 3");
  expect(html).toContain("catchUpBytesPerSecond");
});

test("a result without runs, or with wrong ones alone, still makes a page", async () => {
  expect(await page(emptyResult())).toContain("no scenario has run");
  const runs = madeUpResult().runs.map((run) => changed(run, { invalid: "wrong", samples: [] }));
  const html = await page({ ...madeUpResult(), runs });
  expect(html).toContain("Not measured in any round");
  expect(html).toContain("No run of this result has samples over time.");
});

test("nothing that a result says becomes markup or script", async () => {
  const evil = `</script><img src=x onerror=alert(1)>"'&`;
  const result = JSON.parse(
    JSON.stringify(madeUpResult()).replaceAll("Made-up CPU", JSON.stringify(evil).slice(1, -1)),
  ) as BenchResult;
  const name = evil as "fileshare";
  const html = await page({
    ...result,
    startedAt: evil,
    command: [evil],
    systems: [
      { name, version: evil, missing: undefined },
      { name, version: undefined, missing: evil },
    ],
    runs: result.runs.map((run) =>
      changed(run, {
        variant: evil,
        system: name,
        scenario: evil as "fanout",
        // A file may hold anything in the place of a number.
        seconds: evil as unknown as number,
        receivers: run.receivers === 8 ? (evil as unknown as number) : run.receivers,
        invalid: run.round === 2 ? evil : undefined,
        extra: { [evil]: 1 },
        perReceiver: run.perReceiver.map((receiver) => Object.assign({}, receiver, { kind: evil })),
      }),
    ),
  });
  expect(html.match(/<img/g)).toBeNull();
  expect(html.match(/<\/script/g)).toHaveLength(2);
  expect(html.match(/<script/g)).toHaveLength(2);
});

test("the page names no address to load from", async () => {
  const html = await page(madeUpResult());
  expect(html.match(/(?:src|href)="(?!data:,")[^"]*"|@import|url\(/g)).toBeNull();
  expect(html).toContain(`content="default-src 'none';`);
});

const program = findChromium();
const noChromium = lacks(program !== undefined, "chromium-headless-shell");

/** The pixels of a canvas, read from a copy: reading makes the canvas itself a slow one. */
const PIXELS = `((canvas) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
})`;

/** How many pixels of each visible canvas are painted, by its id. */
const PAINTED = `Object.fromEntries([...document.querySelectorAll("canvas")]
  .filter((canvas) => canvas.closest("[hidden]") === null)
  .map((canvas) => {
    const data = ${PIXELS}(canvas);
    let painted = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) painted += 1;
    return [canvas.id, painted];
  }))`;

/** How many pixels of a canvas have one colour of the style. */
const inColour = (id: string, name: string): string => `(() => {
  const wanted = getComputedStyle(document.documentElement).getPropertyValue("${name}").trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
  const data = ${PIXELS}(document.getElementById("${id}"));
  let found = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255) found += 1;
  return found;
})()`;

/** The command line of a process; empty when it ended. */
function lineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

test.skipIf(noChromium)("a browser that was closed leaves no process", async () => {
  const browser = await startChromium(program ?? "");
  const isThere = (): boolean =>
    readdirSync("/proc").some((pid) => /^\d+$/.test(pid) && lineOf(pid).includes(browser.folder));
  expect(isThere()).toBe(true);
  await browser[Symbol.asyncDispose]();
  while (isThere()) await Bun.sleep(20); // those that it started end after it
});

describe.skipIf(noChromium)("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(program ?? "");
  });
  afterAll(() => browser[Symbol.asyncDispose]());

  async function open(name: string, result: BenchResult) {
    const path = join(folder, name);
    await Bun.write(path, await page(reread(result)));
    return browser.open(pathToFileURL(path).href);
  }

  test("every chart is drawn, without a complaint or a request", async () => {
    const tab = await open("full.html", madeUpResult());
    const painted = (await tab.evaluate(PAINTED)) as Record<string, number>;
    const names = ["rate", "cpu", "memory", "p50", "p99", "fairness"];
    for (const name of names) expect(painted).toHaveProperty([`n-fanout-0-${name}`]);
    // Six of `fanout`; then throughput, lag and memory of six rows.
    expect(Object.keys(painted)).toHaveLength(6 + 6 * 3);
    for (const [id, pixels] of Object.entries(painted)) {
      expect(`${id}: ${pixels > 1000}`).toBe(`${id}: true`);
    }
    // Axes alone would be painted too: these are the lines.
    for (const colour of ["--blue", "--green", "--red", "--pink", "--ink"]) {
      await until(tab, `${inColour("n-fanout-0-rate", colour)} > 20`);
    }
    expect(tab.complaints).toEqual([]);
    expect(tab.requests).toEqual([]);
  });

  test("a legend's button hides its line, and the setting changes the panel", async () => {
    const tab = await open("switched.html", madeUpResult());
    await tab.evaluate(`document.querySelector('button[data-series="original"]').click()`);
    await until(tab, `${inColour("n-fanout-0-rate", "--pink")} === 0`);
    await until(tab, `${inColour("n-fanout-0-rate", "--green")} > 20`);
    const setting = await tab.evaluate(`(() => {
      const select = document.getElementById("setting");
      const option = [...select.options].find(({ text }) => text.startsWith("slow, with slow"));
      select.value = option.value;
      select.dispatchEvent(new Event("change"));
      return option.value;
    })()`);
    const painted = (await tab.evaluate(PAINTED)) as Record<string, number>;
    const shown = Object.entries(painted).filter(([id]) => id.startsWith("t"));
    expect(shown).toHaveLength(2 * 3);
    for (const [id, pixels] of shown) {
      expect(id).toStartWith(`${String(setting)}-`);
      expect(pixels).toBeGreaterThan(1000);
    }
    expect(tab.complaints).toEqual([]);
  });

  test("dark and light have colours of their own", async () => {
    const tab = await open("themes.html", madeUpResult());
    const colours: unknown[] = [];
    for (const theme of ["light", "dark"] as const) {
      await tab.setTheme(theme);
      colours.push(await tab.evaluate(`getComputedStyle(document.body).backgroundColor`));
      // In the colour of the theme that holds now: the charts were drawn again.
      await until(tab, `${inColour("n-fanout-0-rate", "--blue")} > 20`);
    }
    expect(new Set(colours).size).toBe(2);
    expect(tab.complaints).toEqual([]);
  });

  test("nothing is wider than a narrow window but what scrolls by itself", async () => {
    const tab = await open("narrow.html", madeUpResult());
    await tab.picture(360, 800);
    expect(await tab.evaluate(`document.documentElement.scrollWidth`)).toBeLessThanOrEqual(360);
  });

  const single = madeUpResult().runs.filter((run) => run.receivers === 8 && run.round === 0);
  const bare = single.map((run) => changed(run, { samples: [], perReceiver: [] }));
  test.each([
    ["empty", []],
    ["one-number-of-receivers", single],
    ["without-samples", bare],
  ] as const)("a result that is %s is shown without a complaint", async (name, runs) => {
    const tab = await open(`${name}.html`, { ...madeUpResult(), runs });
    const painted = (await tab.evaluate(PAINTED)) as Record<string, number>;
    for (const pixels of Object.values(painted)) expect(pixels).toBeGreaterThan(1000);
    expect(tab.complaints).toEqual([]);
    expect(tab.requests).toEqual([]);
  });
});
