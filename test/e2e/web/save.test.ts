/** The ways of saving in real browsers: `test/web/save/saver-page.ts` drives the savers there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { lacksProgram } from "../../needs.ts";
import type { BrowserPage } from "../../support/browser-page.ts";
import { describeIn, type OpenOptions, type TestBrowser } from "../../support/browsers.ts";
import { TEST_MS } from "../../support/patience.ts";
import { contentOf, differenceAt } from "../../web/save/content.ts";
import { file, folder, offerOf } from "../../web/save/offers.ts";

const MIB = 1024 ** 2;
const ROOT = join(import.meta.dir, "../../..");
/** A browser that writes and reads some hundred MiB beside all other tests. ms */
const WITHIN = TEST_MS;

async function script(path: string): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(ROOT, path)],
    target: "browser",
    format: "iife",
  });
  return built.outputs[0]!.text();
}

const HTML = `<!doctype html><meta charset="utf-8"><title>savers</title>
<meta name="fileshare-service-worker" content="./page/service-worker.js"><link rel="icon" href="data:,">
<body>savers<script src="./app.js"></script>`;
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self'; img-src data:; frame-ancestors 'none'",
};

let server: ReturnType<typeof Bun.serve>;
let version = 1;
beforeAll(async () => {
  const app = await script("test/web/save/saver-page.ts");
  const worker = await script("web/service/service-worker.ts");
  server = Bun.serve({
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      const answer = (text: string, type: string): Response =>
        new Response(text, { headers: { ...HEADERS, "content-type": type } });
      if (pathname === "/base/") return answer(HTML, "text/html");
      if (pathname === "/base/app.js") return answer(app, "text/javascript");
      if (pathname === "/base/page/service-worker.js") {
        return answer(`${worker}\n// version ${version}`, "text/javascript");
      }
      return new Response("", { status: 404 });
    },
  });
});
afterAll(() => server.stop(true));

/** Calls a command of the page. */
function call<T>(page: BrowserPage, command: string, ...values: readonly unknown[]): Promise<T> {
  return page.evaluate<T>(
    `savers.${command}(${values.map((value) => JSON.stringify(value)).join(", ")})`,
  );
}

async function opened(browser: TestBrowser, options?: OpenOptions): Promise<BrowserPage> {
  return browser.open(`http://localhost:${server.port}/base/`, options);
}

const tree = offerOf(
  file("tree/a.bin", 3 * MIB + 1),
  folder("tree/empty"),
  file("tree/none", 0),
  file("tree/שם/写真.bin", 2 * MIB),
  ...Array.from({ length: 60 }, (_, at) => file(`tree/many/${at}`, 100 + at)),
);

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("offers all ways on a secure page, the best first", async () => {
      await using page = await opened(browser());
      expect(await call<string[]>(page, "ways", offerOf(file("a", 1)))).toEqual([
        "file",
        "folder",
        "download",
        "memory",
      ]);
      expect(await call<string[]>(page, "ways", tree)).toEqual(["folder", "download", "memory"]);
    });

    describe("a file that the person chose", () => {
      const offer = offerOf(file("big.bin", 100 * MIB + 3));

      test(
        "has the name of a partial until it is whole, and goes on after a reload",
        async () => {
          await using page = await opened(browser());
          await call(page, "open", "file", offer);
          await call(page, "feed", 90 * MIB);
          expect(Object.keys(await call<object>(page, "disk"))).toContain("big.bin.fileshare-part");
          await page.reload();
          expect(await call<string[]>(page, "unfinished")).toEqual([offer.share]);
          const position = await call<number>(page, "reopen");
          expect(position).toBe(64 * MIB);
          expect(await call<string[]>(page, "unfinished")).toEqual([]);
          await call(page, "feed");
          expect(await call<string[]>(page, "finish")).toEqual(["big.bin"]);
          expect(await call<object>(page, "disk")).toEqual({ "big.bin": offer.bytes });
          expect(await call<number>(page, "difference", "big.bin", 0)).toBe(-1);
          await page.reload();
          expect(await call<string[]>(page, "unfinished")).toEqual([]);
        },
        WITHIN,
      );

      test(
        "goes on from the very byte where it was stopped",
        async () => {
          await using page = await opened(browser());
          const small = offerOf(file("small.bin", 3 * MIB));
          await call(page, "open", "file", small);
          await call(page, "feed", MIB + 5);
          await call(page, "abandon");
          await page.reload();
          expect(await call<number>(page, "reopen")).toBe(MIB + 5);
          await call(page, "feed");
          await call(page, "finish");
          expect(await call<object>(page, "disk")).toEqual({ "small.bin": small.bytes });
          expect(await call<number>(page, "difference", "small.bin", 0)).toBe(-1);
        },
        WITHIN,
      );

      test("is removed when the sender's file changed", async () => {
        await using page = await opened(browser());
        await call(page, "open", "file", offerOf(file("a.bin", 10)));
        await call(page, "feed");
        expect(await call<string>(page, "finishFault", [0])).toBe("source-changed");
        const disk = await call<Record<string, number>>(page, "disk");
        expect(Object.values(disk).filter((size) => size > 0)).toEqual([]);
        expect(await call<string[]>(page, "unfinished")).toEqual([]);
      });
    });

    describe("a folder that the person chose", () => {
      test(
        "gets the whole tree beside what is there, across a reload",
        async () => {
          await using page = await opened(browser());
          await call(page, "put", "chosen/tree/mine.txt");
          await call(page, "open", "folder", tree);
          await call(page, "feed", 4 * MIB);
          await call(page, "abandon");
          await page.reload();
          expect(await call<number>(page, "reopen")).toBe(4 * MIB);
          await call(page, "feed");
          expect(await call<string[]>(page, "finish")).toEqual(["tree (2)"]);
          const disk = await call<Record<string, number>>(page, "disk");
          expect(disk["chosen/tree/mine.txt"]).toBe(0);
          for (const { path, type, size } of tree.files) {
            const place = `chosen/tree (2)${path.slice(4)}${type === "folder" ? "/" : ""}`;
            expect([place, disk[place]]).toEqual([place, size]);
          }
          expect(Object.keys(disk).filter((each) => each.includes("fileshare"))).toEqual([]);
          expect(await call<number>(page, "difference", "chosen/tree (2)/a.bin", 0)).toBe(-1);
          expect(await call<number>(page, "difference", "chosen/tree (2)/many/59", 63)).toBe(-1);
        },
        WITHIN,
      );

      test("keeps no file that changed at the sender", async () => {
        await using page = await opened(browser());
        await call(page, "open", "folder", tree);
        await call(page, "feed");
        await call(page, "finish", [0]);
        const disk = await call<Record<string, number>>(page, "disk");
        expect(Object.keys(disk).filter((each) => each.includes("a.bin"))).toEqual([]);
        expect(disk["chosen/tree/שם/写真.bin"]).toBe(2 * MIB);
      });

      test("is as before after an unfinished receive is forgotten", async () => {
        await using page = await opened(browser());
        await call(page, "open", "folder", tree);
        await call(page, "feed", 4 * MIB);
        await call(page, "abandon");
        await call(page, "forget");
        expect(await call<object>(page, "disk")).toEqual({ "chosen/": 0 });
      });
    });

    describe("a download by the browser", () => {
      test(
        "has the whole file under its name",
        async () => {
          await using page = await opened(browser());
          const offer = offerOf(file("größe (写真).bin", 20 * MIB + 7));
          await call(page, "open", "download", offer);
          await call(page, "feed");
          await call(page, "finish");
          const content = await page.downloaded("größe (写真).bin", offer.bytes);
          expect(differenceAt(content, contentOf(0, 0, offer.bytes))).toBe(-1);
        },
        WITHIN,
      );

      test.skipIf(lacksProgram("unzip", "unzip"))(
        "is one ZIP of several files, with empty ones and empty folders",
        async () => {
          await using page = await opened(browser());
          await call(page, "open", "download", tree);
          await call(page, "feed");
          await call(page, "finish");
          const path = await page.until("tree.zip is downloaded", async () => {
            await Promise.resolve();
            return page.finished().includes("tree.zip") && page.unfinished().length === 0
              ? join(page.downloads, "tree.zip")
              : undefined;
          });
          expectTree(path);
        },
        WITHIN,
      );

      test("saves an empty file", async () => {
        await using page = await opened(browser());
        await call(page, "open", "download", offerOf(file("none.bin", 0)));
        await call(page, "finish");
        expect(await page.downloaded("none.bin", 0)).toHaveLength(0);
      });

      test.each([
        ["stopped"],
        ["of a file that changed at the sender"],
        ["of a page that is left"],
      ])(
        "that is %s leaves nothing that looks complete",
        async (why) => {
          // Firefox says in the console that the download failed.
          await using page = await opened(browser(), { allow: [/ServiceWorker intercepted/] });
          await call(page, "open", "download", offerOf(file("half.bin", 8 * MIB)));
          await call(page, "feed", 6 * MIB);
          if (why === "stopped") await call(page, "abandon");
          else if (why === "of a page that is left") await page.reload();
          else {
            await call(page, "feed");
            expect(await call<string>(page, "finishFault", [0])).toBe("source-changed");
          }
          // The next download ends after the failed one did.
          // Chromium may drop one that begins while the other still fails.
          let sizes: number[] | undefined;
          for (let attempt = 0; sizes === undefined && attempt < 5; attempt++) {
            await call(page, "open", "download", offerOf(file(`next${attempt}.bin`, 5)));
            await call(page, "feed");
            await call(page, "finish");
            const look = async (): Promise<number[] | undefined> => {
              await Promise.resolve();
              const found = page
                .finished()
                .map((each) => statSync(join(page.downloads, each)).size);
              return found.includes(5) ? found : undefined;
            };
            sizes = await page.until("it is downloaded", look, 10_000).catch(() => undefined);
          }
          // Firefox keeps the place of a download with an empty file, also after it failed. A slow
          // browser may bring more than one of ours.
          expect(new Set(sizes?.filter((size) => size > 0))).toEqual(new Set([5]));
        },
        WITHIN,
      );

      test(
        "goes on while the service worker has a new version",
        async () => {
          await using page = await opened(browser(), { allow: [/service worker/i] });
          const offer = offerOf(file("during.bin", 12 * MIB));
          await call(page, "open", "download", offer);
          await call(page, "feed", 4 * MIB);
          version++;
          expect(await call<string>(page, "update")).toBe("redundant");
          await call(page, "feed");
          await call(page, "finish");
          await page.downloaded("during.bin", offer.bytes);
          expect(await call<string>(page, "update")).toBe("activated");
          const after = offerOf(file("after.bin", 5));
          await call(page, "open", "download", after);
          await call(page, "feed");
          await call(page, "finish");
          await page.downloaded("after.bin", after.bytes);
        },
        WITHIN,
      );

      if (name === "chromium") {
        test("tells the page when the person cancels it", async () => {
          await using page = await opened(browser());
          const session = await page.raw.createCDPSession();
          const begun = Promise.withResolvers<string>();
          session.on("Browser.downloadWillBegin", ({ guid }) => begun.resolve(guid));
          const { browserContextId } = await contextOf(page);
          await session.send("Browser.setDownloadBehavior", {
            behavior: "allow",
            downloadPath: page.downloads,
            eventsEnabled: true,
            ...(browserContextId === undefined ? {} : { browserContextId }),
          });
          await call(page, "open", "download", offerOf(file("cancelled.bin", 64 * MIB)));
          await call(page, "feed", 2 * MIB);
          const guid = await begun.promise;
          await session.send("Browser.cancelDownload", {
            guid,
            ...(browserContextId === undefined ? {} : { browserContextId }),
          });
          expect(await call<string>(page, "feedFault")).toBe("output-closed");
        });
      }
    });

    test("keeps what another app shares until the page takes it", async () => {
      await using page = await opened(browser());
      await page.raw.evaluate(() => Object.assign(globalThis, { isBefore: true }));
      await call(page, "share", "picture.png", "a picture", "look at this");
      // The page before would take it, and be gone with it.
      await page.until("the page is loaded anew", async () => {
        const isNew = await page.raw.evaluate(
          () => "savers" in globalThis && !("isBefore" in globalThis),
        );
        return isNew || undefined;
      });
      const thing = await call<string[] | null>(page, "shared");
      expect(thing).toEqual(["look at this", "picture.png", "a picture"]);
      expect(page.raw.url()).toEndWith("/base/");
    });

    describe("memory", () => {
      test(
        "holds a file until it is whole",
        async () => {
          await using page = await opened(browser());
          const offer = offerOf(file("held.bin", 9 * MIB + 1));
          await call(page, "open", "memory", offer);
          await call(page, "feed");
          expect(page.finished()).toEqual([]);
          await call(page, "finish");
          const content = await page.downloaded("held.bin", offer.bytes);
          expect(differenceAt(content, contentOf(0, 0, offer.bytes))).toBe(-1);
        },
        WITHIN,
      );

      test.skipIf(lacksProgram("unzip", "unzip"))(
        "makes one ZIP of several files",
        async () => {
          await using page = await opened(browser());
          await call(page, "open", "memory", tree);
          await call(page, "feed");
          await call(page, "finish");
          const path = await page.until("tree.zip is downloaded", async () => {
            await Promise.resolve();
            const found = join(page.downloads, "tree.zip");
            return page.finished().includes("tree.zip") && page.unfinished().length === 0
              ? found
              : undefined;
          });
          expectTree(path);
        },
        WITHIN,
      );
    });
  });
}

/** The profile of a page, as the protocol of Chromium names it. */
async function contextOf(page: BrowserPage): Promise<{ browserContextId?: string }> {
  await Promise.resolve();
  const { id } = page.raw.browserContext();
  return id === undefined ? {} : { browserContextId: id };
}

function expectTree(zip: string): void {
  const disk = mkdtempSync(join(tmpdir(), "fileshare-unzip-"));
  try {
    const env = { ...process.env, LC_ALL: "C.UTF-8" };
    const ran = Bun.spawnSync(["unzip", "-q", zip, "-d", disk], { env });
    expect(ran.stderr.toString()).toBe("");
    expect(ran.exitCode).toBe(0);
    for (const [at, { path, type, size }] of tree.files.entries()) {
      if (type === "folder") expect(readdirSync(join(disk, path))).toEqual([]);
      else expect(differenceAt(readFileSync(join(disk, path)), contentOf(at, 0, size))).toBe(-1);
    }
  } finally {
    rmSync(disk, { recursive: true, force: true });
  }
}
