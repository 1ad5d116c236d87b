/** The clients of today with relays of every version that was recorded. */
import { describe, expect, test } from "bun:test";
import { concat, keysOfMaster } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { contentOf, GoldenReceiver, GoldenSender, type LineHooks } from "./clients.ts";
import { bytesOf, conversations, hexOf, type Conversation, type Step } from "./conversation.ts";
import { FIRST_CLIENT_TICK, seeded, CLIENT_TICK } from "./stage.ts";
import { masterOf } from "./known-vectors.ts";

type Played = GoldenSender | GoldenReceiver;

/** The steps of a client that it takes by itself, in order. */
function ownSteps(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => {
    if (step.is === "opened") return ["connects"];
    if (step.is === "says") return [`${step.what} ${step.hex}`];
    return step.is === "closed" && step.by === "client" ? ["closes"] : [];
  });
}

/** Plays what a client heard to the sessions of today. @returns it, and what it did */
function replay(conversation: Conversation, name: string): { client: Played; did: string[] } {
  const part = conversation.parts[name]!;
  const keys = keysOfMaster(masterOf(conversation.code), nodePrimitives);
  const did: string[] = [];
  const steps = conversation.steps.filter(({ client }) => client === name);
  const whats = new Map(
    steps.flatMap((step) => (step.is === "says" ? [[step.hex, step.what]] : [])),
  );
  const hooks: LineHooks = {
    connect: () => void did.push("connects"),
    say: (bytes) => void did.push(`${whats.get(hexOf(bytes)) ?? "something else"} ${hexOf(bytes)}`),
    close: () => void did.push("closes"),
  };
  const setting = { keys, primitives: seeded(name), hooks };
  if (part.role === "raw") throw new Error(`${name} was made by hand`);
  const client =
    part.role === "sender" ? new GoldenSender(part, setting) : new GoldenReceiver(part, setting);
  let tickAt = FIRST_CLIENT_TICK;
  let hasStarted = false;
  for (const step of steps) {
    const { at } = step;
    for (; tickAt <= at; tickAt += CLIENT_TICK) if (hasStarted) client.tick(tickAt);
    if (step.is === "opened") client.opened(at);
    else if (step.is === "hears") client.received(bytesOf(step), at);
    else if (step.is === "closed" && step.by !== "client") client.lost(at);
    else if (step.is !== "does") continue;
    else if (step.what !== "start") client.act(step.what, at);
    else {
      client.start(at);
      hasStarted = true;
    }
  }
  return { client, did };
}

describe.each(conversations())("%s", (_name, conversation) => {
  const names = Object.keys(conversation.parts);
  const played = names.filter((name) => conversation.parts[name]!.role !== "raw");

  test.each(played)("%s answers as it did", (name) => {
    const { client, did } = replay(conversation, name);
    const steps = conversation.steps.filter((step) => step.client === name);
    expect(did).toEqual(ownSteps(steps));
    expect(client.finished).toBe(steps.at(-1)?.is === "closed");
    if (!(client instanceof GoldenReceiver) || !client.saved) return;
    const part = Object.values(conversation.parts).find(({ role }) => role === "sender");
    if (part?.role !== "sender") throw new Error("no sender");
    const paths: string[] | undefined = client.manifest?.files.map(({ path }) => path);
    expect(paths).toEqual(part.files.map(({ path }) => path));
    const { pieces } = part;
    const size = pieces?.reduce((sum, length) => sum + length, 0) ?? 0;
    const content =
      pieces === undefined
        ? concat(...contentOf(part.files))
        : Uint8Array.from({ length: size }, (_, i) => i % 251);
    expect(client.content).toEqual(content);
  });
});

test("all kinds of ends were recorded", () => {
  const ends = conversations().flatMap(([, conversation]) =>
    Object.entries(conversation.parts).flatMap(([name, { role }]) =>
      role === "raw" ? [] : [`${role}: ${replay(conversation, name).client.fault ?? "done"}`],
    ),
  );
  expect([...new Set(ends)].toSorted()).toEqual([
    "receiver: declined",
    "receiver: done",
    "receiver: interrupted",
    "receiver: not-admitted",
    "receiver: revoked",
    "receiver: sender-stopped",
    "receiver: source-changed",
    "receiver: too-slow",
    "sender: done",
    "sender: interrupted",
    "sender: source-changed",
  ]);
});
