/** Another relay of a cluster as a test plays it: real WebSockets to the port of the owner, and nothing behind them. */
import {
  NONCE_BYTES,
  decodeControl,
  decodeFrame,
  isFrame,
  type Message,
  type MessageOf,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import {
  CLUSTER_VERSION,
  RELAY_ID_BYTES,
  decodeFromOwner,
  encodeCluster,
  type ForwardedClient,
  type OwnMessage,
  type OwnMessageOf,
  type OwnerMessage,
} from "../../../relay/cluster/wire.ts";
import type { ClusterPlace } from "../../../relay/worker/thread-messages.ts";

/** Of the clusters of tests. */
export const CLUSTER_SECRET = nodePrimitives.sha256(new TextEncoder().encode("tests"));

/** For `supervision` of a relay that edges may come to. */
export function edgesMayCome(more: Partial<ClusterPlace> = {}): { cluster: ClusterPlace } {
  const relay = nodePrimitives.randomBytes(RELAY_ID_BYTES).toHex();
  return { cluster: { hostname: "127.0.0.1", port: 0, secret: CLUSTER_SECRET, relay, ...more } };
}

export type EdgeHello = OwnMessageOf<"edge-hello">;

/** @param nonce of the owner */
export function edgeHello(
  nonce: Uint8Array,
  {
    channel,
    share,
    through,
    forward,
    relay = new Uint8Array(RELAY_ID_BYTES).fill(1),
  }: Omit<LineOptions, "port">,
  secret = CLUSTER_SECRET,
): EdgeHello {
  const kind = {
    ...(share && { share }),
    ...(through && { through }),
    ...(forward && { forward }),
  };
  const named = { relay, channel, ...kind };
  const mac = new ClusterSecret(secret, nodePrimitives).edgeProof(nonce, named);
  const own = nodePrimitives.randomBytes(NONCE_BYTES);
  return { t: "edge-hello", v: CLUSTER_VERSION, ...named, nonce: own, mac };
}

/** The subject of a line, and the mistake in its hello. */
export interface LineOptions {
  readonly port: number | undefined;
  readonly channel: Uint8Array;
  /** With it the line is a stream. */
  readonly share?: Uint8Array | undefined;
  /** With it the line is about shares of another owner. */
  readonly through?: EdgeHello["through"] | undefined;
  /** With it the line is that of a client. */
  readonly forward?: ForwardedClient | undefined;
  readonly relay?: Uint8Array | undefined;
  readonly secret?: Uint8Array;
  /** Instead of what it would say. */
  readonly alter?: (hello: EdgeHello) => EdgeHello;
}

/** Tests of the page have the types of a browser, whose WebSocket sends no pings. */
const BunSocket = WebSocket as unknown as new (url: string) => Bun.WebSocket;

/** One WebSocket of an edge. */
export class EdgeLine implements AsyncDisposable {
  readonly messages: (OwnerMessage | Message)[] = [];
  /** In the order in which they came. */
  readonly frames: Uint8Array[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: Bun.WebSocket;
  /** As it was said. */
  hello: EdgeHello | undefined;
  onFrame: (frame: Uint8Array) => void = () => undefined;
  onMessage: (message: OwnerMessage | Message) => void = () => undefined;
  /** Of its stream. */
  readonly receiver = nodePrimitives.randomBytes(16);
  readonly #waiting = new Set<() => void>();
  #isOver = false;
  #isWelcome = false;

  constructor(port: number | undefined, path = "/cluster") {
    this.socket = new BunSocket(`ws://127.0.0.1:${port}${path}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
      const bytes = new Uint8Array(data);
      if (isFrame(bytes)) {
        this.frames.push(bytes);
        this.onFrame(bytes);
      } else {
        const message = this.#decode(bytes);
        this.messages.push(message);
        this.onMessage(message);
      }
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener("close", ({ code, reason }) => {
        this.#isOver = true;
        resolve({ code, reason });
        this.#wake();
      });
    });
  }

  /** A line that carries a sender hears what that one shall hear. */
  #decode(bytes: Uint8Array): OwnerMessage | Message {
    const isSender = this.hello?.forward !== undefined && this.#isWelcome;
    const message = isSender ? decodeControl(bytes, "relay-to-sender") : decodeFromOwner(bytes);
    this.#isWelcome ||= message.t === "edge-welcome";
    return message;
  }

  /** Welcomed, and the owner proved that it is one. */
  static async open(options: LineOptions): Promise<EdgeLine> {
    const line = await EdgeLine.saysHello(options);
    const { mac } = await line.when("edge-welcome");
    const secret = new ClusterSecret(options.secret ?? CLUSTER_SECRET, nodePrimitives);
    secret.checkOwner(mac, line.hello!);
    return line;
  }

  static async saysHello(options: LineOptions): Promise<EdgeLine> {
    const { port, secret = CLUSTER_SECRET, alter = (hello) => hello } = options;
    const line = new EdgeLine(port);
    const { nonce } = await line.when("challenge");
    line.hello = alter(edgeHello(nonce, options, secret));
    line.send(line.hello);
    return line;
  }

  send(message: Message | OwnMessage | Uint8Array | string): void {
    const isRaw = typeof message === "string" || message instanceof Uint8Array;
    this.socket.send(isRaw ? message : encodeCluster(this.#hidden(message)));
  }

  /** A line that carries a sender shows no proof of its share. */
  #hidden(message: Message | OwnMessage): Message | OwnMessage {
    const isProof = this.hello?.forward !== undefined && "proof" in message;
    return isProof ? new ClusterSecret(CLUSTER_SECRET, nodePrimitives).hidden(message) : message;
  }

  join(share: Uint8Array, from: number, window: number): void {
    const { receiver } = this;
    this.send({ t: "join", share, receiver, name: new Uint8Array(0), from, window });
  }

  ack(share: Uint8Array, next: number, window: number): void {
    this.send({ t: "ack", share, next, window });
  }

  /** Reads records in their order and acknowledges each. @returns them */
  async take(share: Uint8Array, from: number, end: number, window = 16): Promise<Uint8Array[]> {
    const begin = this.frames.length;
    this.onFrame = (frame) => {
      const next = decodeFrame(frame).index + 1;
      this.ack(share, next, Math.min(window, end - next));
    };
    this.join(share, from, Math.min(window, end - from));
    await this.#until(() => this.frames.length >= begin + end - from, `record ${end - 1}`);
    return this.frames.slice(begin);
  }

  /** A message of this type that is so, past or to come. */
  async when<T extends (OwnerMessage | Message)["t"]>(
    type: T,
    isSo: (message: Extract<OwnerMessage | Message, { t: T }>) => boolean = () => true,
  ): Promise<Extract<OwnerMessage | Message, { t: T }>> {
    const find = () =>
      this.messages.find((each): each is Extract<OwnerMessage | Message, { t: T }> => {
        return each.t === type && isSo(each as Extract<OwnerMessage | Message, { t: T }>);
      });
    await this.#until(() => find() !== undefined, type);
    return find()!;
  }

  /** The owner has handled all that was said before. @throws Error when the line is over */
  async answersPing(): Promise<void> {
    let isAnswered = false;
    const answered = (): void => {
      isAnswered = true;
      this.#wake();
    };
    this.socket.addEventListener("pong", answered, { once: true });
    this.socket.ping();
    await this.#until(() => isAnswered, "pong");
  }

  /** The fault that ends the line. */
  async fault(): Promise<MessageOf<"fault">> {
    const fault = await this.when("fault");
    await this.closed;
    return fault;
  }

  async #until(isSo: () => boolean, what: string): Promise<void> {
    while (!isSo()) {
      if (this.#isOver) {
        const said = this.messages.map((each) => (each.t === "fault" ? each.code : each.t));
        throw new Error(`no ${what} after ${said.join(", ")}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const each of waiting) each();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
