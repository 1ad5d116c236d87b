/** `stored()` and `revoke()` of the library, at real relays. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  receive,
  revoke,
  send,
  stored,
  type RevokedShare,
  type SendOptions,
  type StoredOptions,
} from "fileshare";

import { parseCode } from "../../../protocol/code/code.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { fileshare } from "../../support/clients/command.ts";
import { knownCode, masterOf } from "../../support/clients/known-codes.ts";
import { environment, stateOfEachTest } from "../../support/clients/own-state.ts";
import { laterFaultOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { policyWith, token as issued } from "../../support/relay/tokens.ts";

const MiB = 1024 * 1024;
const folder = temporaryFolder();
const state = stateOfEachTest();
let relay: Relay;

function storing(name: string): Promise<Relay> {
  const store = join(folder.path, name);
  mkdirSync(store, { mode: 0o700, recursive: true });
  return startRelay({ workers: 1, store: { kind: "disk", folder: store } });
}

beforeAll(async () => {
  relay = await storing("store");
});
afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});

/** @returns its code */
async function keep(text: string, more: Partial<SendOptions> = {}): Promise<string> {
  const code = knownCode();
  const options = { relay: relay.url, store: { life: 3600 }, code, master: masterOf(code) };
  const sending = send({ what: { from: "text", text, name: text }, ...options, ...more });
  expect((await sending.outcome).fault).toBeUndefined();
  return code;
}

async function got(given: string): Promise<string | undefined> {
  const code = parseCode(given);
  const where = { relay: relay.url, out: folder.path };
  return (await receive({ code, master: masterOf(code), ...where }).outcome).fault;
}

test("a program lists what it stored with its receivers, and deletes one share of it", async () => {
  expect(await stored()).toEqual([]);
  const one = await keep("one", { store: { life: 3600, downloads: 3 } });
  const two = await keep("two");
  expect(await got(one)).toBeUndefined();
  const all = await stored({ relay: relay.url });
  expect(all).toMatchObject([
    { code: two, name: "two", state: "stored", downloads: 0, receivers: 0 },
    { code: one, name: "one", state: "stored", downloads: 1, most: 3, receivers: 1, doubtful: 0 },
  ]);
  const share = all[1]?.share.slice(0, 8);
  const deleted: RevokedShare[] = await revoke(one, { share });
  expect(deleted).toMatchObject([{ event: "revoked", name: "one", known: true }]);
  expect(await got(one)).toBe("revoked");
  expect((await stored()).map(({ name }) => name)).toEqual(["two"]);
  expect(await got(two)).toBeUndefined();
});

test("a code without a stored share is refused, and so is the same one deleted twice", async () => {
  const code = await keep("once");
  expect(await laterFaultOf(revoke(knownCode()))).toBe("usage");
  expect(await laterFaultOf(revoke("one-word"))).toBe("bad-code");
  expect(await laterFaultOf(revoke(code, { share: "ffff0000ffff" }))).toBe("usage");
  expect(await revoke(code)).toHaveLength(1);
  expect(await laterFaultOf(revoke(code))).toBe("usage");
});

test("a program deletes a share of which a part is stored", async () => {
  const { path } = makeFile(folder.path, "part.bin", 6 * MiB);
  const env = { XDG_STATE_HOME: state.path };
  const words = ["send", path, "--store", "--relay", relay.url, "--limit", "1MiB"];
  await using sender = fileshare(words, env);
  const code = await sender.events((event) => event.event === "code");
  await sender.events((event) => event.event === "storing");
  sender.kill("SIGKILL");
  await sender.exited;
  if (code?.event !== "code") throw new Error("it has no code");
  expect(await revoke(code.code)).toMatchObject([{ name: "part.bin", known: true }]);
  expect(await got(code.code)).toBe("revoked");
});

test("a relay that is away hides no other, and what it has can be deleted later", async () => {
  const here = await keep("here");
  let other = await storing("other");
  const { port } = other;
  const there = await keep("there", { relay: other.url });
  await other.stop();
  expect(await stored()).toMatchObject([
    { code: there, state: "away", fault: "relay-unreachable" },
    { code: here, state: "stored" },
  ]);
  expect(await laterFaultOf(revoke(there))).toBe("relay-unreachable");
  const store = { kind: "disk", folder: join(folder.path, "other") } as const;
  other = await startRelay({ workers: 1, port, store });
  await using _ = other;
  expect(await stored({ relay: other.url })).toMatchObject([{ code: there, state: "stored" }]);
  expect(await revoke(there)).toMatchObject([{ known: true }]);
});

test("a signal ends the questions", async () => {
  await keep("asked");
  const signal = AbortSignal.abort();
  expect(await laterFaultOf(stored({ signal }))).toBe("interrupted");
});

test("a bare host names the shares of every relay on it", async () => {
  await keep("bare", { relay: `ws://localhost:${relay.port}` });
  expect(await stored({ relay: "localhost" })).toMatchObject([{ name: "bare", state: "stored" }]);
  expect(await stored({ relay: "localhost:1" })).toEqual([]);
  expect(await stored({ relay: "another.example" })).toEqual([]);
});

test("a configured token goes to its own relay alone", async () => {
  const { text: token, known } = issued(["store", "send"]);
  const policy = policyWith({ mode: "closed", tokens: [known] });
  const store = join(folder.path, "closed");
  mkdirSync(store, { mode: 0o700 });
  await using closed = await startRelay({ policy, store: { kind: "disk", folder: store } });
  await keep("closed", { relay: closed.url, token });
  const seen = async (env: Record<string, string>, options?: StoredOptions) => {
    using _ = environment(env);
    const [share] = await stored(options);
    return share?.fault ?? share?.state;
  };
  const set = { FILESHARE_TOKEN: token };
  expect(await seen({})).toBe("not-allowed");
  expect(await seen(set)).toBe("stored");
  expect(await seen({ ...set, FILESHARE_RELAY: closed.url })).toBe("stored");
  expect(await seen({ ...set, FILESHARE_RELAY: "127.0.0.1" })).toBe("stored");
  expect(await seen({ ...set, FILESHARE_RELAY: relay.url })).toBe("not-allowed");
  expect(await seen({ ...set, FILESHARE_RELAY: relay.url }, { relay: closed.url })).toBe("stored");
  expect(await seen({ FILESHARE_RELAY: relay.url }, { token })).toBe("stored");
});
