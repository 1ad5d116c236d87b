import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import type { Message } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret, type NamedLine } from "../../../relay/cluster/proof.ts";
import { CLUSTER_VERSION, type OwnMessageOf } from "../../../relay/cluster/wire.ts";
import { faultOf } from "../../support/faults.ts";

const bytes = (length: number, of: number): Uint8Array => new Uint8Array(length).fill(of);

const secret = bytes(32, 1);
const ours = new ClusterSecret(secret, nodePrimitives);
const owner = { nonce: bytes(32, 2) };
const named = { relay: bytes(8, 3), channel: bytes(16, 4) };
const share = bytes(16, 5);
const through = { owner: bytes(8, 8), level: 3 };
const nonce = bytes(32, 6);

function hello(
  of = ours,
  more: Pick<NamedLine, "share" | "through"> = {},
): OwnMessageOf<"edge-hello"> {
  const mac = of.edgeProof(owner.nonce, { ...named, ...more });
  return { t: "edge-hello", v: CLUSTER_VERSION, ...named, ...more, nonce, mac };
}

/** As the head of `proof.ts` says, by another library. */
function hmac(...parts: (Uint8Array | string)[]): Uint8Array {
  const mac = createHmac("sha256", secret);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

test("the proofs are HMACs over the nonce of the other side and what the line is about", () => {
  const { relay, channel } = named;
  const of = [relay, channel];
  const edge = (more: Partial<NamedLine>) => ours.edgeProof(nonce, { ...named, ...more });
  const due = (...line: (Uint8Array | string)[]) =>
    hmac("fileshare cluster edge", nonce, ...of, ...line);
  expect(edge({})).toEqual(due("\0"));
  expect(ours.ownerProof(nonce, named)).toEqual(
    hmac("fileshare cluster owner", nonce, ...of, "\0"),
  );
  expect(edge({ share })).toEqual(due("\u0001", share));
  expect(edge({ through })).toEqual(due("\u0003", through.owner, "\u0003\0"));
  expect(edge({ through, share })).toEqual(due("\u0003", through.owner, "\u0003\u0001", share));
  expect(edge({ forward: { mayStore: false } })).toEqual(due("\u0002\0"));
  const forward = { mayStore: true, address: "192.0.2.1" };
  expect(edge({ forward })).toEqual(due("\u0002\u0001192.0.2.1"));
});

test("an id is blinded to the first half of an HMAC, in hex", () => {
  const id = "00112233445566778899aabbccddeeff";
  const whole = hmac(`fileshare cluster blind ${id}`).toHex();
  expect(ours.blinded(id)).toBe(whole.slice(0, 32));
  const others = new ClusterSecret(bytes(32, 9), nodePrimitives);
  expect(others.blinded(id)).not.toBe(ours.blinded(id));
});

test("the proof of a share is hidden by an HMAC of the share and the type of the message", () => {
  const proof = bytes(32, 7);
  const hidden = (t: "inspect" | "revoke"): Uint8Array => {
    const mask = hmac(`fileshare cluster proof ${t} ${share.toHex()}`);
    return mask.map((byte) => byte ^ 7);
  };
  for (const t of ["inspect", "revoke"] as const) {
    const message = { t, share, proof };
    expect(ours.hidden(message)).toEqual({ ...message, proof: hidden(t) });
    expect(ours.hidden(ours.hidden(message))).toEqual(message);
  }
  expect(hidden("inspect")).not.toEqual(hidden("revoke"));
  const end: Message = { t: "end", share };
  expect(ours.hidden(end)).toBe(end);
});

test("the proof of an edge holds for its line", () => {
  ours.checkEdge(hello(), owner.nonce);
  ours.checkEdge(hello(ours, { share }), owner.nonce);
  ours.checkEdge(hello(ours, { through }), owner.nonce);
  ours.checkEdge(hello(ours, { share, through }), owner.nonce);
});

describe("the proof of an edge does not hold", () => {
  const right = hello(ours, { share });
  const chained = hello(ours, { share, through });
  const others = new ClusterSecret(bytes(32, 9), nodePrimitives);
  test.each<[string, OwnMessageOf<"edge-hello">, Uint8Array]>([
    ["for another secret", hello(others, { share }), owner.nonce],
    ["for another nonce", right, bytes(32, 7)],
    ["for another relay", { ...right, relay: bytes(8, 7) }, owner.nonce],
    ["for another channel", { ...right, channel: bytes(16, 7) }, owner.nonce],
    ["for another share", { ...right, share: bytes(16, 7) }, owner.nonce],
    ["for a control line", { ...right, share: undefined }, owner.nonce],
    ["for a stream", { ...hello(), share }, owner.nonce],
    ["for another owner", { ...chained, through: { ...through, owner: bytes(8, 9) } }, owner.nonce],
    ["for another level", { ...chained, through: { ...through, level: 2 } }, owner.nonce],
    ["for its own shares", { ...chained, through: undefined }, owner.nonce],
    ["for shares of others", { ...right, through }, owner.nonce],
    ["if it is an owner's", { ...right, mac: ours.ownerProof(owner.nonce, right) }, owner.nonce],
    ["if a bit of it is another", { ...right, mac: flipped(right.mac) }, owner.nonce],
  ])("%s", (_, said, of) => {
    faultOf(() => ours.checkEdge(said, of), "not-proved");
  });
});

test("the proof of an owner holds for the nonce and the line of that edge alone", () => {
  const said = hello(ours, { share });
  const mac = ours.ownerProof(said.nonce, said);
  ours.checkOwner(mac, said);
  for (const wrong of [
    { ...said, nonce: bytes(32, 7) },
    { ...said, relay: bytes(8, 7) },
    { ...said, channel: bytes(16, 7) },
    { ...said, share: undefined },
    { ...said, through },
  ]) {
    faultOf(() => ours.checkOwner(mac, wrong), "not-proved");
  }
  faultOf(() => ours.checkOwner(ours.edgeProof(said.nonce, said), said), "not-proved");
  faultOf(() => ours.checkOwner(flipped(mac), said), "not-proved");
  faultOf(() => ours.checkOwner(mac.slice(1), said), "not-proved");
});

function flipped(mac: Uint8Array): Uint8Array {
  return mac.map((byte, at) => (at === 31 ? byte ^ 1 : byte));
}
