/** The clients' sessions at a relay that says broken things: what it once said, mutated. */
import {
  concat,
  CONTROL_BYTES,
  decodeControl,
  decodeFrame,
  isFrame,
  keysOfMaster,
  SENT_BY,
  type Keys,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { contentOf, GoldenReceiver, GoldenSender } from "../golden/clients.ts";
import { bytesOf, type Conversation, type Part, type SenderPart } from "../golden/conversation.ts";
import { masterOf } from "../golden/known-vectors.ts";
import { seeded } from "../golden/stage.ts";
import type { Random } from "../simulation/random.ts";
import { broken, CONTROLS, CONVERSATIONS, FRAMES } from "./corpus.ts";
import { Broken, checkCode, type TargetKind } from "./target.ts";

type Role = "sender" | "receiver";

interface Scene {
  readonly conversation: Conversation;
  readonly name: string;
  readonly part: Exclude<Part, { role: "raw" }>;
  readonly keys: Keys;
  readonly sender: SenderPart;
  readonly heard: readonly Uint8Array[];
}

const SCENES: readonly Scene[] = CONVERSATIONS.flatMap(([, conversation]) => {
  const { parts, steps, code } = conversation;
  const sender = Object.values(parts).find((part) => part.role === "sender");
  if (sender === undefined) return [];
  const keys = keysOfMaster(masterOf(code), nodePrimitives);
  return Object.entries(parts).flatMap(([name, part]) => {
    if (part.role === "raw") return [];
    const heard = steps.flatMap((step) =>
      step.client === name && step.is === "hears" ? [bytesOf(step)] : [],
    );
    return [{ conversation, name, part, keys, sender, heard }];
  });
});

/** A client may say so much at one word of its relay. */
const SAID_AT_ONCE = 5000;
const TICKS_BETWEEN = [0, 0, 0, 25, 50, 250, 1000, 6000, 20_000];

/** One line of a client: it is opened when the client connects, and told what comes. */
class Play {
  readonly random: Random;
  readonly scene: Scene;
  readonly client: GoldenSender | GoldenReceiver;
  now = 0;
  #wantsLine = false;
  #isOpen = false;
  #said = 0;
  #inputs = 0;

  constructor(random: Random, scene: Scene) {
    this.random = random;
    this.scene = scene;
    const hooks = {
      connect: () => void (this.#wantsLine = true),
      say: (bytes: Uint8Array) => this.#says(bytes),
      close: () => void (this.#isOpen = false),
    };
    const { part, keys, name } = scene;
    const setting = { keys, primitives: seeded(name), hooks };
    this.client =
      part.role === "sender" ? new GoldenSender(part, setting) : new GoldenReceiver(part, setting);
  }

  run(): number {
    const { random, scene, client } = this;
    client.start(0);
    // Most messages until the client is served stay whole, or no case would get any further.
    const sound = random.whole(0, scene.heard.length);
    for (const [at, bytes] of scene.heard.entries()) {
      if (client.finished) break;
      this.#line();
      if (at < sound || random.chance(0.4)) this.#tell(bytes);
      else this.#tellBroken(bytes);
      if (random.chance(0.2)) this.#wait();
    }
    if (!client.finished && random.chance(0.5)) client.act("interrupt", this.now);
    this.#check();
    return Math.max(1, this.#inputs);
  }

  #line(): void {
    if (this.#isOpen) return;
    for (let tries = 0; !this.#wantsLine && tries < 400 && !this.client.finished; tries++) {
      this.now += 25;
      this.client.tick(this.now);
    }
    if (!this.#wantsLine) return;
    this.#wantsLine = false;
    this.#isOpen = true;
    this.client.opened(this.now);
  }

  #tellBroken(bytes: Uint8Array): void {
    const { random } = this;
    this.#inputs++;
    switch (random.whole(0, 9)) {
      case 0: // lost
        return;
      case 1:
        this.#tell(bytes);
        this.#tell(bytes);
        return;
      case 2:
        this.#tell(random.pick(this.scene.heard));
        return;
      case 3:
        this.#tell(random.pick(random.chance(0.5) ? CONTROLS : FRAMES));
        return;
      case 4:
        if (!this.#isOpen) return;
        this.#isOpen = false;
        this.client.lost(this.now);
        return;
      default:
        this.#tell(broken(random, bytes));
    }
  }

  #tell(bytes: Uint8Array): void {
    if (!this.#isOpen || this.client.finished) return;
    this.#said = 0;
    this.client.received(bytes, this.now);
  }

  #wait(): void {
    this.now += this.random.pick(TICKS_BETWEEN);
    this.#said = 0;
    this.client.tick(this.now);
  }

  #says(bytes: Uint8Array): void {
    if (++this.#said > SAID_AT_ONCE) throw new Broken("it says more and more");
    const { role } = this.scene.part;
    if (isFrame(bytes)) {
      if (role !== "sender") throw new Broken("a receiver sends a frame");
      decodeFrame(bytes);
      return;
    }
    if (bytes.length > CONTROL_BYTES) throw new Broken("a message too long");
    const senders: readonly string[] = SENT_BY[decodeControl(bytes, "anyone").t];
    if (!senders.includes(role)) throw new Broken("a message of another side");
  }

  #check(): void {
    const { client, scene } = this;
    if (client.fault !== undefined) checkCode(client.fault);
    if (client instanceof GoldenSender) {
      const names = new Set(Object.keys(scene.conversation.parts));
      const forged = client.verified.filter((name) => name !== "" && !names.has(name));
      if (forged.length > 0) throw new Broken(`receipts of ${forged.join(", ")}`);
    } else if (client.saved) {
      const { files, pieces } = scene.sender;
      const size = pieces?.reduce((sum, length) => sum + length, 0) ?? 0;
      const content =
        pieces === undefined
          ? concat(...contentOf(files))
          : Uint8Array.from({ length: size }, (_, i) => i % 251);
      if (!Bun.deepEquals(client.content, content)) throw new Broken("another content was saved");
    }
  }
}

function sessions(role: Role, weight: number): TargetKind {
  const scenes = SCENES.filter(({ part }) => part.role === role);
  return {
    name: role,
    weight,
    start: () => ({
      play: (random) => new Play(random, random.pick(scenes)).run(),
      end: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  };
}

export const SESSIONS: readonly TargetKind[] = [sessions("sender", 5), sessions("receiver", 5)];
