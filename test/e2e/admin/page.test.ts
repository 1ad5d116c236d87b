/** The admin page in a real browser, beside a relay with real transfers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { startRelay, type Admin, type Relay } from "../../../relay/mod.ts";
import { findChromium, startChromium, type Browser, until } from "../../support/chromium.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { store } from "../../support/relay/raw-storing.ts";
import { adminOf, overviewOf } from "../../support/relay/admin-requests.ts";
import { lacks } from "../../needs.ts";

const MiB = 1024 * 1024;
const folder = temporaryFolder();
let relay: Relay;
let admin: Admin;

beforeAll(async () => {
  relay = await startRelay({ workers: 2, admin: { hostname: "127.0.0.1", port: 0 } });
  admin = adminOf(relay);
});
afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});

describe("the page as text", () => {
  test("P9 has nothing of the relay in it, and runs its own script alone", async () => {
    const response = await fetch(admin.url);
    const html = await response.text();
    expect(html).not.toContain(admin.token);
    expect(html).not.toContain(`${relay.port}`);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toStartWith("default-src 'none'; script-src 'sha256-");
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(html.match(/(?:src|href)="(?!data:,")[^"]*"|@import|url\(/g)).toBeNull();
    expect(html.match(/<script|<\/script/g)).toHaveLength(2);
    expect(html).not.toMatch(/ on[a-z]+="|innerHTML=.*overview/);
  });

  test("the libraries for metrics and charts are loaded where they are asked for alone", async () => {
    const root = join(import.meta.dir, "../../..");
    const scanner = new Bun.Transpiler({ loader: "ts" });
    const found: string[] = [];
    for await (const path of new Bun.Glob("{relay,cli}/**/*.ts").scan({ cwd: root })) {
      if (path.startsWith("relay/admin/page/")) continue;
      for (const { path: what, kind } of scanner.scanImports(
        (await Bun.file(join(root, path)).text()).replace(/^#!.*/, ""),
      )) {
        if (/prom-client|chart\.js|\/metrics\.ts|\/page\/page\.ts/.test(what)) {
          found.push(`${path}: ${kind} of ${what}`);
        }
      }
    }
    expect(found.filter((each) => !each.startsWith("relay/admin/metrics.ts")).toSorted()).toEqual([
      "relay/admin/listener.ts: dynamic-import of ./metrics.ts",
      "relay/admin/listener.ts: dynamic-import of ./page/page.ts",
    ]);
  });
});

const program = findChromium();
const noChromium = lacks(program !== undefined, "chromium-headless-shell");

const textOf = (selector: string): string =>
  `(document.querySelector(${JSON.stringify(selector)})?.textContent ?? "")`;

/** How many pixels of a canvas have one colour of the style. */
const inColour = (id: string, name: string): string => `(() => {
  const canvas = document.getElementById("${id}");
  const copy = new OffscreenCanvas(canvas.width || 1, canvas.height || 1);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const wanted = getComputedStyle(document.documentElement).getPropertyValue("${name}").trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
  const { data } = context.getImageData(0, 0, copy.width, copy.height);
  let found = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255) found += 1;
  return found;
})()`;

describe.skipIf(noChromium)("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(program ?? "");
  });
  afterAll(() => browser[Symbol.asyncDispose]());

  test("stored shares are listed, and removed from there", async () => {
    const place = { kind: "disk", folder: join(folder.path, "store") } as const;
    const listen = { hostname: "127.0.0.1", port: 0 };
    await using storing = await startRelay({ store: place, admin: listen });
    const { url, token } = adminOf(storing);
    const wish = { life: 1000, downloads: 3 };
    await store(`${storing.url}/ws`, randomId(), rawShare(5), wish);
    const tab = await browser.open(`${url}/#token=${token}`);
    await until(tab, `document.querySelectorAll("#stored tbody tr").length === 1`);
    const cell = (head: string): string => textOf(`#stored td[data-head="${head}"]`);
    expect(await tab.evaluate(cell("State"))).toBe("whole");
    expect(await tab.evaluate(cell("Downloads"))).toBe("0 of 3");
    expect(await tab.evaluate(textOf("#store-note"))).toStartWith("1 share; ");
    await tab.evaluate(`document.querySelector("#stored button").click()`);
    await tab.evaluate(`document.getElementById("yes").click()`);
    await until(tab, `document.querySelectorAll("#stored tbody tr").length === 0`);
    expect((await overviewOf(adminOf(storing))).store).toMatchObject({ whole: 0, bytes: 0 });
  });

  test("P12 a transfer is seen while it happens, and ended from there", async () => {
    const out = join(folder.path, "out");
    mkdirSync(out);
    const url = `${relay.url}/ws`;
    const code = newCode();
    const { path } = makeFile(folder.path, "x", 64 * MiB);
    await using sender = send({ relay: url, code, path });
    await using receiver = receive({ relay: url, code, out, limit: MiB / 2 });
    const tab = await browser.open(`${admin.url}/#token=${admin.token}`);
    await until(tab, `${textOf("#state")} === "running"`);
    expect(await tab.evaluate("location.href")).toBe(`${admin.url}/`);
    await until(tab, `document.querySelectorAll("#shares tbody tr").length === 1`);
    // Axes are painted in other colours: these are the lines.
    await until(tab, `${inColour("throughput", "--blue")} > 20`);
    await until(tab, `${inColour("lanes", "--green")} + ${inColour("lanes", "--blue")} > 20`);
    await until(tab, `/now: out [1-9]/.test(document.getElementById("throughput").ariaLabel)`);
    await until(tab, `/^[1-9][0-9]* %/.test(${textOf('td[data-head="Progress"] .soft')})`);
    expect(await tab.evaluate(textOf('td[data-head="Sender"]'))).toBe("127.0.0.1");
    // First asked, and answered with no; then with yes.
    await tab.evaluate(`document.querySelector("#shares .danger").click()`);
    expect(await tab.evaluate(`document.getElementById("ask").open`)).toBe(true);
    await tab.evaluate(`document.querySelector('#ask button[value="no"]').click()`);
    expect((await overviewOf(admin)).shares.all).toBe(1);
    await tab.evaluate(`document.querySelector("#shares .danger").click()`);
    await tab.evaluate(`document.getElementById("yes").click()`);
    expect(await sender.outcome).toMatchObject({ exitCode: 1, fault: "removed" });
    expect(await receiver.outcome).toMatchObject({ exitCode: 1, fault: "removed" });
    await until(tab, `document.querySelectorAll("#shares tbody tr").length === 0`);
    await until(tab, `${textOf("#faults")}.includes("removed")`);
    expect(tab.complaints).toEqual([]);
    const asked = new Set(tab.requests.filter((each) => !each.startsWith(`${admin.url}/api/`)));
    expect([...asked]).toEqual([`${admin.url}/`]);
    expect(tab.requests.join(" ")).not.toContain(admin.token);
  });

  test("P12 an address is banned there, and let in again", async () => {
    const tab = await browser.open(`${admin.url}/#token=${admin.token}`);
    await until(tab, `${textOf("#state")} === "running"`);
    await tab.evaluate(`(() => {
      document.getElementById("address").value = "203.0.113.0/24";
      document.querySelector("#ban button").click();
      document.getElementById("yes").click();
    })()`);
    await until(tab, `${textOf("#bans tbody th")} === "203.0.113.0/24"`);
    expect((await overviewOf(admin)).bans).toHaveLength(1);
    await tab.evaluate(`document.querySelector("#bans tbody button").click()`);
    await until(tab, `document.querySelectorAll("#bans tbody tr").length === 0`);
    // The page says in words that it can't ban an address.
    await tab.evaluate(`(() => {
      document.getElementById("address").value = "127.0.0.1";
      document.querySelector("#ban button").click();
      document.getElementById("yes").click();
    })()`);
    await until(tab, `${textOf(".toast:last-child")}.includes("this machine")`);
    expect((await overviewOf(admin)).bans).toHaveLength(0);
  });

  test("P4 a wrong token shows nothing, and the right one all", async () => {
    const tab = await browser.open(`${admin.url}/#token=wrong`);
    await until(tab, `document.getElementById("login").hidden === false`);
    expect(await tab.evaluate(textOf("#notice"))).toContain("not one of an admin");
    expect(await tab.evaluate(`document.getElementById("relay").hidden`)).toBe(true);
    expect(await tab.evaluate(`sessionStorage.length`)).toBe(0);
    await tab.evaluate(`(() => {
      document.getElementById("token").value = "${admin.token}";
      document.querySelector("#login button").click();
    })()`);
    await until(tab, `${textOf("#state")} === "running"`);
  });

  test("it fits a phone, has a name for everything, and colours for dark and light", async () => {
    await using _ = await RawClient.serving(`${relay.url}/ws`, randomId(), rawShare(5));
    const tab = await browser.open(`${admin.url}/#token=${admin.token}`);
    await until(tab, `document.querySelectorAll("#shares tbody tr").length > 0`);
    await tab.picture(360, 800);
    expect(await tab.evaluate(`document.documentElement.scrollWidth`)).toBeLessThanOrEqual(360);
    const nameless =
      await tab.evaluate(`[...document.querySelectorAll("button, input, select, canvas")]
      .filter((each) => (each.ariaLabel || each.textContent || each.labels?.[0]?.textContent || "") === "")
      .filter((each) => each.id !== "yes").length`);
    expect(nameless).toBe(0);
    const colours: unknown[] = [];
    for (const theme of ["light", "dark"] as const) {
      await tab.setTheme(theme);
      colours.push(await tab.evaluate(`getComputedStyle(document.body).backgroundColor`));
      await until(tab, `${inColour("delays", "--red")} > 20`);
    }
    expect(new Set(colours).size).toBe(2);
    expect(tab.complaints).toEqual([]);
  });
});
