/** The scenes to record: one conversation of each kind that the protocol has. */
import { shareIdFromProof, type Keys, type Message, type MessageOf } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { GoldenShare } from "./clients.ts";
import type { Conversation, SenderPart } from "./conversation.ts";
import { GoldenStage, seeded } from "./stage.ts";

const proof = (byte: string): string => byte.repeat(32);
const id = (byte: string): string => byte.repeat(16);
const SECOND = 1000;

const oneFile = { recordSize: 600, files: [{ path: "letter.bin", size: 1500, mode: 0o100 }] };

function file(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.receiver("bob", { id: id("b2") });
  stage.sender("sender", { proof: proof("01"), receivers: 2, ...oneFile });
  stage.raw("onlooker").hello("onlooker", "receiver");
  stage.act("alice", "start").run(SECOND);
  stage.act("sender", "start").run(SECOND);
  stage.act("bob", "start").run(2 * SECOND);
  return "one file: alice waits for it, bob comes when she has it, and both have all";
}

function tree(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1"), declines: true });
  stage.receiver("bob", { id: id("b2") });
  stage.sender("sender", {
    proof: proof("02"),
    receivers: 1,
    recordSize: 300,
    files: [
      { path: "tree/a.txt", size: 700 },
      { path: "tree/deep/er/b é.txt", size: 1, mode: 0o100 },
      { path: "tree/deep/empty.txt", size: 0 },
      { path: "tree/nothing", type: "folder", size: 0 },
      { path: "z.bin", size: 33 },
    ],
  });
  stage.act("sender", "start").run(SECOND);
  stage.act("alice", "start").run(SECOND);
  stage.act("bob", "start").run(2 * SECOND);
  return "files and folders, whose list takes two records: alice declines, bob takes them";
}

function text(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.sender("sender", {
    proof: proof("03"),
    receivers: 1,
    recordSize: 400,
    files: [{ path: "text.txt", size: 20 }],
    kind: "text",
  });
  stage
    .act("sender", "start")
    .act("alice", "start")
    .run(2 * SECOND);
  return "a text, which is one record with its manifest";
}

const stream = {
  recordSize: 320,
  files: [{ path: "stdin", size: 0 }],
  pieces: [303, 1, 40, 303, 200, 303, 17],
};

function openStream(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.receiver("bob", { id: id("b2") });
  stage.sender("sender", { proof: proof("04"), receivers: 2, ...stream });
  stage.act("alice", "start").act("bob", "start");
  stage.act("sender", "budget 1").act("sender", "start").run(SECOND);
  for (let budget = 0; budget < 3; budget++) stage.act("sender", "budget 2").run(SECOND);
  stage.act("sender", "budget 9").run(2 * SECOND);
  return "a stream that is produced two records at a time, to two who wait for it";
}

function brokenStream(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.sender("sender", { proof: proof("05"), receivers: 1, ...stream });
  stage.act("alice", "start");
  stage.act("sender", "budget 4").act("sender", "start").run(SECOND);
  stage.cut("alice").run(SECOND);
  stage.act("sender", "budget 1").run(SECOND);
  stage.cut("sender").run(SECOND);
  stage.act("sender", "budget 9").run(2 * SECOND);
  return "a stream: the receiver's line breaks, then the sender's, and it goes on after each";
}

function admissions(stage: GoldenStage): string {
  for (const [name, byte] of [
    ["alice", "a1"],
    ["bob", "b2"],
    ["carol", "c3"],
  ] as const) {
    stage.receiver(name, { id: id(byte) });
  }
  stage.sender("sender", {
    proof: proof("06"),
    receivers: 1,
    admits: ["alice", "carol"],
    dropSlowMs: SECOND,
    ...oneFile,
  });
  stage.act("sender", "start").run(SECOND);
  stage.act("bob", "start").run(SECOND);
  stage
    .act("carol", "start")
    .act("carol", "stall")
    .act("alice", "start")
    .run(4 * SECOND);
  stage.act("sender", "interrupt").run(SECOND);
  return "a sender that lets alice and carol in and not bob, and drops nobody who has not agreed";
}

function tooSlow(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.receiver("bob", { id: id("b2") });
  stage.sender("sender", {
    proof: proof("07"),
    receivers: 2,
    dropSlowMs: SECOND,
    recordSize: 100,
    files: [{ path: "a", size: 1900 }],
  });
  stage.act("sender", "budget 3").act("sender", "start").run(SECOND);
  stage.act("alice", "start").act("bob", "start").run(SECOND);
  stage
    .act("bob", "stall")
    .act("sender", "budget 99")
    .run(4 * SECOND);
  stage.act("sender", "interrupt").run(SECOND);
  return "bob takes nothing more in the middle, and is dropped as too slow";
}

function resume(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.sender("sender", {
    proof: proof("08"),
    receivers: 1,
    recordSize: 300,
    files: [{ path: "a.bin", size: 3000 }],
  });
  stage.act("alice", "start");
  stage.act("sender", "budget 4").act("sender", "start").run(SECOND);
  stage.cut("alice").run(SECOND);
  stage.act("sender", "budget 2").run(SECOND);
  stage.cut("sender").run(SECOND);
  stage.act("sender", "budget 99").run(3 * SECOND);
  return "a file: the receiver's line breaks, then the sender's, and it goes on after each";
}

function cancel(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.sender("sender", { proof: proof("09"), receivers: 1, ...oneFile });
  stage.act("alice", "start");
  stage.act("sender", "budget 2").act("sender", "start").run(SECOND);
  stage.act("sender", "fail source-changed").run(SECOND);
  return "the file changes while it is sent";
}

function stops(stage: GoldenStage): string {
  stage.receiver("alice", { id: id("a1") });
  stage.receiver("bob", { id: id("b2") });
  stage.sender("sender", { proof: proof("0a"), receivers: 2, ...oneFile });
  stage.act("alice", "start").act("bob", "start");
  stage.act("sender", "budget 2").act("sender", "start").run(SECOND);
  stage.act("alice", "interrupt").run(SECOND);
  stage.act("sender", "interrupt").run(SECOND);
  return "alice is interrupted and leaves, then the sender is";
}

/** Its sender is gone when alice comes back, so the store alone has the rest. */
function stored(stage: GoldenStage, keys: Keys): string {
  const part = {
    proof: proof("0c"),
    receivers: 1,
    ...oneFile,
    store: { life: 24 * 60 * 60, downloads: 3 },
  };
  const share = new GoldenShare(
    { role: "sender", ...part },
    { keys, primitives: seeded("stored") },
  );
  for (const [name, byte] of [
    ["alice", "a1"],
    ["bob", "b2"],
    ["carol", "c3"],
  ] as const) {
    stage.receiver(name, { id: id(byte) });
  }
  stage.sender("sender", part);
  const about = { share: share.id, proof: share.proof };
  stage.act("alice", "start");
  stage
    .act("sender", "budget 2")
    .act("sender", "start")
    .run(2 * SECOND);
  stage.cut("alice").act("sender", "budget 9");
  stage.run(2 * SECOND);
  stage.act("bob", "start").run(2 * SECOND);
  stage.raw("owner").hello("owner", "sender");
  stage.say("owner", { t: "inspect", ...about }).run(SECOND);
  stage.say("owner", { t: "revoke", ...about }).run(SECOND);
  stage.say("owner", { t: "inspect", ...about }).run(SECOND);
  stage.act("carol", "start").run(SECOND);
  return "a stored file: its sender leaves, alice goes on, bob comes late, and carol after its end";
}

/** Messages that clients of today don't say in this order. */
function faults(stage: GoldenStage, keys: Keys): string {
  const part: SenderPart = { role: "sender", proof: proof("0b"), receivers: 1, ...oneFile };
  const share = new GoldenShare(part, { keys, primitives: seeded("faults") });
  const { recordSize, records, bytes } = share.manifest;
  const offer: MessageOf<"offer"> = {
    t: "offer",
    share: share.id,
    recordSize,
    records,
    bytes,
    seekable: true,
    proof: share.proof,
  };
  const receiver = new Uint8Array(16).fill(0xd4);
  const join = (of: Uint8Array): Message => ({
    t: "join",
    share: of,
    receiver,
    name: new Uint8Array(0),
    from: 0,
    window: 1,
  });

  stage.raw("other version").hello("other version", "sender", { v: 9 });
  stage.raw("no code").hello("no code", "receiver", { signature: new Uint8Array(64) });
  stage.raw("no hello").say("no hello", { t: "ack", share: share.id, next: 0, window: 1 });
  stage.raw("no message").say("no message", Uint8Array.of(0x81, 0xa1, 0x74, 0x07));
  stage.raw("wrong role").hello("wrong role", "receiver");
  stage.say("wrong role", share.frame(0) ?? new Uint8Array());

  stage.raw("thief").hello("thief", "sender");
  stage.say("thief", { ...offer, proof: new Uint8Array(32) });

  stage.raw("owner").hello("owner", "sender").say("owner", offer);
  stage
    .raw("changed")
    .hello("changed", "sender")
    .say("changed", { ...offer, records: 9 });
  stage.raw("twice").hello("twice", "receiver").say("twice", join(share.id)).run(SECOND);
  stage.raw("again").hello("again", "receiver").say("again", join(share.id)).run(SECOND);
  const never = shareIdFromProof(new Uint8Array(32).fill(0xee), nodePrimitives);
  stage.raw("lost").hello("lost", "receiver").say("lost", join(never)).run(SECOND);
  stage.raw("heir").hello("heir", "sender").say("heir", offer).run(SECOND);
  stage.say("heir", offer).run(SECOND);
  return "each fault that a relay tells who breaks the protocol, and who is replaced";
}

const SCENES: Readonly<Record<string, (stage: GoldenStage, keys: Keys) => string>> = {
  file,
  tree,
  text,
  stream: openStream,
  "broken-stream": brokenStream,
  admissions,
  "too-slow": tooSlow,
  resume,
  cancel,
  stops,
  faults,
  stored,
};
/** Names of those whose relay has a store. */
const WITH_STORE: ReadonlySet<string> = new Set(["stored"]);

/** All conversations, played by the code of today. */
export function play(keys: Keys): [name: string, Conversation][] {
  return Object.entries(SCENES).map(([name, scene]) => {
    const stage = new GoldenStage(keys, { hasStore: WITH_STORE.has(name) });
    return [name, stage.conversation(scene(stage, keys))];
  });
}
