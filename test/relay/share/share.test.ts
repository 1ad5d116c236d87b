import { expect, test } from "bun:test";
import {
  encodeControl,
  encodeFrame,
  shareIdFromProof,
  toHex,
  type Message,
  type Offer,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { Hub } from "../../../relay/share/hub.ts";
import type { FromDirectory, ShareRecord, ToDirectory } from "../../../relay/share/messages.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import { channelId, helloTo } from "../../support/relay/channel.ts";
import { Recorder } from "../../support/relay/recorder.ts";

const channel = new Uint8Array(16);
const proof = new Uint8Array(32).fill(1);
const share = shareIdFromProof(proof, nodePrimitives);
const key = toHex(share);
const offer: Offer = { share, recordSize: 100, records: 20, bytes: 2000, seekable: true };
const receiver = new Uint8Array(16).fill(9);
const FRAME = 16 + offer.recordSize;
const SENDER = 1;
const RECEIVER = 2;

/** Worker 0 of two, with a directory that writes down what it is told and says nothing by itself. */
class Play {
  readonly outlet: Recorder;
  readonly hub: Hub;
  #told: ToDirectory[] = [];

  constructor() {
    const buffers = createPool(8, 2, FRAME);
    // The other worker has record 0 in its first block.
    const other = new BlockPool(buffers, 1);
    other.take();
    other.write(0, 0, encodeFrame(share, 0, false, new Uint8Array(offer.recordSize)));
    const pool = new BlockPool(buffers, 0);
    this.outlet = new Recorder(pool);
    this.hub = new Hub({
      worker: 0,
      pool,
      outlet: this.outlet,
      primitives: nodePrimitives,
      toDirectory: (message) => this.#told.push(message),
    });
  }

  told(): string[] {
    return this.#told.splice(0).map(describeToDirectory);
  }

  hear(socket: number, message: Message): string[] {
    this.hub.message(socket, encodeControl(message), 0);
    return this.outlet.take();
  }

  directory(message: FromDirectory): string[] {
    this.hub.directory(message, 0);
    return this.outlet.take();
  }

  connect(socket: number, role: "sender" | "receiver"): this {
    this.hub.opened(socket, 0);
    this.outlet.take();
    this.hear(socket, helloTo({ nonce: this.outlet.nonce }, role, channel));
    return this;
  }

  offer(socket = SENDER): this {
    this.connect(socket, "sender").hear(socket, { t: "offer", ...offer, proof });
    return this;
  }

  opened(epoch: number, owner: number | undefined, socket?: number): string[] {
    const record: ShareRecord = {
      key,
      channel: toHex(channelId(channel)),
      offer,
      capability: undefined,
      owner,
      epoch,
    };
    return this.directory({ t: "opened", record, socket });
  }

  /** The other worker says that it has record 0. */
  available(epoch: number): string[] {
    const place = { block: 0, generation: 0, offset: 0, length: FRAME };
    const message = { t: "available", index: 0, place } as const;
    return this.directory({ t: "peer", from: 1, to: 0, key, epoch, message });
  }

  join(socket = RECEIVER): string[] {
    const name = new Uint8Array(0);
    return this.hear(socket, { t: "join", share, receiver, name, from: 0, window: 16 });
  }
}

function describeToDirectory(message: ToDirectory): string {
  switch (message.t) {
    case "claim":
      return `claim for ${message.socket}`;
    case "peer":
      return `peer ${message.to}, epoch ${message.epoch}: ${message.message.t}`;
    case "close":
      return `close, epoch ${message.epoch}: ${message.fault ?? "done"}`;
    case "joined":
    case "accepted":
    case "orphan":
    case "quiet":
    case "presence":
      return `${message.t}, epoch ${message.epoch}`;
  }
}

test("a sender on this worker is accepted, and asked for what its receivers need", () => {
  const play = new Play().offer();
  expect(play.told()).toEqual(["claim for 1"]);
  expect(play.opened(1, 0, SENDER)).toEqual(["1 accepted"]);
  expect(play.connect(RECEIVER, "receiver").join()).toEqual(["1 want"]);
});

test("a receiver whose sender is on another worker is served from there", () => {
  const play = new Play();
  play.opened(1, 1);
  expect(play.connect(RECEIVER, "receiver").join()).toEqual([]);
  expect(play.told()).toEqual(["peer 1, epoch 1: report", "peer 1, epoch 1: need"]);
});

test("another worker's word about an earlier owner's records is not believed", () => {
  const play = new Play();
  play.opened(2, 1);
  play.connect(RECEIVER, "receiver").join();
  expect(play.available(1)).toEqual([]);
  expect(play.available(3)).toEqual([]);
  expect(play.outlet.got.get(RECEIVER)).toBeUndefined();
  expect(play.available(2)).toEqual(["2 frame 0"]);
});

test("a sender that is back on the same worker ends its old line and is asked again", () => {
  const play = new Play().offer();
  play.opened(1, 0, SENDER);
  play.connect(RECEIVER, "receiver").join();
  play.outlet.take();
  play.offer(5);
  expect(play.opened(2, 0, 5)).toEqual(["1 fault replaced", "5 accepted", "5 want", "2 presence"]);
  // The old line breaks at last: that is nobody's loss.
  play.told();
  play.hub.closed(SENDER, 0);
  expect(play.told()).toEqual([]);
});

test("a sender that went while its claim was on the way is waited for", () => {
  const play = new Play().offer();
  play.hub.closed(SENDER, 0);
  play.told();
  play.opened(1, 0, SENDER);
  expect(play.told()).toEqual(["orphan, epoch 1"]);
});

test.each([
  { t: "end", due: "done" },
  { t: "cancel", due: "sender-stopped" },
] as const)(
  "a sender that was through ($t) before its claim was answered is through",
  ({ t, due }) => {
    const play = new Play().offer();
    const last: Message = t === "end" ? { t, share } : { t, share, reason: "sender-stopped" };
    play.hear(SENDER, last);
    play.hub.closed(SENDER, 0);
    play.told();
    play.opened(1, 0, SENDER);
    expect(play.told()).toEqual([`close, epoch 1: ${due}`]);
  },
);

test("P2 a sender that was refused a share can't end it", () => {
  const play = new Play().offer();
  play.opened(1, 0, SENDER);
  play.offer(5);
  play.told();
  play.hear(5, { t: "end", share });
  const fault = "not-your-share";
  expect(play.directory({ t: "refused", socket: 5, key, fault })).toEqual([
    "5 fault not-your-share",
  ]);
  expect(play.told()).toEqual([]);
});

test("a share that is closed is over for everybody in its channel, and leaves nothing", () => {
  const play = new Play().offer();
  play.opened(1, 0, SENDER);
  play.connect(RECEIVER, "receiver").join();
  play.connect(3, "receiver");
  play.outlet.take();
  expect(play.directory({ t: "closed", key, fault: "sender-gone" })).toEqual([
    "2 cancel",
    "3 cancel",
  ]);
  expect([...play.hub.shares]).toEqual([]);
  expect(play.join()).toEqual(["2 cancel"]);
});
