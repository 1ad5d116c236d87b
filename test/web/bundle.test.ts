/** The page as it is bundled: its size, what is in it, and the files for another web server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { bundlePage, firstScripts, SCRIPT_BUDGET_BYTES, type PageFile } from "../../web/build.ts";
import { adminFiles, adminSources, fromBundle, toBundle } from "../../web/page-files.ts";
import { temporaryFolder } from "../support/disk.ts";
import { ROOT } from "../support/documents.ts";

let files: readonly PageFile[];

beforeAll(async () => {
  files = await bundlePage();
});

function textOf({ bytes }: PageFile): string {
  return new TextDecoder().decode(bytes);
}

describe("the page", () => {
  test.each(["brotli", "gzip"] as const)(
    "needs at most the budget of script for its first screen, packed by %s",
    (packing) => {
      const bytes = firstScripts(files, packing);
      expect(bytes).toBeGreaterThan(SCRIPT_BUDGET_BYTES / 4);
      expect(bytes).toBeLessThanOrEqual(SCRIPT_BUDGET_BYTES);
    },
  );

  test("has no text that becomes script, which its policy would refuse", () => {
    for (const file of files.filter(({ path }) => path.endsWith(".js"))) {
      expect(textOf(file)).not.toMatch(/\bnew Function\b|\beval\(|\bimportScripts\(/);
    }
    const html = files.find(({ path }) => path === "");
    expect(html && textOf(html)).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style/);
  });

  test("names the address of no other server", () => {
    for (const file of files.filter(({ path }) => /\.(?:js|css|html|webmanifest)$|^$/.test(path))) {
      const addresses = textOf(file).match(/\b(?:https?|wss?):\/\/[a-z0-9][^\s"'`)]*/gi) ?? [];
      // Names of XML, texts for people, and examples.
      const others = addresses.filter(
        (each) => !/^http:\/\/www\.w3\.org\/|\.example\b|host:port/.test(each),
      );
      expect(`${file.path}: ${others.join(" ")}`).toBe(`${file.path}: `);
    }
  });

  test("is the same from one bundling to the next, so browsers keep what they have", async () => {
    const again = await bundlePage();
    expect(again.map(({ path }) => path)).toEqual(files.map(({ path }) => path));
  });
});

describe("the bundle for packages and binaries", () => {
  const scripts = (): Buffer => Buffer.concat(files.slice(1, 3).map(({ bytes }) => bytes));

  test.each(["with code of the package", "alone"])("gives every file back, %s", async (how) => {
    const dictionary = how === "alone" ? undefined : scripts();
    const bundle = toBundle(files, dictionary);
    const again = await fromBundle(bundle, dictionary);
    // Brotli and gzip too: the relay makes them as they are made for a checkout.
    expect(again).toEqual([...files]);
  });

  test("has the admin page apart from the files that browsers get", async () => {
    const sources = { script: "start()", style: "p{margin:0}" };
    const bundle = toBundle([...files, ...adminFiles(sources)], scripts());
    expect(await fromBundle(bundle, scripts())).toEqual([...files]);
    expect(adminSources(bundle, scripts())).toEqual(sources);
  });

  test("is smaller where the reader has code of the page, and unreadable without it", () => {
    const bundle = toBundle(files, scripts());
    expect(bundle.length).toBeLessThan(toBundle(files).length / 2);
    const changed = scripts();
    changed.fill(0, Math.floor(changed.length / 2));
    for (const other of [undefined, changed]) {
      expect(() => fromBundle(bundle, other)).toThrow();
    }
  });
});

describe("the files for another web server", () => {
  const folder = temporaryFolder();
  afterAll(() => folder[Symbol.dispose]());

  function build(...args: readonly string[]) {
    return Bun.spawnSync([process.execPath, "web/build.ts", ...args], { cwd: ROOT });
  }

  test("lead to the relay, which the policy of the page names", () => {
    const out = join(folder.path, "site");
    const { exitCode } = build("--out", out, "--relay", "https://relay.example/base/");
    expect(exitCode).toBe(0);
    const html = readFileSync(join(out, "index.html"), "utf8");
    expect(html).toContain('<meta name="fileshare-relay" content="wss://relay.example/base/ws" />');
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? "";
    expect(policy.replaceAll("&#x27;", "'")).toContain(
      "connect-src 'self' wss://relay.example https://relay.example;",
    );
    const headers = readFileSync(join(out, "_headers"), "utf8");
    expect(headers).toContain("connect-src 'self' wss://relay.example https://relay.example;");
    expect(headers).toContain("frame-ancestors 'none'");
    for (const [, path = ""] of html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) {
      expect(readFileSync(join(out, path)).length).toBeGreaterThan(0);
    }
    const names = readdirSync(join(out, "page"));
    expect(names.filter((name) => name.startsWith("worker-"))).toHaveLength(1);
  });

  test("are refused for an address that is none of a relay", () => {
    const { exitCode, stderr } = build("--out", join(folder.path, "no"), "--relay", "ftp://x");
    expect(exitCode).not.toBe(0);
    expect(stderr.toString()).toContain("--relay takes an address such as wss://relay.example");
    expect(readdirSync(folder.path)).toEqual(["site"]);
  });
});
