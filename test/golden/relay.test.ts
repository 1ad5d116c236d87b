/** The relay of today with clients of every version that was recorded, over real sockets. */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keysOfMaster, signerOf } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { DEFAULT_POLICY, startRelay } from "../../relay/mod.ts";
import { bytesOf, conversations, type Conversation } from "./conversation.ts";
import { masterOf } from "./known-vectors.ts";
import { ReplayedLine } from "./replayed-line.ts";
import { STORE_LIMITS } from "./stage-store.ts";

/** Says what the clients said, each time when they have been told what they were told before. */
async function replay(conversation: Conversation, url: string): Promise<ReplayedLine[]> {
  const all: ReplayedLine[] = [];
  const current = new Map<string, ReplayedLine>();
  const keys = keysOfMaster(masterOf(conversation.code), nodePrimitives);
  const signer = signerOf(keys, nodePrimitives);
  let wake = (): void => undefined;
  const allTold = async (): Promise<void> => {
    while (!all.every(({ told, due }) => told.covers(due))) {
      // Nothing more comes on a line that is over.
      for (const line of all) if (line.isOver) line.check();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  for (const step of conversation.steps) {
    const { client } = step;
    if (step.is === "does") continue;
    if (step.is === "opened") {
      await allTold();
      const line = new ReplayedLine(url, signer, () => wake());
      all.push(line);
      current.set(client, line);
      await line.opened;
      continue;
    }
    const line = current.get(client);
    if (line === undefined) throw new Error(`${client} has no line`);
    if (step.is === "hears") {
      line.due.add(bytesOf(step));
      continue;
    }
    await allTold();
    if (step.is === "says") line.say(bytesOf(step));
    else if (step.by === "relay") expect(await line.closed).toBe(step.code);
    else if (step.by === "client") await line.close();
    else await line.cut();
  }
  await allTold();
  return all;
}

test.each(conversations())("tells clients what it told them: %s", async (_name, conversation) => {
  const troubles: string[] = [];
  const onTrouble = (trouble: string): void => void troubles.push(trouble);
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "fileshare-golden-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const policy = { ...DEFAULT_POLICY, limits: STORE_LIMITS };
  const store = { kind: "disk", folder } as const;
  const isStored = Object.values(conversation.parts).some((part) => "store" in part);
  const relay = stack.use(await startRelay({ onTrouble, policy, ...(isStored && { store }) }));
  const lines = await replay(conversation, `${relay.url}/ws`);
  for (const line of lines) line.check();
  for (const line of lines) await line.cut();
  expect(troubles).toEqual([]);
});
