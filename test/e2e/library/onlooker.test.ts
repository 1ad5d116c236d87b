import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import * as v from "valibot";

import { clientEvent, type ClientEvent } from "../../../cli/job/event-schema.ts";
import type { Job } from "../../../cli/job/jobs.ts";
import { receive as receiveFile, send as sendFile } from "../../../cli/mod.ts";
import { ALONE_MS, Onlooker } from "../../../cli/library/onlooker.ts";
import { TIMEOUT_MAX_MS, parseTimeout } from "../../../cli/arguments/values.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { newCode, receive, receiveJob, send, sendJob } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { receiver } from "../../support/clients/stories.ts";

const MiB = 1024 * 1024;
const url = "ws://relay/ws";
const where = { relay: url, code: newCode() };
const SEND = sendJob({ ...where, path: "a" });
const RECEIVE = receiveJob({ ...where, out: "." });
const ONLINE: ClientEvent = { event: "relay", url, online: true };
const OFFLINE: ClientEvent = { event: "relay", url, online: false };

/** Events that an onlooker adds to those that it sees. The time passes after each event. */
function alone(job: Job, events: readonly ClientEvent[]): string[] {
  const said: string[] = [];
  let now = 0;
  const onlooker = new Onlooker(
    job,
    (event) => void (event.event === "alone" && said.push(event.why)),
    () => now,
  );
  for (const event of events) {
    onlooker.see(event);
    onlooker.look();
    now += ALONE_MS - 1;
    onlooker.look();
    now += 1;
    onlooker.look();
    onlooker.look();
  }
  return said;
}

describe("after 20 s alone", () => {
  test("a receiver is told once that nothing is offered, until something is", () => {
    expect(alone(RECEIVE, [ONLINE, { event: "waiting" }, { event: "waiting" }])).toEqual([
      "no-offer",
    ]);
    expect(alone(RECEIVE, [ONLINE, { event: "unadmitted" }, ONLINE])).toEqual(["no-offer"]);
  });

  test("a receiver that waits to be let in, and one in the lobby, is told nothing", () => {
    const at0 = { event: "unadmitted" } as const;
    expect(alone(RECEIVE, [at0, ONLINE])).toEqual(["no-relay"]);
    expect(alone({ ...RECEIVE, lobby: true }, [ONLINE, { event: "waiting" }])).toEqual([]);
  });

  test("a sender is told that no receiver came, until one comes", () => {
    expect(alone(SEND, [ONLINE, ONLINE, receiver("a", "live", 1), ONLINE])).toEqual([
      "no-receiver",
    ]);
  });

  test("both are told of a relay that is away, each time that it is", () => {
    const events = [OFFLINE, ONLINE, receiver("a", "live", 1), OFFLINE, OFFLINE, ONLINE, OFFLINE];
    expect(alone(SEND, events)).toEqual(["no-relay", "no-receiver", "no-relay", "no-relay"]);
  });
});

test("a sender tells what it waits for, whenever that changes", () => {
  const said: unknown[] = [];
  const onlooker = new Onlooker({ ...SEND, receivers: 2 }, (event) => {
    if (event.event === "awaits") said.push(event);
  });
  const done = { ...receiver("b", "done", 9), done: true } as ClientEvent;
  const events = [
    OFFLINE,
    ONLINE,
    receiver("a", "waiting", 0),
    receiver("b", "live", 1),
    receiver("b", "live", 5),
    receiver("a", "lost", 0),
    done,
    receiver("a", "left", 0),
  ];
  for (const event of events) onlooker.see(event);
  const told = (
    complete: number,
    receiving: number,
    unanswered: number,
    lost: number,
    missing: number,
  ) => {
    return { event: "awaits", complete, receiving, unanswered, lost, missing, wanted: 2 };
  };
  expect(said).toEqual([
    told(0, 0, 0, 0, 2),
    told(0, 0, 1, 0, 1),
    told(0, 1, 1, 0, 0),
    told(0, 1, 0, 1, 0),
    told(1, 0, 0, 1, 0),
    told(1, 0, 0, 0, 1),
  ]);
});

test("no receiver counts as receiving before the gate opens", () => {
  const said: ClientEvent[] = [];
  const onlooker = new Onlooker({ ...SEND, receivers: 2 }, (event) => void said.push(event));
  const gate = (open: boolean): ClientEvent => ({ event: "gate", agreed: 1, wanted: 2, open });
  const awaited = (): unknown => said.findLast(({ event }) => event === "awaits");
  for (const event of [ONLINE, gate(false), receiver("a", "live", 1)]) onlooker.see(event);
  expect(awaited()).toMatchObject({ receiving: 0, missing: 1 });
  for (const event of [gate(true), receiver("a", "live", 2)]) onlooker.see(event);
  expect(awaited()).toMatchObject({ receiving: 1, missing: 1 });
});

test("a receiver that has the list of files alone has nothing in a summary", () => {
  const said: ClientEvent[] = [];
  const onlooker = new Onlooker(SEND, (event) => void said.push(event));
  const gate: ClientEvent = { event: "gate", agreed: 1, wanted: 2, open: false };
  const stop: ClientEvent = { event: "error", code: "interrupted", message: "Interrupted." };
  for (const event of [ONLINE, gate, receiver("a", "live", 1), stop]) onlooker.see(event);
  expect(said.at(-2)).toMatchObject({ event: "summary", complete: 0, partial: 0, nothing: 1 });
});

describe("a deadline", () => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await startRelay();
  });
  afterAll(() => relay.stop());

  // Longer ones on a machine where too little came in the first.
  test("ends a sender with a summary of who has what, and a receiver keeps its part", async () => {
    for (const times of [1, 4, 16]) if (await hasEnded(4000 * times)) return;
    throw new Error("nothing came in time");
  });

  async function hasEnded(timeoutMs: number): Promise<boolean> {
    using folder = temporaryFolder();
    using out = temporaryFolder();
    using slow = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 8 * MiB);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    await using sender = send({ ...at, path, receivers: 2, timeoutMs: 2 * timeoutMs });
    await using fast = receive({ ...at, out: out.path, name: "fast" });
    await using late = receive({
      ...at,
      out: slow.path,
      name: "late",
      limit: (4000 * MiB) / timeoutMs,
      timeoutMs,
    });
    expect(await late.outcome).toEqual({ fault: "deadline-over", exitCode: 6 });
    const { exitCode } = await fast.outcome;
    if (exitCode !== 0 || late.all("kept").length === 0) return false;
    expect(readdirSync(slow.path)).toHaveLength(1);
    const { bytes } = await late.when("kept");
    expect(bytes).toBeGreaterThan(0);
    expect(await sender.outcome).toEqual({ fault: "deadline-over", exitCode: 6 });
    const summary = await sender.when("summary");
    expect(v.parse(clientEvent, summary)).toEqual(summary);
    expect(summary).toMatchObject({ complete: 1, partial: 1, nothing: 0, more: 0 });
    expect(summary.receivers).toMatchObject([
      { name: "late", state: "left", done: false },
      { name: "fast", done: true, percent: 100 },
    ]);
    expect(sender.seen.at(-1)).toMatchObject({ event: "error", code: "deadline-over" });
    return true;
  }

  test("ends what has not begun: a receiver alone, a code without a sender", async () => {
    using out = temporaryFolder();
    const at = { relay: relay.url, code: newCode(), timeoutMs: 50 };
    expect(await receiveFile({ ...at, out: out.path }).outcome).toMatchObject({ exitCode: 6 });
    const { path } = makeFile(out.path, "a.bin", 1);
    expect(await sendFile({ ...at, what: [path] }).outcome).toMatchObject({ exitCode: 6 });
  });

  test.each(["0", "-1", "", "1e9", "soon", `${TIMEOUT_MAX_MS}`])(
    "--timeout %s is refused",
    (text) => {
      expect(() => parseTimeout(text)).toThrow("--timeout takes seconds, more than 0");
    },
  );

  test.each([0, -1, NaN, TIMEOUT_MAX_MS + 1])("of %d ms is refused", (timeoutMs) => {
    expect(() => receiveFile({ code: newCode(), timeoutMs })).toThrow("timeoutMs has to be");
  });

  test("of a sender that stays and has served all is no fault", async () => {
    using folder = temporaryFolder();
    using out = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 1);
    for (const timeoutMs of [4000, 20_000, 100_000]) {
      const at = { relay: `${relay.url}/ws`, code: newCode() };
      await using receiver = receive({ ...at, out: out.path });
      await receiver.when("waiting");
      await using sender = send({ ...at, path, stay: true, timeoutMs });
      const ended = await sender.outcome;
      // A slow machine had no time to serve it.
      if (ended.fault !== undefined && receiver.all("saved").length === 0) continue;
      expect(ended).toEqual({ fault: undefined, exitCode: 0 });
      expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
      return;
    }
    throw new Error("the receiver was never served");
  });
});
