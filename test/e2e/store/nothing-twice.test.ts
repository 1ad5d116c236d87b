/**
 * An upload to a store that its relay or its sender ends in order: records that came are durable, and none is sent again.
 * A proxy between the two counts the records that left the sender.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/wire/faults.ts";
import { fileshare } from "../../support/clients/command.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { S3_BUCKET, startS3, type S3Server } from "../../support/net/s3-server.ts";
import { until } from "../../support/until.ts";

const FILE_BYTES = 14 * 1024 ** 2;
/** Slow enough that some records are on their way at any time. */
const LIMIT = "8MiB";
/** Between two ends of the sender or the relay. records */
const STEP = 5;
const ENDS = 2;

const state = stateOfEachTest();
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

/** Arguments and environment of a relay that stores there. */
function storeOf(kind: "disk" | "S3"): readonly [string[], Readonly<Record<string, string>>] {
  const name = crypto.randomUUID();
  return kind === "disk"
    ? [["--store", join(folder.path, name)], {}]
    : [["--store", `s3://${S3_BUCKET}/${name}`], s3.env];
}

describe.each(["disk", "S3"] as const)("With records in a store of kind %s", (kind) => {
  test.each(["--drain=30", "--drain=0"])(
    "a relay that a signal ends with %s in the middle of an upload asks for no record twice",
    async (drain) => {
      const [where, env] = storeOf(kind);
      const options = ["--workers", "2", "--admin", "off", ...where, drain];
      await using relays = new AsyncDisposableStack();
      let relay = relays.use(await RelayCommand.start(options, 0, undefined, env));
      await using proxy = await Proxy.start({ port: relay.port });
      const words = ["send", file.path, "--store", "--limit", LIMIT, "--relay", proxy.url];
      await using sender = fileshare(words, { XDG_STATE_HOME: state.path });
      for (let end = 0; end < ENDS; end++) {
        await passed(proxy, (end + 1) * STEP);
        relay.kill("SIGTERM");
        expect(await relay.exited).toBe(EXIT.done);
        relay = relays.use(await RelayCommand.start(options, relay.port, undefined, env));
      }
      expect(await sender.exited).toBe(EXIT.done);
      expect(twice(proxy.up)).toEqual([]);
    },
  );

  test.each(["SIGINT", "SIGKILL"] as const)(
    "a sender that %s ends in the middle of an upload sends no record twice",
    async (signal) => {
      const [where, env] = storeOf(kind);
      const options = ["--workers", "2", "--admin", "off", ...where];
      await using relay = await RelayCommand.start(options, 0, undefined, env);
      await using proxy = await Proxy.start({ port: relay.port });
      const words = ["send", file.path, "--store", "--relay", proxy.url];
      const start = () => fileshare([...words, "--limit", LIMIT], { XDG_STATE_HOME: state.path });
      for (let end = 0; end < ENDS; end++) {
        await using sender = start();
        await passed(proxy, (end + 1) * STEP);
        sender.kill(signal);
        await sender.exited;
      }
      await using last = start();
      expect(await last.exited).toBe(EXIT.done);
      expect(twice(proxy.up)).toEqual([]);
    },
  );
});

async function passed(proxy: Proxy, records: number): Promise<void> {
  await until(() => proxy.up.length >= records);
}

function twice(records: readonly number[]): number[] {
  return records.filter((index, at) => records.indexOf(index) < at);
}
