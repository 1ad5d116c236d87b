/** A relay under fuzz: what has to be true of it all the time, and when everybody is gone. */
import { readdirSync } from "node:fs";
import {
  decodeControl,
  equalBytes,
  keysOfMaster,
  shareIdFromProof,
  toHex,
  type Keys,
  type OfferSeen,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { DEFAULT_POLICY } from "../../relay/access/policy.ts";
import { DEFAULT_LIMITS } from "../../relay/limits/operator-limits.ts";
import { startRelay, type Relay } from "../../relay/mod.ts";
import { adminOf, overviewWhen } from "../support/relay/admin-requests.ts";
import { masterOf } from "../golden/known-vectors.ts";
import { named } from "../golden/conversation.ts";
import { CODE } from "../golden/stage.ts";
import { RawClient, rawShare } from "../support/relay/raw-client.ts";
import { CONTROLS } from "./corpus.ts";
import { Broken } from "./target.ts";

/** The relay has forgotten clients that left after so long. ms */
const LEAVE_MS = 15_000;

/** Of our own requests, whose lines stay open for the next; far fewer than were fuzzed with. */
const OWN_DESCRIPTORS = 16;

/** All comes from one address. */
const limits = {
  ...DEFAULT_LIMITS,
  "attempts-per-minute": 1_000_000,
  "sockets-per-address": 10_000,
};

export class FuzzedRelay implements AsyncDisposable {
  readonly relay: Relay;
  readonly #troubles: string[];
  readonly #descriptors: number | undefined;

  private constructor(relay: Relay, troubles: string[]) {
    this.relay = relay;
    this.#troubles = troubles;
    this.#descriptors = descriptors();
  }

  static async start(): Promise<FuzzedRelay> {
    const troubles: string[] = [];
    const relay = await startRelay({
      workers: 2,
      policy: { ...DEFAULT_POLICY, limits },
      admin: { hostname: "127.0.0.1", port: 0 },
      onTrouble: (trouble) => void troubles.push(trouble),
    });
    return new FuzzedRelay(relay, troubles);
  }

  get url(): string {
    return `${this.relay.url}/ws`;
  }

  /** No worker was replaced. */
  check(): void {
    const trouble = this.#troubles.shift();
    if (trouble !== undefined) throw new Broken(`the relay has trouble: ${trouble}`);
  }

  /** It still answers, and still passes a share on. */
  async checkServes(): Promise<void> {
    this.check();
    const help = await fetch(this.relay.url.replace("ws", "http"));
    if (!(await help.text()).startsWith("fileshare relay")) throw new Broken("no help");
    const channel = nodePrimitives.randomBytes(16);
    const share = rawShare(3);
    const { share: id } = share.offer;
    await using sender = await RawClient.serving(this.url, channel, share);
    await using receiver = await RawClient.greeted(this.url, "receiver", channel);
    await receiver.when("offers", ({ list }) => list.length === 1);
    receiver.join(id, 0, 16);
    await receiver.frame(2);
    sender.send({ t: "end", share: id });
    await receiver.when("end");
    this.check();
  }

  /** Of the listener for operators. */
  get adminPort(): number {
    return Number(new URL(adminOf(this.relay).url).port);
  }

  /** Everybody is gone: every share can be ended by who has its proof, and then there is none. */
  async checkEmpty(): Promise<void> {
    await this.checkServes();
    for (const code of [CODE, "lobby"]) {
      const each = keysOfMaster(masterOf(code), nodePrimitives);
      await using receiver = await RawClient.greeted(this.url, "receiver", each);
      const { list } = await receiver.when("offers");
      for (const offer of list) await within(this.#end(each, offer, receiver));
    }
    await within(this.#nobody());
    this.check();
  }

  /** Waits for it: sockets close in their own time. Fails by the case's time. */
  async checkDescriptors(): Promise<void> {
    const before = this.#descriptors;
    if (before === undefined) return;
    const deadline = performance.now() + LEAVE_MS;
    for (let now = descriptors() ?? 0; now > before + OWN_DESCRIPTORS; now = descriptors() ?? 0) {
      if (performance.now() > deadline) throw new Broken(`${now - before} descriptors are left`);
      await Bun.sleep(50);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.relay.stop();
  }

  /** Until the relay itself counts no client, and no share whose sender is here. */
  async #nobody(): Promise<void> {
    await overviewWhen(adminOf(this.relay), ({ clients, shares, buffered }) => {
      const all = Object.values(clients).flatMap((roles) => Object.values(roles));
      return all.every((count) => count === 0) && shares.senderHere === 0 && buffered === 0;
    });
  }

  /** As its sender would; one that came by another entrance is ended by that. */
  async #end(channel: Keys, seen: OfferSeen, receiver: RawClient): Promise<void> {
    const { senderHere: _, ...offer } = seen;
    const proof = PROOFS.get(toHex(offer.share));
    if (proof !== undefined) {
      await using sender = await RawClient.greeted(this.url, "sender", channel);
      sender.send({ t: "offer", ...offer, proof });
      await sender.when("accepted");
      sender.send({ t: "end", share: offer.share });
      await receiver.when("end", ({ share }) => equalBytes(share, offer.share));
      return;
    }
    const isIt = ({ share }: { share: Uint8Array }): boolean => equalBytes(share, offer.share);
    await Promise.race([receiver.when("end", isIt), receiver.when("cancel", isIt)]);
  }
}

/** Of all shares that play a part. */
const PROOFS = new Map(
  CONTROLS.filter((bytes) => named(bytes) === "offer").flatMap((bytes) => {
    const message = decodeControl(bytes, "anyone");
    if (message.t !== "offer") return [];
    return [[toHex(shareIdFromProof(message.proof, nodePrimitives)), message.proof] as const];
  }),
);

async function within(work: Promise<void>): Promise<void> {
  const late = Bun.sleep(LEAVE_MS).then(() => {
    throw new Broken("a share or a client is left");
  });
  await Promise.race([work, late]);
}

function descriptors(): number | undefined {
  return process.platform === "linux" ? readdirSync("/proc/self/fd").length : undefined;
}
