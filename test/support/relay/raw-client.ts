/** A WebSocket that speaks the protocol as it is told to, right or wrong. */
import {
  ciphertextPath,
  decodeControl,
  encodeControl,
  encodeFrame,
  isFrame,
  sealName,
  shareIdFromProof,
  type Keys,
  type Message,
  type MessageOf,
  type MessageType,
  type Offer,
  type Role,
  type StoreWish,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { helloTo, type TestChannel } from "./channel.ts";

export function randomId(): Uint8Array {
  return nodePrimitives.randomBytes(16);
}

/** A share that anyone can make: its ciphertexts tell of every four bytes which and whose they are. */
export interface RawShare {
  readonly offer: Offer;
  readonly proof: Uint8Array;
  readonly capability: Uint8Array;
  frame(index: number): Uint8Array;
}

export function rawShare(records: number, recordSize = 1000): RawShare {
  const proof = nodePrimitives.randomBytes(32);
  const share = shareIdFromProof(proof, nodePrimitives);
  const offer = { share, recordSize, records, bytes: records * recordSize, seekable: true };
  return {
    offer,
    proof,
    capability: randomId(),
    frame: (index) =>
      encodeFrame(share, index, index === records - 1, ciphertext(share, index, recordSize)),
  };
}

/** Where a relay gives its ciphertext. */
export function pathOf({ offer, capability }: RawShare): string {
  return ciphertextPath(offer.share, capability);
}

export function offerOf(
  { offer, proof, capability }: RawShare,
  store?: StoreWish,
): MessageOf<"offer"> {
  return { t: "offer", ...offer, proof, capability, ...(store && { store }) };
}

function ciphertext(share: Uint8Array, index: number, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  const salt = new DataView(share.buffer, share.byteOffset).getUint32(0) ^ (index << 20);
  for (let at = 0; at < words.length; at++) words[at] = at ^ salt;
  return new Uint8Array(words.buffer, 0, length);
}

/** Tests of the page have the types of a browser, whose WebSocket takes no headers. */
const BunSocket = WebSocket as unknown as new (
  url: string,
  options: Bun.WebSocketOptions,
) => Bun.WebSocket;

export class RawClient implements AsyncDisposable {
  /** Messages that came, but for the challenge, which all get first. */
  readonly messages: Message[] = [];
  readonly frames: Uint8Array[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: Bun.WebSocket;
  /** Told of each frame. */
  onFrame: (frame: Uint8Array) => void = () => undefined;
  /** Told of each control message. */
  onMessage: (message: Message) => void = () => undefined;
  readonly #waiting = new Set<() => void>();
  #wasOpen = false;
  #over = false;
  #challenge: MessageOf<"challenge"> | undefined;

  private constructor(socket: Bun.WebSocket) {
    this.socket = socket;
    socket.binaryType = "nodebuffer";
    socket.addEventListener("message", ({ data }: MessageEvent<Uint8Array>) => {
      if (isFrame(data)) {
        this.frames.push(data.slice());
        this.onFrame(data);
      } else {
        const message = decodeControl(data, "anyone");
        if (message.t === "challenge") {
          this.#challenge = message;
        } else {
          this.messages.push(message);
          this.onMessage(message);
        }
      }
      this.#wake();
    });
    socket.addEventListener("open", () => {
      this.#wasOpen = true;
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        this.#over = true;
        resolve({ code, reason });
        this.#wake();
      });
    });
  }

  /**
   * @param url of the relay, path included
   * @param from an address that a proxy says it comes from
   */
  static async open(url: string, from?: string): Promise<RawClient> {
    const headers = from === undefined ? {} : { "x-forwarded-for": from };
    const client = new RawClient(
      new BunSocket(url, { headers, tls: { rejectUnauthorized: false } }),
    );
    await client.#until(() => client.#wasOpen, "having been open");
    return client;
  }

  /** Opened and greeted. */
  static async greeted(
    url: string,
    role: Role,
    channel: TestChannel,
    from?: string,
  ): Promise<RawClient> {
    const client = await RawClient.open(url, from);
    await client.hello(role, channel);
    await client.when("welcome");
    return client;
  }

  /** Says that it is a further connection of the session that welcomed `main`. */
  static async further(
    url: string,
    role: Role,
    channel: TestChannel,
    main: RawClient,
  ): Promise<RawClient> {
    const { session } = await main.when("welcome");
    const client = await RawClient.open(url);
    await client.hello(role, channel, { quiet: true, of: session });
    return client;
  }

  /** A sender whose offer was accepted. */
  static async offering(
    url: string,
    channel: TestChannel,
    share: RawShare,
    from?: string,
  ): Promise<RawClient> {
    const client = await RawClient.greeted(url, "sender", channel, from);
    client.send(offerOf(share));
    await client.when("accepted");
    return client;
  }

  /** A sender that gives what it is asked for. */
  static async serving(url: string, channel: TestChannel, share: RawShare): Promise<RawClient> {
    const client = await RawClient.greeted(url, "sender", channel);
    client.onMessage = (message) => {
      if (message.t !== "want") return;
      const end = message.first + message.count;
      for (let index = message.first; index < end; index++) client.send(share.frame(index));
    };
    client.send(offerOf(share));
    await client.when("accepted");
    return client;
  }

  /** Undefined: the relay says something else first. */
  async challenge(): Promise<MessageOf<"challenge"> | undefined> {
    await this.#until(() => this.#challenge !== undefined || this.messages.length > 0, "challenge");
    return this.#challenge;
  }

  /** Answers the challenge, if one comes. */
  async hello(
    role: Role,
    channel: TestChannel,
    more?: { token?: string; quiet?: boolean; of?: Uint8Array },
  ): Promise<void> {
    const challenge = await this.challenge();
    // A relay that is full says so instead.
    if (challenge !== undefined) this.send(helloTo(challenge, role, channel, more));
  }

  send(message: Message | Uint8Array | string): void {
    const encode = typeof message !== "string" && !(message instanceof Uint8Array);
    this.socket.send(encode ? encodeControl(message) : message);
  }

  /** As a receiver: the offers with this share. A worker may hear of it when the receiver is there already. */
  offered({ offer: { share } }: RawShare): Promise<MessageOf<"offers">> {
    const isIt = ({ share: other }: Offer): boolean => Buffer.compare(share, other) === 0;
    return this.when("offers", ({ list }) => list.some(isIt));
  }

  /** @param keys of the code: without them its name does not open, and no sender minds it */
  join(share: Uint8Array, from: number, window: number, receiver = randomId(), keys?: Keys): void {
    const of = { share, receiver };
    const name = keys === undefined ? new Uint8Array(0) : sealName("raw", of, keys, nodePrimitives);
    this.send({ t: "join", share, receiver, name, from, window });
  }

  ack(share: Uint8Array, next: number, window: number): void {
    this.send({ t: "ack", share, next, window });
  }

  /**
   * The first message of that type that passes the test, past or to come.
   * @throws Error when the line ends without it
   */
  async when<T extends MessageType>(
    type: T,
    passes: (message: MessageOf<T>) => boolean = () => true,
  ): Promise<MessageOf<T>> {
    for (let at = 0; ; at++) {
      await this.#until(() => at < this.messages.length, type);
      const message = this.messages[at]!;
      if (isOfType(message, type) && passes(message)) return message;
    }
  }

  /** The frame that came as number `at`, past or to come. */
  async frame(at: number): Promise<Uint8Array> {
    await this.#until(() => at < this.frames.length, `frame ${at}`);
    return this.frames[at]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  async #until(reached: () => boolean, what: string): Promise<void> {
    while (!reached()) {
      if (this.#over) throw new Error(`closed without ${what}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

function isOfType<T extends MessageType>(message: Message, type: T): message is MessageOf<T> {
  return message.t === type;
}
