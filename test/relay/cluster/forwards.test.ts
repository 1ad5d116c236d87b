/** The lines by which a worker carries senders to another relay: real sockets to a scripted one, and a clock of the test. */
import { describe, expect, test } from "bun:test";
import {
  FRAME_BYTES,
  encodeControl,
  type FaultError,
  type Message,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { WELCOME_MS } from "../../../relay/cluster/greeting.ts";
import { EARLY_MOST_BYTES } from "../../../relay/cluster/forward-line.ts";
import { CLOSE_MS } from "../../../relay/limits/limits.ts";
import { BUFFERED_BYTES, MemoryBudget, STILL_MS } from "../../../relay/limits/memory-budget.ts";
import type { ForwardLine } from "../../../relay/share/forwarded.ts";
import { FORWARDS_MOST, Forwards, UNSENT_MOST_BYTES } from "../../../relay/worker/forwards.ts";
import { SILENT_MS } from "../../../relay/worker/relay-line.ts";
import { offerOf, randomId, rawShare } from "../../support/relay/raw-client.ts";
import {
  KEEPER_SECRET,
  ScriptedKeeper,
  type KeeperLine,
} from "../../support/relay/scripted-keeper.ts";
import { until } from "../../support/until.ts";

const CLIENT = { mayStore: true, address: "192.0.2.7" };
/** More than kernels hold on loopback. */
const MUCH_BYTES = 64 * FRAME_BYTES;
const share = rawShare(1000, FRAME_BYTES - 16);
const OFFER = offerOf(share);

/** A sender that a worker carries, and what it hears. */
class CarriedSender {
  readonly heard: Message[] = [];
  fault: FaultError | undefined;
  rooms = 0;
  readonly line: ForwardLine;

  constructor(forwards: Forwards, { relay, address }: ScriptedKeeper, channel: Uint8Array) {
    this.line = forwards.forward(
      { relay, address, channel, client: CLIENT },
      {
        message: (message) => void this.heard.push(message),
        room: () => this.rooms++,
        failed: (fault) => (this.fault = fault),
      },
    );
  }

  /** As long as the line takes more. @returns bytes */
  give(most = MUCH_BYTES): number {
    const frame = share.frame(0);
    for (let bytes = frame.length; ; bytes += frame.length) {
      if (!this.line.say(frame) || bytes >= most) return bytes;
    }
  }

  async failed(): Promise<FaultError> {
    await until(() => this.fault !== undefined);
    return this.fault!;
  }
}

class Play implements AsyncDisposable {
  now = 0;
  readonly keeper: ScriptedKeeper;
  readonly memory: MemoryBudget;
  readonly forwards: Forwards;
  readonly reports: string[] = [];
  readonly channel = randomId();

  constructor(lie?: ConstructorParameters<typeof ScriptedKeeper>[0], isMember = true) {
    this.keeper = new ScriptedKeeper(lie);
    this.memory = new MemoryBudget(() => this.now);
    this.forwards = new Forwards({
      primitives: nodePrimitives,
      memory: this.memory,
      cluster: isMember ? { secret: KEEPER_SECRET, relay: "0011223344556677" } : undefined,
      report: ({ event }) => void this.reports.push(event),
      clock: () => this.now,
    });
  }

  sender(): CarriedSender {
    return new CarriedSender(this.forwards, this.keeper, this.channel);
  }

  /** Welcome at the other relay. */
  async open(number = 0): Promise<[CarriedSender, KeeperLine]> {
    const sender = this.sender();
    sender.line.say(encodeControl(OFFER));
    const line = await this.keeper.line(number);
    await until(() => line.heard.length > 0);
    return [sender, line];
  }

  get waiting(): number {
    return this.memory.measures.used.arriving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.forwards.end();
    await this.keeper[Symbol.asyncDispose]();
  }
}

test("a sender's words come to the other relay in their order, and its answers to the sender", async () => {
  await using play = new Play();
  const sender = play.sender();
  sender.line.say(encodeControl(OFFER));
  sender.line.say(encodeControl({ t: "end", share: share.offer.share }));
  const line = await play.keeper.line();
  expect(line.hello).toMatchObject({ channel: play.channel, forward: CLIENT });
  await until(() => line.heard.length === 2);
  expect(line.heard).toEqual([OFFER, { t: "end", share: share.offer.share }]);
  line.say({ t: "accepted", share: share.offer.share });
  line.say({ t: "want", share: share.offer.share, first: 0, count: 3 });
  await until(() => sender.heard.length === 2);
  expect(sender.heard.map(({ t }) => t)).toEqual(["accepted", "want"]);
  sender.line.say(share.frame(0));
  await until(() => line.bytes === share.frame(0).length);
  expect(play.reports).toEqual([]);
});

test.each(["offer", "inspect", "revoke"] as const)(
  "C8 the network between two relays sees no proof in a sender's %s",
  async (t) => {
    await using play = new Play();
    const { proof, offer } = share;
    const message = t === "offer" ? OFFER : { t, share: offer.share, proof };
    play.sender().line.say(encodeControl(message));
    const line = await play.keeper.line();
    await until(() => line.heard.length === 1);
    expect(line.heard).toEqual([message]);
    expect(line.seen.some((bytes) => Buffer.from(bytes).includes(proof))).toBe(false);
  },
);

test("what a sender said before its line closed comes to the other relay all the same", async () => {
  await using play = new Play();
  const [sender, line] = await play.open();
  line.pause(true);
  const given = sender.give();
  sender.line.say(encodeControl({ t: "end", share: share.offer.share }));
  sender.line.close();
  expect(play.forwards.size).toBe(0);
  line.pause(false);
  await until(() => !line.isOpen);
  expect(line.bytes).toBe(given);
  expect(line.heard.at(-1)).toMatchObject({ t: "end" });
});

describe("a relay that takes its records slowly", () => {
  test("makes its senders wait, with a frame or two in the memory of this one", async () => {
    await using play = new Play();
    const [sender, line] = await play.open();
    line.pause(true);
    expect(sender.give()).toBeLessThan(MUCH_BYTES);
    expect(play.waiting).toBeGreaterThan(FRAME_BYTES);
    expect(play.waiting).toBeLessThanOrEqual(2 * FRAME_BYTES + 1024);
    expect(sender.rooms).toBe(0);
    line.pause(false);
    await until(() => sender.rooms === 1 && play.waiting === 0);
    expect(sender.fault).toBeUndefined();
  });

  test("holds up the senders of no other relay", async () => {
    await using play = new Play();
    await using other = new ScriptedKeeper();
    const [slow, line] = await play.open();
    line.pause(true);
    slow.give();
    const quick = new CarriedSender(play.forwards, other, play.channel);
    quick.line.say(encodeControl(OFFER));
    const fast = await other.line();
    await until(() => fast.heard.length > 0);
    let given = 0;
    while (given < MUCH_BYTES) {
      const rooms = quick.rooms;
      given += quick.give(MUCH_BYTES - given);
      if (given < MUCH_BYTES) await until(() => quick.rooms > rooms);
    }
    await until(() => fast.bytes >= MUCH_BYTES);
    expect(slow.rooms).toBe(0);
  });

  test("loses a sender that is not held up by that, beyond a limit", async () => {
    await using play = new Play();
    const [sender, line] = await play.open();
    line.pause(true);
    const frame = share.frame(0);
    for (let sent = 0; sent < MUCH_BYTES; sent += frame.length) sender.line.say(frame);
    expect(play.waiting).toBeGreaterThan(UNSENT_MOST_BYTES);
    play.forwards.tick();
    expect(sender.fault).toMatchObject({ code: "going-away" });
    expect(play.waiting).toBe(0);
  });

  test("loses senders when clients of this relay need the memory", async () => {
    await using play = new Play();
    const [sender, line] = await play.open();
    line.pause(true);
    sender.give();
    const holder = { address: undefined, room: () => undefined, cut: () => undefined };
    expect(play.memory.enter(holder, "moving").ask(BUFFERED_BYTES)).toBe("wait");
    play.now = STILL_MS;
    play.memory.tick();
    expect((await sender.failed()).message).toContain("others need the memory");
  });

  test("does not hold up the close of a line for long", async () => {
    await using play = new Play();
    const [sender, line] = await play.open();
    line.pause(true);
    sender.give();
    sender.line.close();
    play.now = CLOSE_MS;
    play.forwards.tick();
    line.pause(false);
    await until(() => !line.isOpen);
    expect(line.bytes).toBeLessThan(MUCH_BYTES);
  });
});

describe("C9 a relay that stores a share and", () => {
  test.each<[string, ConstructorParameters<typeof ScriptedKeeper>[0], RegExp]>([
    [
      "proves nothing",
      (line) => line.say({ t: "edge-welcome", mac: new Uint8Array(32) }),
      /does not know the secret/,
    ],
    ["welcomes with a frame", (line) => line.say(share.frame(0)), /a frame for a sender/],
    ["welcomes with text", (line) => line.say("welcome"), /text/],
    [
      "asks before its welcome",
      (line) => line.say({ t: "shares", list: [] }),
      /before the welcome/,
    ],
    [
      "refuses",
      (line) =>
        line.say({ t: "fault", code: "not-proved", message: "no such secret", retry: false }),
      /no such secret/,
    ],
    ["cuts the line", (line) => line.cut(), /the line broke/],
  ])("%s loses the sender, which may come again", async (_, lie, why) => {
    await using play = new Play(lie);
    const sender = play.sender();
    sender.line.say(encodeControl(OFFER));
    const fault = await sender.failed();
    expect(fault.code).toBe("going-away");
    expect(fault.message).toMatch(why);
    expect(play.reports).toEqual(["forward-lost"]);
    expect([play.forwards.size, sender.heard]).toEqual([0, []]);
  });

  test.each<[string, (line: KeeperLine) => void, RegExp]>([
    ["sends a frame", (line) => line.say(share.frame(0)), /a frame for a sender/],
    ["sends text", (line) => line.say("want"), /text/],
    ["sends no message", (line) => line.say(new Uint8Array(9)), /not a map/],
    ["cuts the line", (line) => line.cut(), /the line broke/],
  ])("%s later loses the sender, which may come again", async (_, lie, why) => {
    await using play = new Play();
    const [sender, line] = await play.open();
    lie(line);
    expect((await sender.failed()).message).toMatch(why);
    expect(sender.heard).toEqual([]);
  });

  test("is silent loses the sender in time", async () => {
    await using play = new Play(() => undefined);
    const sender = play.sender();
    await play.keeper.line();
    play.now = WELCOME_MS - 1;
    play.forwards.tick();
    expect(sender.fault).toBeUndefined();
    play.now = WELCOME_MS;
    play.forwards.tick();
    expect(sender.fault).toMatchObject({ code: "going-away" });
  });

  test("is silent later loses the sender in time", async () => {
    await using play = new Play();
    const [sender] = await play.open();
    play.now = SILENT_MS;
    play.forwards.tick();
    expect(sender.fault?.message).toContain("silent");
  });
});

test("a sender says no more than a little before it is welcome there", async () => {
  await using play = new Play(() => undefined);
  const sender = play.sender();
  const end = encodeControl({ t: "end", share: share.offer.share });
  for (let sent = 0; sent <= EARLY_MOST_BYTES; sent += end.length) sender.line.say(end);
  expect(sender.fault?.code).toBe("too-fast");
});

test("a worker carries as many senders as it may, and one more when one ends", async () => {
  await using play = new Play();
  const senders = Array.from({ length: FORWARDS_MOST }, () => play.sender());
  const over = play.sender();
  expect(await over.failed()).toMatchObject({ code: "going-away" });
  over.line.say(encodeControl(OFFER));
  over.line.close();
  await play.keeper.line(FORWARDS_MOST - 1);
  senders[0]!.line.close();
  expect(play.forwards.size).toBe(FORWARDS_MOST - 1);
  play.sender();
  expect(play.forwards.size).toBe(FORWARDS_MOST);
  play.forwards.end();
  expect(play.forwards.size).toBe(0);
});

test("a worker that drains, and one of no cluster, carry no sender", async () => {
  await using play = new Play();
  play.forwards.drain();
  expect(await play.sender().failed()).toMatchObject({ code: "going-away" });
  await using alone = new Play(undefined, false);
  expect(await alone.sender().failed()).toMatchObject({ code: "going-away" });
  expect([...play.keeper.lines, ...alone.keeper.lines]).toEqual([]);
});
