/** The packed package: the right files, and enough of them to run. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import manifest from "../../../package.json" with { type: "json" };
import { ROOT } from "../../support/documents.ts";

const folder = mkdtempSync(join(tmpdir(), "fileshare-package-"));
const unpacked = join(folder, "package");
const main = join(unpacked, manifest.bin.fileshare);
let packed: readonly string[] = [];

beforeAll(() => {
  const built = Bun.spawnSync([process.execPath, "web/build.ts", "--dist"], { cwd: ROOT });
  expect(built.exitCode).toBe(0);
  const pack = Bun.spawnSync(
    [process.execPath, "pm", "pack", "--destination", folder, "--ignore-scripts"],
    { cwd: ROOT, stderr: "inherit" },
  );
  expect(pack.exitCode).toBe(0);
  const archive = join(folder, `fileshare-${manifest.version}.tgz`);
  expect(Bun.spawnSync(["tar", "-xzf", archive, "-C", folder]).exitCode).toBe(0);
  symlinkSync(join(ROOT, "node_modules"), join(unpacked, "node_modules"));
  packed = [...new Bun.Glob("**/*").scanSync({ cwd: unpacked, dot: true })]
    .filter((path) => !path.startsWith("node_modules/"))
    .map((path) => path.replaceAll("\\", "/"))
    .toSorted();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The output of a packed command that ends with 0. */
async function run(...words: readonly string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, main, ...words], { cwd: folder, stderr: "inherit" });
  const output = await child.stdout.text();
  expect(await child.exited).toBe(0);
  return output;
}

describe("the package", () => {
  test("holds the product, the manual page and what readers look for, and nothing else", () => {
    const allowed =
      /^(?:cli|protocol|relay|web)\/|^(?:CHANGELOG|README|SECURITY)\.md$|^LICENSE$|^package\.json$/;
    expect(packed.filter((path) => !allowed.test(path))).toEqual([manifest.man]);
    expect(packed.filter((path) => path.endsWith(".test.ts"))).toEqual([]);
    expect(packed).toContain("LICENSE");
  });

  test("holds every file of the product", () => {
    const product = [...new Bun.Glob("{cli,protocol,relay}/**/*").scanSync(ROOT)].toSorted();
    expect(packed.filter((path) => /^(?:cli|protocol|relay)\//.test(path))).toEqual(product);
  });

  test("holds the page bundled, without its sources", () => {
    const page = ["web/build.ts", "web/dist/page.bundle", "web/mod.ts"];
    expect(packed.filter((path) => path.startsWith("web/"))).toEqual(page);
  });

  test("names its entries", () => {
    const entries = [manifest.bin.fileshare, manifest.man, ...Object.values(manifest.exports)];
    for (const entry of entries) expect(packed).toContain(entry.replace("./", ""));
  });

  test("runs the command, the relay and the library", async () => {
    expect(await run("--help")).toContain("fileshare send");
    const relay = Bun.spawn(
      [process.execPath, main, "relay", "--host", "127.0.0.1", "--port", "0", "--json"],
      { cwd: folder, stderr: "inherit" },
    );
    try {
      const url = await listeningAt(relay.stdout);
      const page = await fetch(url.replace("ws", "http"), { headers: { accept: "text/html" } });
      expect(await page.text()).toMatch(/src="\.\/page\/app-[0-9a-f]{12}\.js"/);
      const program = `
        import { receive, send } from ${JSON.stringify(join(unpacked, manifest.exports["."]))};
        const sending = send({ what: { from: "text", text: "hello" }, relay: ${JSON.stringify(url)} });
        for await (const event of sending) {
          if (event.event !== "code") continue;
          const receiving = receive({ code: event.code, relay: ${JSON.stringify(url)} });
          for await (const told of receiving) if (told.event === "text") console.log(told.text);
        }`;
      const client = Bun.spawn([process.execPath, "-e", program], {
        cwd: folder,
        stderr: "inherit",
      });
      expect(await client.stdout.text()).toBe("hello\n");
      expect(await client.exited).toBe(0);
    } finally {
      relay.kill();
      await relay.exited;
    }
    expect(readdirSync(folder).toSorted()).toEqual([
      `fileshare-${manifest.version}.tgz`,
      "package",
    ]);
  });
});

async function listeningAt(output: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of output) {
    text += decoder.decode(bytes, { stream: true });
    const url = /"url":"([^"]+)"/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`the relay ended: ${text}`);
}
