/** Relays of one cluster that store in one bucket, as processes that are killed, stopped and started again. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT, type Code } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile, type MadeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { startS3Proxy, type S3Proxy } from "../../support/net/s3-faults.ts";
import { S3_BUCKET, startS3, type S3Server } from "../../support/net/s3-server.ts";
import { ClusterCommands, outFolder } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const store = { life: 3600 };

stateOfEachTest();
const folder = temporaryFolder();
let s3: S3Server;
let proxy: S3Proxy;
let prefixes = 0;

beforeAll(async () => {
  s3 = await startS3();
  proxy = await startS3Proxy(s3.url);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function openCluster(count: number): Promise<ClusterCommands & { readonly prefix: string }> {
  const prefix = `p${++prefixes}/`;
  const env = { ...s3.env, S3_ENDPOINT: proxy.url };
  const options = ["--workers", "1", "--store", `s3://${S3_BUCKET}/${prefix}`];
  return Object.assign(await ClusterCommands.open(count, options, 1, undefined, env), { prefix });
}

function newFile(bytes: number): MadeFile {
  return makeFile(folder.path, `${crypto.randomUUID()}.bin`, bytes);
}

async function stored(
  way: ReturnType<ClusterCommands["from"]>,
  file: MadeFile,
  more: Partial<typeof store & { downloads: number }> = {},
): Promise<Code> {
  const code = newCode();
  await using sending = send({ ...way, code, path: file.path, store: { ...store, ...more } });
  expect(await sending.outcome).toEqual(DONE);
  return code;
}

async function isReceived(relay: string, code: Code, file: MadeFile): Promise<void> {
  const out = outFolder(folder.path);
  await using receiving = receive({ relay, code, out });
  expect(await receiving.outcome).toEqual(DONE);
  expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
}

describe.skipIf(lacksNats)("a relay that is killed", () => {
  test("leaves its stored shares to the others, and unfinished uploads go on there with nothing sent again", async () => {
    await using cluster = await openCluster(3);
    const file = newFile(9 * MiB);
    const whole = await stored(cluster.from(1), file);
    // Any relay serves it while its owner is there.
    await isReceived(cluster.at(2).url, whole, file);
    // The second part never comes to the store, until the relay is another.
    const upload = newFile(17 * MiB);
    const code = newCode();
    proxy.fault = ({ method, key }) => {
      return method === "PUT" && /records.*\/[12]$/.test(key) ? { t: "hang" } : undefined;
    };
    await using sending = send({ ...cluster.from(1), code, path: upload.path, store });
    await sending.when("storing", ({ bytes }) => bytes >= 8 * MiB - 1024);
    cluster.at(1).kill("SIGKILL");
    await cluster.at(1).exited;
    proxy.fault = () => undefined;
    proxy.seen.length = 0;
    await Promise.all([2, 3].map((at) => isReceived(cluster.at(at).url, whole, file)));
    expect(await sending.outcome).toEqual(DONE);
    const parts = proxy.seen.filter(
      ({ method, key }) => method === "PUT" && key.includes("records"),
    );
    expect(new Set(parts.map(({ key }) => key.slice(-2)))).toEqual(new Set(["/1", "/2"]));
    await Promise.all([2, 3].map((at) => isReceived(cluster.at(at).url, code, upload)));
  });
});
