/** The size of records: small in a short share whose relay is far away, and never another one when it is resumed. */
import { expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { isFar } from "../../../cli/connection/distance.ts";
import type { SendJob } from "../../../cli/job/jobs.ts";
import { openShare, type OpenShare } from "../../../cli/send/open-share.ts";
import { openSource } from "../../../cli/send/open-source.ts";
import { RECORD_SIZE } from "../../../protocol/mod.ts";
import { newCode } from "../../support/clients/clients.ts";
import { masterOf } from "../../support/clients/known-codes.ts";
import { environment } from "../../support/clients/own-state.ts";
import { temporaryFolder } from "../../support/disk.ts";

const MiB = 1024 ** 2;
const SMALL = 128 * 1024 - 16;
const RUNNING = new AbortController().signal;

function jobOf(path: string, more: Partial<SendJob> = {}): SendJob {
  const code = newCode();
  return {
    kind: "send",
    relay: "ws://127.0.0.1:1/ws",
    code,
    what: { from: "paths", paths: [path] },
    receivers: 1,
    stay: false,
    connectTimeoutMs: undefined,
    ...more,
  };
}

async function opened(job: SendJob, far: boolean): Promise<OpenShare> {
  const open = () => openSource(job.what, RUNNING);
  const master = Promise.resolve(masterOf(job.code));
  return openShare(job, master, open, () => undefined, RUNNING, Promise.resolve(far));
}

function close({ source, kept }: OpenShare): void {
  source.close();
  kept?.close();
}

async function sizeOf(job: SendJob, far: boolean): Promise<number> {
  const share = await opened(job, far);
  close(share);
  return share.encoded.manifest.recordSize;
}

function fileOf(folder: string, size: number): string {
  const path = join(folder, `of ${size}`);
  writeFileSync(path, "");
  truncateSync(path, size);
  return path;
}

test("records are small where the relay is far away and the share is short", async () => {
  using folder = temporaryFolder();
  const [short, long] = [fileOf(folder.path, MiB), fileOf(folder.path, 129 * MiB)];
  expect(await sizeOf(jobOf(short), true)).toBe(SMALL);
  expect(await sizeOf(jobOf(short), false)).toBe(RECORD_SIZE);
  expect(await sizeOf(jobOf(long), true)).toBe(RECORD_SIZE);
  expect(await sizeOf(jobOf(short, { receivers: 2 }), true)).toBe(RECORD_SIZE);
  expect(await sizeOf(jobOf(short, { stay: true }), true)).toBe(RECORD_SIZE);
});

test("a share that is resumed has the records that it had, whatever the distance by now", async () => {
  using folder = temporaryFolder();
  using _ = environment({ XDG_STATE_HOME: join(folder.path, "state") });
  const path = fileOf(folder.path, MiB);
  const again = { cwd: folder.path, words: ["send", path] };
  const job = jobOf(path, { keep: { again, anew: false, codeChosen: false } });
  const first = await opened(job, true);
  // A relay took it.
  first.kept?.accept();
  close(first);
  const second = await opened(job, false);
  close(second);
  expect(second.share).toEqual(first.share);
  expect(second.encoded.manifest.recordSize).toBe(SMALL);
  expect(second.encoded.head).toEqual(first.encoded.head);
});

test("a relay on this machine is never far, and one that refuses is not either", async () => {
  expect(await isFar("ws://127.0.0.1:1/ws", true)).toBe(false);
  expect(await isFar("ws://[::1]:1/ws", false)).toBe(false);
});
