/** Control lines of other relays: what they hear of shares and receivers, and what the sender hears of theirs. */
import { describe, expect, test } from "bun:test";
import { toHex, type MessageOf } from "../../../protocol/mod.ts";
import { DEFAULT_LIMITS } from "../../../relay/mod.ts";
import { channelId } from "../../support/relay/channel.ts";
import { EdgeRelay } from "../../support/relay/edge-relay.ts";
import { edgeStage, entryOf } from "../../support/relay/edge-stage.ts";
import { policyOf } from "../../support/relay/limited.ts";
import {
  RawClient,
  offerOf,
  randomId,
  rawShare,
  type RawShare,
} from "../../support/relay/raw-client.ts";
import { RawReceiver } from "../../support/relay/raw-receiver.ts";
import { EdgeLine } from "../../support/relay/scripted-edge.ts";
import { ScriptedOwner, TEST_SECRET } from "../../support/relay/scripted-owner.ts";

const ADMITS = {
  of: (share: RawShare): RawShare => ({ ...share, offer: { ...share.offer, admit: true } }),
};

/** Receivers as the sender heard of them last, by id. */
function heard(sender: RawClient): Record<string, string> {
  const states: Record<string, string> = {};
  for (const message of sender.messages) {
    if (message.t !== "receivers") continue;
    for (const { id, state, next } of message.list) states[toHex(id)] = `${state} ${next}`;
  }
  return states;
}

/** Until the sender hears that a receiver is so. */
async function until(
  sender: RawClient,
  id: Uint8Array,
  state: string,
  next?: number,
): Promise<void> {
  const is = ({ list }: MessageOf<"receivers">): boolean =>
    list.some((entry) => {
      const isIt = toHex(entry.id) === toHex(id) && entry.state === state;
      return isIt && (next === undefined || entry.next === next);
    });
  await sender.when("receivers", is);
}

describe("a control line", () => {
  test("hears of the shares of its channel, and of no other", async () => {
    await using at = await edgeStage();
    const line = await at.control();
    const { list } = await line.when("shares");
    const { offer, capability } = at.share;
    expect(list).toEqual([{ ...offer, capability, senderHere: true }]);
    const elsewhere = await at.control({ channel: randomId() });
    expect((await elsewhere.when("shares")).list).toEqual([]);
  });

  test("hears of a share that comes later, that its sender goes, and that it comes back", async () => {
    await using at = await edgeStage();
    const line = await at.control();
    const other = rawShare(3);
    await using second = await RawClient.serving(at.url, at.code, other);
    await line.when("shares", ({ list }) => list.some(({ bytes }) => bytes === 3000));
    await second[Symbol.asyncDispose]();
    const { share } = other.offer;
    const isAbout = (id: Uint8Array): boolean => toHex(id) === toHex(share);
    await line.when("presence", (said) => isAbout(said.share) && !said.senderHere);
    await using _again = await RawClient.serving(at.url, at.code, other);
    await line.when("presence", (said) => isAbout(said.share) && said.senderHere);
    const late = await at.control();
    const { list } = await late.when("shares");
    expect(list.map(({ senderHere }) => senderHere)).toEqual([true, true]);
  });

  test("hears how a share ends", async () => {
    await using at = await edgeStage();
    const lines = [await at.control(), await at.control()];
    for (const line of lines) await line.when("shares");
    at.sender.send({ t: "end", share: at.id });
    for (const line of lines) await line.when("end");
    const other = rawShare(3);
    await using second = await RawClient.serving(at.url, at.code, other);
    for (const line of lines) await line.when("shares", ({ list }) => list[0]?.bytes === 3000);
    second.send({ t: "cancel", share: other.offer.share, reason: "sender-stopped" });
    for (const line of lines) {
      expect((await line.when("cancel")).reason).toBe("sender-stopped");
    }
  });

  test("tells the sender of receivers and receipts, and hears the answers", async () => {
    await using at = await edgeStage();
    const lines = [await at.control(), await at.control(), await at.control()];
    const ids = lines.map(() => randomId());
    for (const [which, line] of lines.entries()) {
      line.send({ t: "receivers", share: at.id, list: [entryOf(ids[which]!, "live", which)] });
    }
    for (const [which, id] of ids.entries()) await until(at.sender, id, "live", which);
    const [first = randomId()] = ids;
    lines[0]!.send({ t: "receivers", share: at.id, list: [entryOf(first, "done", 30)] });
    const mac = randomId();
    lines[0]!.send({ t: "receipt", share: at.id, receiver: first, records: 30, mac });
    const told = await at.sender.when("receipt");
    expect(told).toMatchObject({ receiver: first, records: 30, mac });
    at.sender.send({ t: "receipted", share: at.id, receiver: first });
    for (const line of lines) expect((await line.when("receipted")).receiver).toEqual(first);
  });

  test("that breaks loses its receivers, and those of others stay", async () => {
    await using at = await edgeStage();
    const line = await at.control();
    const other = await at.control();
    const [lost, waiting, stays, gone] = [randomId(), randomId(), randomId(), randomId()];
    const list = [
      entryOf(lost, "behind", 5),
      entryOf(waiting, "waiting", 2),
      entryOf(gone, "live", 3),
    ];
    line.send({ t: "receivers", share: at.id, list });
    other.send({ t: "receivers", share: at.id, list: [entryOf(stays, "live", 7)] });
    await until(at.sender, lost, "behind");
    await until(at.sender, stays, "live");
    line.send({ t: "receivers", share: at.id, list: [entryOf(gone, "left", 4)] });
    await until(at.sender, gone, "left");
    await line[Symbol.asyncDispose]();
    await until(at.sender, lost, "lost", 5);
    // A receiver that has not agreed took nothing.
    await until(at.sender, waiting, "lost", 0);
    expect(heard(at.sender)).toEqual({
      [toHex(lost)]: "lost 5",
      [toHex(waiting)]: "lost 0",
      [toHex(stays)]: "live 7",
      [toHex(gone)]: "left 4",
    });
  });

  test("does not call a receiver lost that came to this relay, or to another line", async () => {
    await using at = await edgeStage({ workers: 1 });
    const line = await at.control();
    const next = await at.control();
    const [moved, came] = [randomId(), await at.receiver()];
    const list = [entryOf(moved, "live", 3), entryOf(came.id, "live", 3)];
    line.send({ t: "receivers", share: at.id, list });
    await until(at.sender, moved, "live", 3);
    next.send({ t: "receivers", share: at.id, list: [entryOf(moved, "live", 4)] });
    await until(at.sender, moved, "live", 4);
    came.join(3);
    await came.until("frame 3");
    came.ack(4);
    await until(at.sender, came.id, "live", 4);
    line.send({ t: "receivers", share: at.id, list: [entryOf(moved, "lost", 3)] });
    await line[Symbol.asyncDispose]();
    // It goes to the relay of the other line, which tells of it before its socket here ends.
    next.send({ t: "receivers", share: at.id, list: [entryOf(came.id, "live", 9)] });
    await until(at.sender, came.id, "live", 9);
    await came[Symbol.asyncDispose]();
    const last = randomId();
    next.send({ t: "receivers", share: at.id, list: [entryOf(last, "live", 0)] });
    await until(at.sender, last, "live");
    expect(heard(at.sender)).toEqual({
      [toHex(moved)]: "live 4",
      [toHex(came.id)]: "live 9",
      [toHex(last)]: "live 0",
    });
  });

  test("tells a sender that comes to another worker of its receivers again", async () => {
    await using at = await edgeStage({ workers: 3 });
    const line = await at.control();
    const [live, done] = [randomId(), randomId()];
    line.send({
      t: "receivers",
      share: at.id,
      list: [entryOf(live, "live", 3), entryOf(done, "live", 30)],
    });
    await until(at.sender, done, "live");
    line.send({ t: "receivers", share: at.id, list: [entryOf(done, "done", 30)] });
    const mac = randomId();
    line.send({ t: "receipt", share: at.id, receiver: done, records: 30, mac });
    await at.sender.when("receipt");
    // Of four lines two are at different workers.
    for (let lines = 0; lines < 4; lines++) {
      const sender = await at.serve();
      expect(await sender.when("receipt")).toMatchObject({ receiver: done, records: 30, mac });
    }
    const last = await at.serve();
    line.send({ t: "receivers", share: at.id, list: [entryOf(live, "live", 4)] });
    await until(last, live, "live", 4);
    last.send({ t: "receipted", share: at.id, receiver: done });
    expect((await line.when("receipted")).receiver).toEqual(done);
  });

  test("without a stream counts as receivers that accepted", async () => {
    const limits = { ...DEFAULT_LIMITS, "join-timeout": 1000 };
    await using at = await edgeStage({ policy: policyOf(limits) });
    const line = await at.control();
    line.send({ t: "receivers", share: at.id, list: [entryOf(randomId(), "live", 1)] });
    await at.sender.when("receivers");
    const late = rawShare(2);
    await using other = await RawClient.serving(at.url, at.code, late);
    // The share that came after it is over first.
    expect((await other.when("fault")).message).toStartWith("join-timeout: ");
    expect((await line.when("cancel")).share).toEqual(late.offer.share);
    expect(at.sender.messages.some(({ t }) => t === "fault")).toBe(false);
  });
});

describe("a share that admits each receiver", () => {
  test("tells every control line of decisions, a new one of all that were made", async () => {
    await using at = await edgeStage(ADMITS);
    const lines = [await at.control(), await at.control()];
    for (const line of lines) await line.when("shares");
    const [admitted, dismissed] = [randomId(), randomId()];
    const share = at.id;
    at.sender.send({ t: "admit", share, receiver: admitted });
    at.sender.send({ t: "dismiss", share, receiver: dismissed, reason: "not-admitted" });
    lines.push(await at.control(), await at.control());
    for (const line of lines) {
      expect((await line.when("admit")).receiver).toEqual(admitted);
      const { receiver, reason } = await line.when("dismiss");
      expect([receiver, reason]).toEqual([dismissed, "not-admitted"]);
    }
  });
});

test("a control line hears of a share before it hears whom its sender admits, at any worker", async () => {
  const of = (share: RawShare): RawShare => {
    return { ...share, offer: { ...share.offer, admit: true, seekable: false } };
  };
  await using at = await edgeStage({ of });
  const receiver = randomId();
  at.sender.send({ t: "admit", share: at.id, receiver });
  const lines = await Promise.all(Array.from({ length: 8 }, () => at.control()));
  for (const line of lines) {
    const { list } = await line.when("shares", (message) => message.list.length > 0);
    expect(list[0]?.first).toBe(0);
    await line.when("admit");
    const first = line.messages.findIndex(({ t }) => t === "admit");
    const named = line.messages.findIndex((each) => each.t === "shares" && each.list.length > 0);
    expect(first).toBeGreaterThan(named);
  }
});

describe("a share with as many receivers as it may have", () => {
  test.each([1, 2])(
    "names the one that is too many to its line, with %p workers",
    async (workers) => {
      const policy = policyOf({ "receivers-per-share": 2 });
      await using at = await edgeStage({ workers, policy });
      const lines = [await at.control(), await at.control(), await at.control()];
      const ids = lines.map(() => randomId());
      for (const [which, line] of lines.entries()) {
        line.send({ t: "receivers", share: at.id, list: [entryOf(ids[which]!, "live", 1)] });
        if (which < 2) await until(at.sender, ids[which]!, "live");
      }
      const { receiver, share } = await lines[2]!.when("full");
      expect([receiver, share]).toEqual([ids[2]!, at.id]);
      expect(Object.keys(heard(at.sender))).toHaveLength(2);
      // The place of one that goes is free.
      lines[0]!.send({ t: "receivers", share: at.id, list: [entryOf(ids[0]!, "left", 1)] });
      await until(at.sender, ids[0]!, "left");
      lines[2]!.send({ t: "receivers", share: at.id, list: [entryOf(ids[2]!, "live", 1)] });
      await until(at.sender, ids[2]!, "live");
    },
  );
});

test("a relay that drains says that the sender is gone, and ends lines that have no share", async () => {
  await using at = await edgeStage();
  const line = await at.control();
  const idle = await at.control({ channel: randomId() });
  line.send({ t: "receivers", share: at.id, list: [entryOf(randomId(), "live", 1)] });
  await at.sender.when("receivers");
  const drained = at.relay.drain(60_000);
  expect((await idle.fault()).code).toBe("going-away");
  expect(line.messages.some(({ t }) => t === "fault")).toBe(false);
  // Its receivers are busy; now they are gone.
  const { messages } = line;
  expect(messages.some((message) => message.t === "presence" && !message.senderHere)).toBe(false);
  await at.sender[Symbol.asyncDispose]();
  await line.when("presence", ({ senderHere }) => !senderHere);
  expect((await line.fault()).code).toBe("going-away");
  await drained;
});

test("a share of another relay is not given on, until its sender comes here", async () => {
  const share = rawShare(5);
  const code = randomId();
  await using owner = new ScriptedOwner([share]);
  await using edge = await EdgeRelay.open({ workers: 2 });
  edge.link(owner, code);
  await using receiver = await RawReceiver.open({ port: edge.port, channel: code, share });
  receiver.join();
  await receiver.takeAll();
  const port = edge.supervisor.clusterPort;
  const of = { port, channel: channelId(code), secret: TEST_SECRET };
  const id = share.offer.share;
  await using line = await EdgeLine.open(of);
  expect((await line.when("shares")).list).toEqual([]);
  await using stream = await EdgeLine.open({ ...of, share: id });
  stream.join(id, 0, 5);
  expect(await stream.when("cancel")).toMatchObject({ reason: "no-such-share" });
  line.send({ t: "receivers", share: id, list: [entryOf(randomId(), "live", 1)] });
  await line.answersPing();
  await using _sender = await RawClient.serving(edge.url, code, share);
  await line.when("shares", ({ list }) => list.length === 1);
  expect(await stream.take(id, 0, 5)).toEqual(
    [0, 1, 2, 3, 4].map((index) => new Uint8Array(share.frame(index))),
  );
});

test("an offer that its sender changes is said again", async () => {
  await using at = await edgeStage();
  const line = await at.control();
  await line.when("shares", ({ list }) => list[0]?.admit === undefined);
  await at.sender[Symbol.asyncDispose]();
  await using again = await RawClient.greeted(at.url, "sender", at.code);
  again.send({ ...offerOf(at.share), admit: true });
  await line.when("shares", ({ list }) => list[0]?.admit === true);
});
