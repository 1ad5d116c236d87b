/** A WebSocket connection made by hand, for what no client library sends. */
import { connect, type Socket } from "node:net";
import { decodeControl, encodeControl, type MessageOf, type Role } from "../../../protocol/mod.ts";
import { WebSocketReader } from "../net/websocket-reader.ts";
import { helloTo, type TestChannel } from "./channel.ts";

/** RFC 6455, section 1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

const BINARY = 2;
const CLOSE = 8;

/** Other doors say other things first. */
function challengeIn(message: Uint8Array): MessageOf<"challenge"> | undefined {
  try {
    const said = decodeControl(message, "anyone");
    return said.t === "challenge" ? said : undefined;
  } catch {
    return undefined;
  }
}

export class RawSocket implements AsyncDisposable {
  readonly #socket: Socket;
  readonly challenge: Promise<MessageOf<"challenge">>;
  /** The HTTP head of the answer. */
  readonly head: Promise<string>;
  /** Its line is over. */
  isClosed = false;
  /** Of the WebSocket close frame that came. */
  reason = "";
  /** The WebSocket close code that came, undefined when the line ended without one. */
  readonly closed: Promise<number | undefined>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const head = Promise.withResolvers<string>();
    this.head = head.promise;
    let code: number | undefined;
    const challenge = Promise.withResolvers<MessageOf<"challenge">>();
    this.challenge = challenge.promise;
    let first: Uint8Array[] | undefined = [];
    const reader = new WebSocketReader(({ opcode, bytes, last }) => {
      if (opcode === BINARY && first !== undefined) {
        first.push(bytes.slice());
        if (!last) return;
        const said = challengeIn(Buffer.concat(first));
        first = undefined;
        if (said !== undefined) challenge.resolve(said);
      }
      if (opcode !== CLOSE || bytes.length < 2) return;
      code = new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
      this.reason = Buffer.from(bytes.subarray(2)).toString();
      socket.end();
    });
    socket.on("data", (bytes: Buffer) => {
      reader.push(bytes);
      if (reader.head !== undefined) head.resolve(reader.head);
    });
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.isClosed = true;
        head.resolve(reader.head ?? "");
        resolve(code);
      });
    });
  }

  /** Asks for an upgrade at `path`; headers given replace and add to the usual ones. */
  static open(port: number, headers: Record<string, string> = {}, path = "/ws"): RawSocket {
    const socket = connect(port, "127.0.0.1");
    const all = {
      Host: `127.0.0.1:${port}`,
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": KEY,
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
    return new RawSocket(socket);
  }

  /** First line of the answer's head, such as "HTTP/1.1 101 Switching Protocols". */
  async status(): Promise<number> {
    return Number((await this.head).split(" ")[1]);
  }

  /** Answers the challenge, which is what a relay says first. */
  async hello(
    role: Role,
    channel: TestChannel,
    more: Pick<MessageOf<"hello">, "token"> = {},
  ): Promise<void> {
    this.frame(0x82, encodeControl(helloTo(await this.challenge, role, channel, more)));
  }

  /**
   * Sends one frame of RFC 6455, masked with zeros.
   * @param first its first byte: fin, rsv and opcode
   * @param claims the length in its header, when it is another than that of the payload
   */
  frame(first: number, payload: Uint8Array, claims: bigint | number = payload.length): void {
    const header = new Uint8Array(14);
    const view = new DataView(header.buffer);
    header[0] = first;
    header[1] = 0x80 | 127;
    view.setBigUint64(2, BigInt(claims));
    this.#socket.write(header);
    this.#socket.write(payload);
  }

  /** Bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Reads nothing more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Resolves when all that was written is with the kernel. */
  flushed(): Promise<void> {
    return new Promise((resolve) => this.#socket.write("", () => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }
}
