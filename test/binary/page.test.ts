/** Chromium opens the page and the admin page of a relay that is a binary, which sends with the page's own receiver. */
import { afterAll, beforeAll, expect, test } from "bun:test";

import { builtBinary, type Built } from "../support/binary.ts";
import { describeIn } from "../support/browsers.ts";
import { cleanEnv } from "../support/clients/pty.ts";
import { lines } from "../support/clients/processes.ts";
import { temporaryFolder } from "../support/disk.ts";
import { makeFile } from "../support/files.ts";
import { save } from "../support/page-actions.ts";

const BYTES = 2 * 1024 * 1024 + 1;

interface Said {
  readonly event: string;
  readonly link?: string;
  readonly url?: string;
}

let binary: Built;
const folder = temporaryFolder();
beforeAll(() => {
  binary = builtBinary();
});
afterAll(() => {
  binary[Symbol.dispose]();
  folder[Symbol.dispose]();
});

function start(...words: readonly string[]) {
  return Bun.spawn([binary.path, ...words, "--json"], {
    env: { ...cleanEnv(), BUN_OPTIONS: "", XDG_RUNTIME_DIR: folder.path },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

async function said(stream: ReadableStream<Uint8Array>, name: string): Promise<Said> {
  for await (const each of lines<Said>(stream)) if (each.event === name) return each;
  throw new Error(`it ended without ${name}`);
}

describeIn("chromium", (browser) => {
  test("the page of a binary receives what a binary sends", async () => {
    const { path, bytes } = makeFile(folder.path, "of a binary.bin", BYTES);
    const relay = start("relay", "--host", "127.0.0.1", "--port", "0");
    try {
      const { url = "" } = await said(relay.stdout, "listening");
      const sender = start("send", path, "--relay", url, "--receivers", "1");
      const { link = "" } = await said(sender.stdout, "relay");
      await using page = await browser().open(link);
      await page.see("of a binary.bin");
      await save(page);
      expect(Buffer.compare(await page.downloaded("of a binary.bin", bytes.length), bytes)).toBe(0);
      expect(await sender.exited).toBe(0);
      const status = Bun.spawnSync([binary.path, "relay", "status", "--page"], {
        env: { ...cleanEnv(), BUN_OPTIONS: "", XDG_RUNTIME_DIR: folder.path },
      });
      const admin = /http:\S+/.exec(status.stdout.toString())?.[0] ?? "";
      await using operator = await browser().open(admin);
      await operator.see("fileshare relay");
      await operator.see("Throughput");
    } finally {
      relay.kill();
      await relay.exited;
    }
  });
});
