/** Relays of one cluster that store in one bucket, as processes that are killed, stopped and started again. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { EXIT, type Code } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile, type MadeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { startS3Proxy, type S3Proxy } from "../../support/net/s3-faults.ts";
import { S3_BUCKET, startS3, type S3Server } from "../../support/net/s3-server.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { run } from "../../support/clients/program.ts";
import { fileshare } from "../../support/clients/command.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { ClusterCommands, outFolder, stopped } from "../../support/relay/whole-cluster.ts";
import { until } from "../../support/until.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const store = { life: 3600 };

const state = stateOfEachTest();
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

function keys(prefix: string, below: "facts" | "over" | "records"): string[] {
  return s3.keys(`${prefix}${below}/`);
}

/** The name of the share's facts that was stored last. */
async function placeOf(prefix: string, storing: Promise<Code>): Promise<[Code, string]> {
  const before = new Set(keys(prefix, "facts"));
  const code = await storing;
  const key = keys(prefix, "facts").find((each) => !before.has(each)) ?? "";
  return [code, key.split("/").at(-1) ?? ""];
}

async function faultAt(relay: string, code: Code): Promise<string | undefined> {
  await using receiving = receive({ relay, code, out: outFolder(folder.path) });
  return (await receiving.outcome).fault;
}

describe.skipIf(lacksNats)("a relay that stands still", () => {
  test("writes nothing over what its share's next relay says, and serves its receivers from there", async () => {
    await using cluster = await openCluster(2);
    const { prefix } = cluster;
    const [still, other] = [cluster.at(1), cluster.at(2)];
    const file = newFile(3 * MiB);
    const storing = stored(cluster.from(1), file, { downloads: 4 });
    const [code, place] = await placeOf(prefix, storing);
    const revoked = newCode();
    const env = { XDG_STATE_HOME: state.path };
    // One name for all relays, as behind a balancer.
    const target = { port: still.port };
    await using balancer = await Proxy.start(target);
    const words = ["--relay", balancer.url, "--code", revoked, "--store", file.path];
    await using sending = fileshare(["send", ...words], env);
    expect(await sending.exited).toBe(0);
    const [short, shortPlace] = await placeOf(prefix, stored(cluster.from(1), file, { life: 50 }));

    // A download that it counts is on its way to the bucket for all of that time.
    const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>();
    const isHeld = new Promise<void>((resolve) => {
      proxy.fault = ({ method, key }) => {
        if (method !== "PUT" || !key.endsWith(`facts/${place}`)) return undefined;
        resolve();
        return { t: "hold", until: goesOn };
      };
    });
    await using near = receive({ relay: still.url, code, out: outFolder(folder.path) });
    await isHeld;
    await stopped(still);
    await isReceived(other.url, code, file);
    target.port = other.port;
    await using revoking = fileshare(["revoke", revoked], env);
    expect(await revoking.exited).toBe(0);
    await until(() => s3.keys(`${prefix}records/${shortPlace}/`).length === 0);
    proxy.fault = () => undefined;
    goOn();
    await until(() => keys(prefix, "facts").some((key) => key.endsWith(place)));
    expect(keys(prefix, "facts").length).toBe(2);
    const deleted = proxy.seen.filter(({ method, key }) => {
      return method === "DELETE" && key.includes(`records/${shortPlace}/`);
    });
    expect(new Set(deleted.map(({ key }) => key)).size).toBe(deleted.length);
    proxy.seen.length = 0;
    still.kill("SIGCONT");

    // The receiver there is counted once, by the relay that has the share.
    expect(await near.outcome).toEqual(DONE);
    await isReceived(still.url, code, file);
    await isReceived(other.url, code, file);
    for (const { url } of [still, other]) {
      expect(await faultAt(url, code)).toBe("exhausted");
      expect(await faultAt(url, revoked)).toBe("revoked");
      expect(await faultAt(url, short)).toBe("stored-expired");
    }
    const changes = proxy.seen.filter(({ method, key }) => {
      return ["PUT", "DELETE"].includes(method) && !key.endsWith("lease");
    });
    const written = changes.filter(({ method, key }) => method === "PUT" && key.includes("facts"));
    expect(new Set(written.map(({ key }) => key.split(".")[0]))).toEqual(
      new Set([`${prefix}facts/${place}`]),
    );
    expect(written.filter(({ key }) => !key.includes("."))).toEqual([]);
    await until(() => keys(prefix, "records").length === 0);
    // The late write: a later start finds that its share is over.
    expect(keys(prefix, "facts")).toEqual([`${prefix}facts/${place}`]);
    expect(keys(prefix, "over").length).toBe(3);
  });
});

describe.skipIf(lacksNats)(
  "a relay that stands still with a part of an upload in its memory",
  () => {
    test("writes it over none of the relay that went on with the upload", async () => {
      await using cluster = await openCluster(2);
      const [still, other] = [cluster.at(1), cluster.at(2)];
      const file = newFile(7 * MiB);
      const code = newCode();
      await using sending = send({ ...cluster.from(1), code, path: file.path, store, limit: MiB });
      // One part has all of it, and is written when it is complete or after a while.
      await sending.when("progress", ({ bytes }) => bytes >= 2 * MiB);
      await stopped(still);
      expect(await sending.outcome).toEqual(DONE);
      await isReceived(other.url, code, file);
      const parts = () =>
        proxy.seen.filter(({ method, key }) => {
          return method === "PUT" && key.startsWith(`${cluster.prefix}records/`);
        }).length;
      const before = parts();
      still.kill("SIGCONT");
      // It has heard by then whose the share is.
      await isReceived(still.url, code, file);
      expect(parts()).toBe(before);
    });
  },
);

describe.skipIf(lacksNats)("relays that all start again", () => {
  test.each(["SIGKILL", "SIGTERM"] as const)(
    "after %s serve all shares of their bucket",
    async (signal) => {
      await using cluster = await openCluster(2);
      const files = [newFile(MiB), newFile(2 * MiB), newFile(9 * MiB)];
      const codes: Code[] = [];
      for (const [at, file] of files.entries()) {
        codes.push(await stored(cluster.from((at % 2) + 1), file));
      }
      for (const relay of cluster.relays) relay.kill(signal);
      await Promise.all(cluster.relays.map(({ exited }) => exited));
      const again = await Promise.all([cluster.more(), cluster.more()]);
      for (const [at, code] of codes.entries()) {
        await Promise.all(again.map(({ url }) => isReceived(url, code, files[at]!)));
      }
      expect(keys(cluster.prefix, "facts").length).toBe(3);
    },
  );

  test("leave the prefix to no relay of another cluster, which says whose it is", async () => {
    await using cluster = await openCluster(1);
    const listen = `127.0.0.1:${await ownPort()}`;
    const secret = join(folder.path, "another-secret");
    writeFileSync(secret, "another secret, with 32 characters or more", { mode: 0o600 });
    const given = {
      "--cluster": cluster.nats.urls.join(","),
      "--cluster-name": "others",
      "--cluster-secret": secret,
      "--cluster-listen": listen,
      "--store": `s3://${S3_BUCKET}/${cluster.prefix}`,
    };
    const options = Object.entries(given).flat();
    const env = { ...s3.env, S3_ENDPOINT: proxy.url };
    await using third = new RelayCommand(options, 0, undefined, env);
    const said = await third.says();
    expect(said?.message).toMatch(
      /the relay at \S+ \(process \d+\) uses p\d+\/lease: it is not of/,
    );
    expect(await third.exited).not.toBe(0);
  });
});

describe.skipIf(lacksNats)("a relay that is killed", () => {
  test("leaves its stored shares to the others, and unfinished uploads go on there with nothing sent again", async () => {
    await using cluster = await openCluster(3);
    const file = newFile(9 * MiB);
    const whole = await stored(cluster.from(1), file);
    // Any relay serves it while its owner is there.
    await isReceived(cluster.at(2).url, whole, file);
    // A share that is received as often as it may be, of which the others hear nothing before that relay is gone.
    const usedUp = newCode();
    const env = { XDG_STATE_HOME: state.path };
    const target = { port: cluster.at(1).port };
    await using balancer = await Proxy.start(target);
    const words = [
      "--relay",
      balancer.url,
      "--code",
      usedUp,
      "--downloads",
      "1",
      "--store",
      file.path,
    ];
    await using storing = fileshare(["send", ...words], env);
    expect(await storing.exited).toBe(0);
    await isReceived(cluster.at(1).url, usedUp, file);
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
    target.port = cluster.at(2).port;
    const listed = await run(["stored", "--json"], { env });
    expect(listed.out).toContain('"state":"exhausted"');
  });
});
