/** A store in the hands of others: a copy of it, and strangers at its relay. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { fromHex, toHex, type Code } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { RawClient, randomId } from "../../support/relay/raw-client.ts";

const WEEK_S = 7 * 24 * 60 * 60;

/** A relay with one stored share; its sender has ended. */
async function storing() {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const place = join(folder.path, "store");
  mkdirSync(place, { mode: 0o700 });
  const relay = stack.use(await startRelay({ store: { kind: "disk", folder: place } }));
  const { path, bytes } = makeFile(folder.path, "a secret plan.txt", 200_000);
  const code: Code = newCode();
  const store = { life: WEEK_S };
  await using sender = send({ relay: `${relay.url}/ws`, code, path, store });
  const { share = "" } = await sender.when("code");
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  const end = stack.move();
  return {
    place,
    code,
    bytes,
    share,
    url: `${relay.url}/ws`,
    stop: () => relay.stop(),
    [Symbol.asyncDispose]: () => end.disposeAsync(),
  };
}

test("P18 a copy of a store has no code, name or content, and no name in it tells of a share", async () => {
  await using stored = await storing();
  const { place, code, share, bytes, stop } = stored;
  const keys = keysOf(code);
  // What SQLite has in its log is in the index then.
  await stop();
  const names = readdirSync(place, { recursive: true, encoding: "utf8" });
  expect(names.filter((name) => name.startsWith("records/"))).toHaveLength(1);
  for (const id of [share, toHex(keys.channel)]) expect(names.join(" ")).not.toContain(id);
  for (const name of names) {
    const path = join(place, name);
    const stat = statSync(path);
    expect(stat.mode & 0o777).toBe(stat.isDirectory() ? 0o700 : 0o600);
    if (stat.isDirectory()) continue;
    const content = readFileSync(path);
    const secrets = [code, "secret plan", bytes.subarray(5000, 5032), keys.content, keys.signing];
    for (const secret of secrets) expect(content.includes(secret)).toBe(false);
    expect(content.includes(toHex(keys.content))).toBe(false);
  }
});

test("P19 a stranger, and a client with the code, cannot replace, extend, ask about or delete a stored share", async () => {
  await using stored = await storing();
  const { code, url } = stored;
  const share = fromHex(stored.share)!;
  await using receiver = await RawClient.greeted(url, "receiver", keysOf(code));
  const seen = await receiver.when("offers", ({ list }) => list.length > 0);
  const { senderHere: _, stored: until, ...offer } = seen.list[0]!;
  const proof = crypto.getRandomValues(new Uint8Array(32));
  for (const message of [
    { t: "offer", ...offer, proof, store: { life: 2 * WEEK_S } },
    { t: "offer", ...offer, proof },
    { t: "inspect", share, proof },
    { t: "revoke", share, proof },
  ] as const) {
    await using attacker = await RawClient.greeted(url, "sender", keysOf(code));
    attacker.send(message);
    expect(await attacker.when("fault")).toMatchObject({ code: "not-your-share" });
  }
  await using stranger = await RawClient.greeted(url, "sender", randomId());
  stranger.send({ t: "revoke", share, proof });
  expect(await stranger.when("fault")).toMatchObject({ code: "not-your-share" });
  await using later = await RawClient.greeted(url, "receiver", keysOf(code));
  const { list } = await later.when("offers", (offers) => offers.list.length > 0);
  expect(list).toMatchObject([{ share, stored: until }]);
});
