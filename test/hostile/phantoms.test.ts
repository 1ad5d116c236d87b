/** Clients whose line was taken over behind the proof of the code: they join, and prove nothing else. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pack } from "msgpackr";
import { toHex, type OfferSeen } from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../support/disk.ts";
import { newCode, receive, send, type Running } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { RawClient, randomId, rawShare } from "../support/relay/raw-client.ts";
import { keysOf } from "../support/clients/known-codes.ts";

const WINDOW = 16;

/** A share that is offered, and somebody in its channel who may be anybody. */
async function stage(more: Partial<Parameters<typeof send>[0]> = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  // One thread: what it was told is told on before it answers a ping.
  const relay = stack.use(await startRelay({ workers: 1 }));
  const out = join(folder.path, "out");
  mkdirSync(out);
  const file = makeFile(folder.path, "a.bin", 3_000_000);
  const url = `${relay.url}/ws`;
  const code = newCode();
  const sender = stack.use(send({ relay: url, code, path: file.path, ...more }));
  await sender.when("code");
  const keys = keysOf(code);
  const phantom = stack.use(await RawClient.greeted(url, "receiver", keys));
  const { list } = await phantom.when("offers", ({ list }) => list.length > 0);
  return {
    file,
    out,
    sender,
    phantom,
    offer: list[0]!,
    receive: () => receive({ relay: url, code, out, name: "anna" }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Until the relay has handled all that this client said. */
async function handled({ socket }: RawClient): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.addEventListener("pong", () => resolve());
  socket.ping();
  await promise;
}

/** Ids and names of all that the sender was shown. */
function shown(sender: Running): string[] {
  return [...new Set(sender.all("receiver").map(({ id, name }) => `${name} ${id}`))];
}

/** The sender ends well, having seen nobody but anna. */
async function expectOnlyAnna({
  sender,
  receive: take,
  out,
  file,
}: Awaited<ReturnType<typeof stage>>) {
  await using anna = take();
  expect(await anna.outcome).toEqual({ fault: undefined, exitCode: 0 });
  expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
  expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
  expect(shown(sender)).toHaveLength(1);
  expect(shown(sender)[0]).toStartWith("anna ");
  expect(await sender.when("done")).toMatchObject({ receivers: 1 });
}

describe("a phantom", () => {
  const atEnd = (phantom: RawClient, { share, records }: OfferSeen): void => {
    phantom.join(share, records, WINDOW);
  };

  test("that came to the end and left is not missing", async () => {
    await using at = await stage();
    atEnd(at.phantom, at.offer);
    at.phantom.send({ t: "leave", share: at.offer.share, reason: "failed" });
    await handled(at.phantom);
    await expectOnlyAnna(at);
  });

  test("that stays is not waited for", async () => {
    await using at = await stage();
    atEnd(at.phantom, at.offer);
    await handled(at.phantom);
    await expectOnlyAnna(at);
  });

  test("under hundreds of ids is nobody", async () => {
    await using at = await stage();
    for (let i = 0; i < 400; i++) atEnd(at.phantom, at.offer);
    await handled(at.phantom);
    await expectOnlyAnna(at);
  });

  test("that repeats a receiver's sealed name under its own id is not shown", async () => {
    await using at = await stage({ stay: true });
    // As a relay sees it: any sealed name of the share, in the place of its own.
    const stolen = new Uint8Array(60).fill(9);
    const join = { share: at.offer.share, receiver: randomId(), name: stolen, from: 0, window: 1 };
    at.phantom.send({ t: "join", ...join });
    await handled(at.phantom);
    await using anna = at.receive();
    expect(await anna.outcome).toEqual({ fault: undefined, exitCode: 0 });
    at.sender.interrupt();
    expect(await at.sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(shown(at.sender)).toHaveLength(1);
  });

  test("is not asked about, and gets nothing from a sender that asks", async () => {
    await using at = await stage({ ask: true });
    at.phantom.join(at.offer.share, 0, WINDOW);
    await handled(at.phantom);
    await using anna = at.receive();
    const asked = await at.sender.when("asks");
    expect(asked.name).toBe("anna");
    at.sender.admit(asked, true);
    expect(await anna.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(await at.sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(at.sender.all("asks")).toHaveLength(1);
    expect(at.phantom.frames).toEqual([]);
  });

  test("does not begin a share that waits for receivers", async () => {
    const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined, headRecords: 1 };
    await using at = await stage({ startWhen, receivers: 2 });
    at.phantom.join(at.offer.share, 0, WINDOW);
    await handled(at.phantom);
    await using anna = at.receive();
    await at.sender.when("gate", ({ agreed, open }) => agreed === 1 && !open);
    expect(at.sender.all("gate").filter(({ open }) => open)).toEqual([]);
    anna.interrupt();
    await anna.outcome;
  });
});

test("receipts that do not verify are counted, and told of a few times at most", async () => {
  await using at = await stage();
  const { share, records } = at.offer;
  at.phantom.join(share, 0, 0);
  const receipts = 300;
  for (let i = 0; i < receipts; i++) {
    at.phantom.send({ t: "complete", share, records, mac: randomId() });
  }
  await handled(at.phantom);
  await expectOnlyAnna(at);
  const told = at.sender.all("error");
  expect(new Set(told.map(({ code }) => code))).toEqual(new Set(["receipt-refused"]));
  expect(told.reduce((sum, { untold = 0 }) => sum + untold + 1, 0)).toBe(receipts);
  // One a second, and one at the end: a run does not take so long that this is many.
  expect(told.length).toBeLessThan(receipts / 10);
  const last = told.at(-1);
  expect(last?.message).toStartWith(`${(last?.untold ?? 0) + 1} receipts that do not verify`);
});

test("a sender's reason that is not its to give closes its own socket and is not passed on", async () => {
  await using relay = await startRelay({ workers: 1 });
  const url = `${relay.url}/ws`;
  const channel = randomId();

  for (const reason of ["interrupted", "declined", "removed", "too-late", "sender-gone"]) {
    const share = rawShare(3);
    await using sender = await RawClient.offering(url, channel, share);
    await using receiver = await RawClient.greeted(url, "receiver", channel);
    await receiver.when("offers", ({ list }) =>
      list.some((offer) => toHex(offer.share) === toHex(share.offer.share)),
    );

    sender.send(pack({ t: "cancel", share: share.offer.share, reason }));
    expect(await sender.when("fault")).toMatchObject({ code: "bad-message" });
    expect((await sender.closed).code).toBe(4002);
    await handled(receiver);
    expect(receiver.messages.filter(({ t }) => t === "cancel")).toEqual([]);
  }
});
