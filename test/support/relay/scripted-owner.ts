/** The owner of shares as an edge sees it: a real WebSocket server that says what the test wants, right or wrong. */
import {
  NONCE_BYTES,
  decodeFrame,
  equalBytes,
  toHex,
  type Message,
  type Offer,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret, SECRET_LEAST_BYTES } from "../../../relay/cluster/proof.ts";
import {
  RELAY_ID_BYTES,
  decodeFromEdge,
  encodeCluster,
  type ClusterShare,
  type EdgeMessage,
  type OwnMessage,
} from "../../../relay/cluster/wire.ts";

/** Of all relays in tests. */
export const TEST_SECRET = nodePrimitives.randomBytes(SECRET_LEAST_BYTES);

export interface OwnedShare {
  readonly offer: Offer;
  readonly capability?: Uint8Array;
  /** Of a share that can't be read again. */
  readonly first?: number;
  frame(index: number): Uint8Array;
}

interface OwnerLine {
  readonly nonce: Uint8Array;
  /** Undefined: it is a control line, or has not said hello. */
  stream: OwnedShare | undefined;
  isControl: boolean;
  next: number;
  acked: number;
}

type OwnerSocket = Bun.ServerWebSocket<OwnerLine>;

/** Its differences from an honest owner. */
export interface OwnerLies {
  /** Its proof. */
  readonly mac?: (mac: Uint8Array) => Uint8Array;
  /** In place of a frame; undefined: nothing. */
  readonly frame?: (index: number, frame: Uint8Array) => Uint8Array | string | undefined;
  /** Said once a control line was welcomed, or a stream joined. */
  readonly onControl?: (line: OwnerSocket) => void;
  readonly onJoin?: (line: OwnerSocket) => void;
  /** Answers no receipts. */
  readonly isMute?: boolean;
}

export class ScriptedOwner implements AsyncDisposable {
  readonly relay = toHex(nodePrimitives.randomBytes(RELAY_ID_BYTES));
  /** The words of edges on control lines. */
  readonly told: EdgeMessage[] = [];
  /** Indexes of frames that left, by whatever stream. */
  readonly frames: number[] = [];
  /** Lines that were opened since the start. */
  opened = 0;
  lies: OwnerLies;
  senderHere = true;
  readonly shares: OwnedShare[];
  readonly #lines = new Set<OwnerSocket>();
  readonly #waiting = new Set<() => void>();
  readonly #secret = new ClusterSecret(TEST_SECRET, nodePrimitives);
  readonly #server: Bun.Server<OwnerLine>;
  /** Frames that may leave; more wait. */
  #mayGive = Infinity;
  /** Refuses lines. */
  isShut = false;

  constructor(shares: readonly OwnedShare[], lies: OwnerLies = {}) {
    this.shares = [...shares];
    this.lies = lies;
    this.#server = Bun.serve<OwnerLine>({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, server) => {
        const nonce = nodePrimitives.randomBytes(NONCE_BYTES);
        const data = { nonce, stream: undefined, isControl: false, next: 0, acked: 0 };
        const isRight = new URL(request.url).pathname === "/cluster" && !this.isShut;
        return isRight && server.upgrade(request, { data })
          ? undefined
          : new Response("", { status: 503 });
      },
      websocket: {
        data: {} as OwnerLine,
        maxPayloadLength: 1024 ** 2,
        backpressureLimit: 1024 ** 3,
        open: (line) => {
          this.opened++;
          this.#lines.add(line);
          this.send(line, { t: "challenge", nonce: line.data.nonce });
        },
        message: (line, bytes) => {
          if (typeof bytes === "string") throw new Error("an edge sent text");
          this.#heard(line, decodeFromEdge(new Uint8Array(bytes)));
          this.#wake();
        },
        close: (line) => {
          this.#lines.delete(line);
          this.#wake();
        },
      },
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  /** Streams that are open. */
  get streams(): number {
    return [...this.#lines].filter(({ data }) => data.stream !== undefined).length;
  }

  get controls(): OwnerSocket[] {
    return [...this.#lines].filter(({ data }) => data.isControl);
  }

  /** On all control lines. */
  say(message: Message | OwnMessage): void {
    for (const line of this.controls) this.send(line, message);
  }

  send(line: OwnerSocket, message: Message | OwnMessage): void {
    line.sendBinary(encodeCluster(message));
  }

  /** Says what it has, as it does first. */
  list(): Extract<OwnMessage, { t: "shares" }> {
    const { senderHere } = this;
    const list = this.shares.map(({ offer, capability, first }): ClusterShare => {
      return {
        ...offer,
        senderHere,
        ...(capability && { capability }),
        ...(first !== undefined && { first }),
      };
    });
    return { t: "shares", list };
  }

  /** Cuts lines without a word; those of streams alone, or all. */
  cut(which: "streams" | "all"): void {
    for (const line of this.#lines) {
      if (which === "all" || line.data.stream !== undefined) line.terminate();
    }
  }

  /** No more than so many frames leave before the next call. */
  allow(frames: number): void {
    this.#mayGive = frames;
    for (const line of this.#lines) this.#give(line);
  }

  /** Until it is so; asked after each thing that happens at a line. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #heard(line: OwnerSocket, message: EdgeMessage): void {
    const { data } = line;
    switch (message.t) {
      case "edge-hello": {
        this.#secret.checkEdge(message, data.nonce);
        const mac = this.#secret.ownerProof(message.nonce, message);
        this.send(line, { t: "edge-welcome", mac: this.lies.mac?.(mac) ?? mac });
        if (message.share === undefined) {
          data.isControl = true;
          this.send(line, this.list());
          this.lies.onControl?.(line);
          return;
        }
        const id = message.share;
        data.stream = this.shares.find(({ offer }) => equalBytes(offer.share, id));
        return;
      }
      case "join":
        data.next = message.from;
        data.acked = message.from;
        this.#window(line, message.window);
        this.lies.onJoin?.(line);
        return;
      case "ack":
        data.acked = Math.max(data.acked, message.next);
        this.#window(line, message.window);
        return;
      default:
        this.told.push(message);
        if (message.t !== "receipt" || this.lies.isMute === true) return;
        this.send(line, { t: "receipted", share: message.share, receiver: message.receiver });
    }
  }

  #window(line: OwnerSocket, window: number): void {
    this.#ends.set(line, line.data.acked + window);
    this.#give(line);
  }

  readonly #ends = new Map<OwnerSocket, number>();

  #give(line: OwnerSocket): void {
    const { data } = line;
    const share = data.stream;
    if (share === undefined || !this.#lines.has(line)) return;
    const end = Math.min(this.#ends.get(line) ?? 0, share.offer.records);
    for (; data.next < end && this.#mayGive > 0; data.next++) {
      const frame = share.frame(data.next);
      const given = this.lies.frame === undefined ? frame : this.lies.frame(data.next, frame);
      if (given === undefined) continue;
      this.#mayGive--;
      if (typeof given === "string") line.sendText(given);
      else line.sendBinary(given);
      this.frames.push(data.next);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

/** The frames of a share that came, by index. */
export function sharedFrames(offer: Offer, frames: readonly Uint8Array[]): OwnedShare {
  const byIndex = new Map(frames.map((frame) => [decodeFrame(frame).index, frame]));
  return { offer, frame: (index) => byIndex.get(index)! };
}
