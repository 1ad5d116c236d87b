/**
 * An upload to a store that its relay or its sender ends in order: records that came are durable, and none is sent again.
 * A proxy between the two counts the records that left the sender.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/wire/faults.ts";
import { fileshare } from "../../support/clients/command.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { S3_BUCKET, startS3, type S3Server } from "../../support/net/s3-server.ts";
import { until } from "../../support/until.ts";

/** A relay takes the records that it asked for before it ends: so long that two ends are in the middle. */
const FILE_BYTES = 32 * 1024 ** 2;
/** Slow enough that some records are on their way at any time. */
const LIMIT = "8MiB";
/** Between two ends of the sender or the relay. records */
const STEP = 2;
/** The relay drains before the first end and not before the second; the sender ends in order, and then not. */
const DRAINS = ["--drain=30", "--drain=0"] as const;
const SIGNALS = ["SIGINT", "SIGKILL"] as const;

const folder = temporaryFolder();
const file = makeFile(folder.path, "upload.bin", FILE_BYTES);
let s3: S3Server;

beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Tests run beside one another, so each has a state folder of its own. */
const ownState = (): Record<string, string> => ({
  XDG_STATE_HOME: join(folder.path, crypto.randomUUID()),
});

/** Arguments and environment of a relay that stores there. */
function storeOf(kind: "disk" | "S3"): readonly [string[], Readonly<Record<string, string>>] {
  const name = crypto.randomUUID();
  return kind === "disk"
    ? [["--store", join(folder.path, name)], {}]
    : [["--store", `s3://${S3_BUCKET}/${name}`], s3.env];
}

describe.each(["disk", "S3"] as const)("With records in a store of kind %s", (kind) => {
  test.concurrent(
    "a relay that a signal ends in the middle of an upload, with a drain or without, asks for no record twice",
    async () => {
      const [where, env] = storeOf(kind);
      const options = ["--workers", "2", "--admin", "off", ...where];
      await using relays = new AsyncDisposableStack();
      const start = async (drain: string, port = 0): Promise<RelayCommand> =>
        relays.use(await RelayCommand.start([...options, drain], port, undefined, env));
      let relay = await start(DRAINS[0]);
      await using proxy = await Proxy.start({ port: relay.port });
      const words = ["send", file.path, "--store", "--limit", LIMIT, "--relay", proxy.url];
      await using sender = fileshare(words, ownState());
      for (const next of [DRAINS[1], DRAINS[1]]) {
        await further(proxy);
        relay.kill("SIGTERM");
        expect(await relay.exited).toBe(EXIT.done);
        relay = await start(next, relay.port);
      }
      expect(await sender.exited).toBe(EXIT.done);
      expect(twice(proxy.up)).toEqual([]);
    },
  );

  test.concurrent(
    "a sender that a signal or a kill ends in the middle of an upload sends no record twice",
    async () => {
      const [where, env] = storeOf(kind);
      const options = ["--workers", "2", "--admin", "off", ...where];
      await using relay = await RelayCommand.start(options, 0, undefined, env);
      await using proxy = await Proxy.start({ port: relay.port });
      const words = ["send", file.path, "--store", "--relay", proxy.url];
      const own = ownState();
      const start = () => fileshare([...words, "--limit", LIMIT], own);
      for (const signal of SIGNALS) {
        await using sender = start();
        await further(proxy);
        sender.kill(signal);
        await sender.exited;
      }
      await using last = start();
      expect(await last.exited).toBe(EXIT.done);
      expect(twice(proxy.up)).toEqual([]);
    },
  );
});

/** So many records more pass. */
async function further(proxy: Proxy): Promise<void> {
  const before = proxy.up.length;
  await until(() => proxy.up.length >= before + STEP);
}

function twice(records: readonly number[]): number[] {
  return records.filter((index, at) => records.indexOf(index) < at);
}
