/** Shares that a relay stores in S3: clients of the product, and a store that fails. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { startRelay } from "../../../relay/mod.ts";
import type { S3Place } from "../../../relay/store/s3-bucket.ts";
import type { Reporter } from "../../../relay/worker/reports.ts";
import type { Code, FaultCode } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { seededBytes, temporaryFolder } from "../../support/disk.ts";
import {
  startS3Proxy,
  type S3Fault,
  type S3Proxy,
  type S3Request,
} from "../../support/net/s3-faults.ts";
import { S3_BUCKET, startS3, type S3Server } from "../../support/net/s3-server.ts";
import { QUICK } from "../../support/s3-share.ts";
import { until } from "../../support/until.ts";

const state = stateOfEachTest();
const folder = temporaryFolder();
const MIB = 1024 ** 2;
/** Two parts, of 8 records and 3. */
const CONTENT = seededBytes(1, 10 * MIB);
const FILE = join(folder.path, "report.pdf");
let s3: S3Server;
let proxy: S3Proxy;
let place: S3Place;
/** Of the tests that need none of their own. */
let relay: Awaited<ReturnType<typeof startStore>>;

beforeAll(async () => {
  s3 = await startS3();
  proxy = await startS3Proxy(s3.url);
  await Bun.write(FILE, CONTENT);
  place = s3.place("shared/", proxy.url);
  relay = await startStore(place);
});
afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});
afterEach(() => {
  proxy.fault = () => undefined;
  proxy.seen.length = 0;
});

function keys(of: S3Place, below: "facts" | "records" | "over"): string[] {
  return s3.keys(`${of.prefix}${below}/`);
}

const store = { life: 3600 };

/** Sends, and ends when it is stored. */
async function stored(relay: string, code: Code, path = FILE): Promise<void> {
  await using sending = send({ relay, code, path, store });
  expect(await sending.outcome).toEqual({ fault: undefined, exitCode: 0 });
}

async function received(relay: string, code: Code): Promise<Uint8Array | number | FaultCode> {
  const out = join(state.path, crypto.randomUUID());
  await using receiving = receive({ relay, code, out });
  const { exitCode, fault } = await receiving.outcome;
  return exitCode === 0 ? await Bun.file(join(out, "report.pdf")).bytes() : (fault ?? exitCode);
}

/** Not `toEqual`, which takes seconds of so many bytes. */
function isContent(got: Uint8Array | number | FaultCode, content = CONTENT): boolean {
  return got instanceof Uint8Array && Buffer.compare(got, content) === 0;
}

/** A relay with one worker, whose address clients take. */
async function startStore(
  place: S3Place,
  onReport?: Reporter,
): Promise<AsyncDisposable & { readonly url: string }> {
  const relay = await startRelay({ store: place, workers: 1, ...(onReport && { onReport }) });
  return { url: `${relay.url}/ws`, [Symbol.asyncDispose]: () => relay.stop() };
}

test("receivers get a share of which the sender is gone, also from a relay that began again", async () => {
  const own = s3.place("again/", proxy.url);
  const code = newCode();
  {
    await using first = await startStore(own);
    await stored(first.url, code);
    expect(keys(own, "records").length).toBe(2);
    const got = await received(first.url, code);
    expect(isContent(got)).toBe(true);
  }
  await using again = await startStore(own);
  expect(isContent(await received(again.url, code))).toBe(true);
});

test("an empty file and what comes from stdin are stored too", async () => {
  const empty = join(state.path, "report.pdf");
  await Bun.write(empty, "");
  const code = newCode();
  await stored(relay.url, code, empty);
  expect(isContent(await received(relay.url, code), new Uint8Array())).toBe(true);
  const piped = newCode();
  const args = ["send", "--relay", relay.url, "--code", piped, "--name", "report.pdf", "--store"];
  await using sending = fileshare([...args, "-"], {}, undefined, CONTENT);
  expect(await sending.exited).toBe(0);
  expect(isContent(await received(relay.url, piped))).toBe(true);
});

test("a relay that is killed in the middle of an upload goes on from what is stored", async () => {
  const own = s3.place("killed/", proxy.url);
  const code = newCode();
  const env = { ...s3.env, S3_ENDPOINT: proxy.url };
  const options = ["--workers", "1", "--store", `s3://${S3_BUCKET}/${own.prefix}`];
  await using first = await RelayCommand.start(options, 0, undefined, env);
  // The second part never comes to the store, until the relay is another.
  proxy.fault = ({ method, key }) => {
    return method === "PUT" && /records.*\/1$/.test(key) ? { t: "hang" } : undefined;
  };
  await using sending = send({ relay: first.url, code, path: FILE, store });
  await sending.when("storing", ({ bytes }) => bytes >= 8 * MIB - 1024);
  first.kill("SIGKILL");
  await first.exited;
  proxy.fault = () => undefined;
  proxy.seen.length = 0;
  await using again = await RelayCommand.start(options, first.port, undefined, env);
  expect(await sending.outcome).toEqual({ fault: undefined, exitCode: 0 });
  const parts = proxy.seen.filter(({ method, key }) => method === "PUT" && key.includes("records"));
  expect(new Set(parts.map(({ key }) => key.slice(-2)))).toEqual(new Set(["/1"]));
  expect(isContent(await received(again.url, code))).toBe(true);
});

test("a share that is revoked leaves no record and no facts in the bucket", async () => {
  const before = { facts: keys(place, "facts"), records: keys(place, "records") };
  const code = newCode();
  const words = ["--relay", relay.url, "--code", code, "--store", FILE];
  const env = { XDG_STATE_HOME: state.path };
  await using sending = fileshare(["send", ...words], env);
  expect(await sending.exited).toBe(0);
  await using revoking = fileshare(["revoke", code], env);
  expect(await revoking.exited).toBe(0);
  expect(keys(place, "facts")).toEqual(before.facts);
  await until(() => keys(place, "records").length === before.records.length);
  expect(keys(place, "over").length).toBe(1);
  expect(await received(relay.url, code)).toBe("revoked");
});

test("a store that fails and lies now and then gives no wrong byte, and all comes", async () => {
  const code = newCode();
  const faults: readonly S3Fault[] = [
    { t: "refuse", status: 500, code: "InternalError" },
    { t: "refuse", status: 503, code: "SlowDown" },
    { t: "reset" },
    { t: "lose" },
    { t: "cut" },
    { t: "shorten" },
    { t: "flip" },
  ];
  let requests = 0;
  // Each request of the records fails once, each time in another way.
  const failed = new Set<string>();
  proxy.fault = ({ method, key, range }) => {
    const name = `${method} ${key} ${range}`;
    if (!key.includes("records") || failed.has(name)) return undefined;
    failed.add(name);
    return faults[requests++ % faults.length];
  };
  await stored(relay.url, code);
  expect(isContent(await received(relay.url, code))).toBe(true);
  expect(requests).toBeGreaterThan(faults.length);
});

const AWAY: S3Fault = { t: "refuse", status: 503, code: "ServiceUnavailable" };

function awayFor(what: (request: S3Request) => boolean, times: number): void {
  let left = times;
  proxy.fault = (request) => (what(request) && left-- > 0 ? AWAY : undefined);
}

test("a sender and receivers wait for a store that is away, and go on by themselves", async () => {
  await using own = await startStore({ ...s3.place("away/", proxy.url), times: QUICK });
  const code = newCode();
  // Also of the facts, on which the answers to the sender depend.
  awayFor(({ method }) => method === "PUT", 60);
  await stored(own.url, code);
  awayFor(({ key }) => key.includes("records"), 60);
  const got = await Promise.all([received(own.url, code), received(own.url, code)]);
  expect(got.map((each) => isContent(each))).toEqual([true, true]);
  expect(proxy.seen.length).toBeGreaterThan(120);
});

test("a receiver of a store that stays away hears that the store failed, and a later one gets all", async () => {
  const times = { ...QUICK, giveUpMs: 50 };
  await using own = await startStore({ ...s3.place("gone/", proxy.url), times });
  const code = newCode();
  await stored(own.url, code);
  awayFor(({ key }) => key.includes("records"), Infinity);
  expect(await received(own.url, code)).toBe("store-failed");
  proxy.fault = () => undefined;
  expect(isContent(await received(own.url, code))).toBe(true);
});

test("keys that expire end receivers at once, and the log says what to do", async () => {
  const events: string[] = [];
  const own = s3.place("expired/", proxy.url);
  await using other = await startStore(own, ({ event, fields }) => {
    if (event === "store-failed") events.push(`${fields["fault"] ?? ""} ${fields["why"] ?? ""}`);
  });
  const code = newCode();
  await stored(other.url, code);
  const reads = () => proxy.seen.filter(({ key }) => key.includes("records")).length;
  const before = reads();
  for (const status of [400, 403]) {
    proxy.fault = () => ({ t: "refuse", status, code: "ExpiredToken" });
    expect(await received(other.url, code)).toBe("store-failed");
  }
  // One request for each range that is read or read ahead.
  expect(reads() - before).toBeLessThanOrEqual(2 * 5);
  expect(events.slice(0, 1)).toEqual([
    "store-failed could not read at the object storage: it answered 400 ExpiredToken (start the relay again with new keys and S3_SESSION_TOKEN)",
  ]);
  // As after a start with new keys: nothing is lost.
  proxy.fault = () => undefined;
  expect(isContent(await received(other.url, code))).toBe(true);
});

test("a store that forgot a share gives its receivers a fault, and no file", async () => {
  const code = newCode();
  await stored(relay.url, code);
  proxy.fault = ({ key }) => {
    return key.includes("records") ? { t: "refuse", status: 403, code: "AccessDenied" } : undefined;
  };
  expect(await received(relay.url, code)).toBe("store-failed");
});
