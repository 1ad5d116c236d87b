/** The relay that stores a share, as one that carries its sender sees it: a real WebSocket server that says what the test wants. */
import { NONCE_BYTES, decodeControl, isFrame, type Message } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret, SECRET_LEAST_BYTES } from "../../../relay/cluster/proof.ts";
import {
  RELAY_ID_BYTES,
  decodeFromEdge,
  encodeCluster,
  type OwnMessage,
  type OwnMessageOf,
} from "../../../relay/cluster/wire.ts";
import { until } from "../until.ts";

export const KEEPER_SECRET = nodePrimitives.randomBytes(SECRET_LEAST_BYTES);

interface Carried {
  readonly nonce: Uint8Array;
  hello: OwnMessageOf<"edge-hello"> | undefined;
}

/** In place of its welcome. */
type Lie = (line: KeeperLine, hello: OwnMessageOf<"edge-hello">) => void;

type Carrying = Bun.ServerWebSocket<Carried>;

/** One sender that another relay carries. */
export class KeeperLine {
  readonly hello: OwnMessageOf<"edge-hello">;
  readonly heard: (Message | OwnMessage)[] = [];
  /** The messages, as the network saw them. */
  readonly seen: Uint8Array[] = [];
  /** Bytes of frames that came. */
  bytes = 0;
  isOpen = true;
  readonly #socket: Carrying;

  constructor(socket: Carrying, hello: OwnMessageOf<"edge-hello">) {
    this.#socket = socket;
    this.hello = hello;
  }

  say(message: Message | OwnMessage | Uint8Array | string): void {
    if (typeof message === "string") this.#socket.sendText(message);
    else this.#socket.sendBinary(message instanceof Uint8Array ? message : encodeCluster(message));
  }

  /** Takes nothing from now on, or goes on. */
  pause(isPaused: boolean): void {
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  cut(): void {
    this.#socket.terminate();
  }
}

export class ScriptedKeeper implements AsyncDisposable {
  readonly relay = nodePrimitives.randomBytes(RELAY_ID_BYTES).toHex();
  readonly lines: KeeperLine[] = [];
  readonly #secret = new ClusterSecret(KEEPER_SECRET, nodePrimitives);
  readonly #server: Bun.Server<Carried>;

  /** @param lie undefined: it welcomes each line */
  constructor(lie?: Lie) {
    const bySocket = new Map<Carrying, KeeperLine>();
    this.#server = Bun.serve<Carried>({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, server) => {
        const nonce = nodePrimitives.randomBytes(NONCE_BYTES);
        const isRight = new URL(request.url).pathname === "/cluster";
        return isRight && server.upgrade(request, { data: { nonce, hello: undefined } })
          ? undefined
          : new Response("", { status: 404 });
      },
      websocket: {
        data: {} as Carried,
        maxPayloadLength: 1024 ** 2,
        open: (socket) => {
          socket.sendBinary(encodeCluster({ t: "challenge", nonce: socket.data.nonce }));
        },
        message: (socket, given) => {
          if (typeof given === "string") throw new Error("a relay sent text");
          const bytes = new Uint8Array(given);
          const line = bySocket.get(socket);
          if (line === undefined) {
            const hello = decodeFromEdge(bytes);
            if (hello.t !== "edge-hello") throw new Error(hello.t);
            this.#secret.checkEdge(hello, socket.data.nonce);
            const opened = new KeeperLine(socket, hello);
            bySocket.set(socket, opened);
            this.lines.push(opened);
            if (lie === undefined) opened.say({ t: "edge-welcome", mac: this.proof(hello) });
            else lie(opened, hello);
          } else if (isFrame(bytes)) line.bytes += bytes.length;
          else {
            line.seen.push(bytes);
            line.heard.push(this.#decode(bytes));
          }
        },
        close: (socket) => {
          const line = bySocket.get(socket);
          if (line !== undefined) line.isOpen = false;
        },
      },
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  proof(hello: OwnMessageOf<"edge-hello">): Uint8Array {
    return this.#secret.ownerProof(hello.nonce, hello);
  }

  /** The line by that number, from 0 on. */
  async line(number = 0): Promise<KeeperLine> {
    await until(() => this.lines.length > number);
    return this.lines[number]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  #decode(bytes: Uint8Array): Message | OwnMessage {
    try {
      return this.#secret.hidden(decodeControl(bytes, "sender"));
    } catch {
      return decodeFromEdge(bytes);
    }
  }
}
