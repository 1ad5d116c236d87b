/** Ciphertext of stored shares by HTTP, from relays that no receiver asked for them. */
import { afterAll, beforeAll, expect, test } from "bun:test";

import { FRAME_HEADER_BYTES, bodyHeader, concat } from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import {
  offerOf,
  pathOf,
  RawClient,
  randomId,
  rawShare,
  type RawShare,
} from "../../support/relay/raw-client.ts";

const RECORDS = 50;
const RECORD = 5000;
const STORE = { life: 1000 };

const folder = temporaryFolder();
let relay: Relay;

async function start(): Promise<void> {
  const store = { kind: "disk", folder: `${folder.path}/store` } as const;
  relay = await startRelay({ workers: 2, store });
}

beforeAll(start);
afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});

/** A share whose sender has stored it and gone. */
async function stored(): Promise<RawShare> {
  const share = rawShare(RECORDS, RECORD);
  const channel = randomId();
  await using sender = await RawClient.greeted(`${relay.url}/ws`, "sender", channel);
  sender.onMessage = (message) => {
    if (message.t !== "want") return;
    const end = message.first + message.count;
    for (let index = message.first; index < end; index++) sender.send(share.frame(index));
  };
  sender.send(offerOf(share, STORE));
  await sender.when("stored");
  return share;
}

function bodyOf(share: RawShare): Uint8Array {
  const records = Array.from({ length: RECORDS }, (_, index) => {
    return share.frame(index).subarray(FRAME_HEADER_BYTES);
  });
  return concat(bodyHeader(share.offer.share, RECORD), ...records);
}

function get(share: RawShare, more: RequestInit = {}): Promise<Response> {
  return fetch(`${relay.url.replace("ws:", "http:")}${pathOf(share)}`, {
    decompress: false,
    ...more,
  });
}

test("a stored share is read by its path, in whole and in part, also after a restart", async () => {
  const share = await stored();
  const body = bodyOf(share);
  for (const _ of ["before", "after"]) {
    const head = await get(share, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, `${body.length}`]);
    const part = await get(share, { headers: { range: "bytes=12345-67890" } });
    expect(part.status).toBe(206);
    expect(await part.bytes()).toEqual(body.slice(12_345, 67_891));
    const whole = await Promise.all(Array.from({ length: 10 }, () => get(share)));
    for (const each of whole) expect(await each.bytes()).toEqual(body);
    await relay.stop();
    await start();
  }
});

test("a path with another capability leads nowhere, as one of a share that never was", async () => {
  const share = await stored();
  const other = rawShare(1);
  expect((await get({ ...share, capability: other.capability })).status).toBe(404);
  expect((await get(other)).status).toBe(404);
  expect((await get(share)).status).toBe(200);
});
