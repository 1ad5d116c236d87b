/** A relay that a client carries serves the channel of that client alone, at every door. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { deriveKeys, FAULTS, LOBBY_CODE } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { startRelay, type Relay } from "../../relay/mod.ts";
import { pathOf, RawClient, rawShare } from "../support/relay/raw-client.ts";
import { expectFault, expectServed } from "../support/relay/wire-checks.ts";

const TOKEN = "of-this-run";
const OWN = Uint8Array.of(1);
const OTHER = Uint8Array.of(2);
const REFUSED = FAULTS["other-channel"].sentence;

let relay: Relay;
let url: string;
let http: string;
let sender: RawClient;
const share = rawShare(4);

beforeAll(async () => {
  relay = await startRelay({ onlyFor: TOKEN, lobby: false });
  url = `${relay.url}/ws`;
  http = relay.url.replace("ws", "http");
});

afterAll(() => relay.stop());

describe("before the carrier came", () => {
  test.each(["sender", "receiver"] as const)("a %s shall try again", async (role) => {
    await using early = await RawClient.open(url);
    await early.hello(role, OWN);
    await expectFault(early, "going-away");
  });

  test("P15 a token of somebody else opens nothing", async () => {
    await using early = await RawClient.open(url);
    await early.hello("sender", OTHER, { token: "of-another-run" });
    await expectFault(early, "going-away");
  });

  test("clients hear that it serves one channel", async () => {
    await using client = await RawClient.open(url);
    expect(await client.challenge()).toMatchObject({ only: true });
  });
});

describe("with its carrier", () => {
  beforeAll(async () => {
    sender = await RawClient.open(url);
    await sender.hello("sender", OWN, { token: TOKEN });
    await sender.when("welcome");
    const { offer, proof, capability } = share;
    sender.send({ t: "offer", ...offer, proof, capability });
    await sender.when("accepted");
  });

  afterAll(() => sender[Symbol.asyncDispose]());

  test("receivers of its channel are served", async () => {
    await expectServed(url, sender, OWN, share);
    const ciphertext = await fetch(http + pathOf(share), { method: "HEAD" });
    expect(ciphertext.status).toBe(200);
  });

  test.each(["sender", "receiver"] as const)(
    "P15 a %s of another channel is refused",
    async (role) => {
      await using stranger = await RawClient.open(url);
      await stranger.hello(role, OTHER);
      await expectFault(stranger, "other-channel");
    },
  );

  test("the channel of the lobby is another one too", async () => {
    await using stranger = await RawClient.open(url);
    await stranger.hello("receiver", deriveKeys(LOBBY_CODE, nodePrimitives));
    await expectFault(stranger, "other-channel");
  });

  test.each([
    ["a download from the lobby", "GET", "/lobby"],
    ["a file of the lobby", "GET", "/lobby/a.bin"],
    ["an upload to the lobby", "PUT", "/lobby/a.bin"],
    ["the original app's sender", "GET", "/sender"],
    ["the original app's receiver", "GET", "/receiver"],
  ])("%s finds nothing there", async (_, method, path) => {
    const answer = await fetch(http + path, {
      method,
      ...(method === "PUT" && { body: new Uint8Array(1000) }),
    });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain(REFUSED);
  });

  test("a path of ciphertext that is not this share's tells nothing of it", async () => {
    const strange = await fetch(http + pathOf(rawShare(1)));
    const guessed = await fetch(http + pathOf({ ...share, capability: new Uint8Array(16) }));
    expect([strange.status, guessed.status]).toEqual([404, 404]);
    expect(await strange.text()).toBe(await guessed.text());
  });

  test("the help says that it is nobody else's", async () => {
    const help = await (await fetch(http, { headers: { accept: "text/plain" } })).text();
    expect(help).toContain("serves the code of that command alone");
    expect(help).not.toContain("lobby");
  });
});

test("after a crash of its worker the channel is unknown until the carrier is back", async () => {
  await using other = await startRelay({
    onlyFor: TOKEN,
    lobby: false,
    supervision: { restartMs: 0 },
  });
  const there = `${other.url}/ws`;
  const carrier = await RawClient.open(there);
  await carrier.hello("receiver", OWN, { token: TOKEN });
  await carrier.when("welcome");
  other.crashWorker(0);
  await carrier.closed;
  await using back = await opened(there);
  await back.hello("sender", OWN);
  await expectFault(back, "going-away");
});

test("several workers would not know the channel, so they are refused", async () => {
  const started = startRelay({ onlyFor: TOKEN, workers: 2 });
  const error: unknown = await started.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RangeError);
});

/** A restarting worker does not listen for a moment. */
async function opened(url: string): Promise<RawClient> {
  for (;;) {
    try {
      return await RawClient.open(url);
    } catch {
      await Bun.sleep(5);
    }
  }
}
