/** A server that speaks WebSocket by hand, as wrongly as it is told to. */
import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEAD_END = "\r\n\r\n";

export interface Answer {
  /** Instead of the right one. */
  readonly accept?: string;
  /** More lines of the head. */
  readonly headers?: readonly string[];
  /** Instead of the whole head. */
  readonly head?: string;
  /** Said after the head, piece by piece, each when the one before has left. */
  readonly pours?: () => Iterable<Uint8Array>;
}

export class HostileRelay implements AsyncDisposable {
  readonly url: string;
  /** Heads of the requests that came. */
  readonly heads: string[];
  /** Bytes that left after the heads. */
  readonly sent: { bytes: number };
  readonly #close: () => Promise<void>;

  private constructor(
    port: number,
    heads: string[],
    sent: { bytes: number },
    close: () => Promise<void>,
  ) {
    this.url = `ws://127.0.0.1:${port}`;
    this.heads = heads;
    this.sent = sent;
    this.#close = close;
  }

  static async start(answer: Answer): Promise<HostileRelay> {
    const heads: string[] = [];
    const sent = { bytes: 0 };
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
      let said = "";
      socket.on("data", (bytes) => {
        if (said.includes(HEAD_END)) return;
        said += bytes.toString("latin1");
        if (!said.includes(HEAD_END)) return;
        heads.push(said);
        socket.write(headOf(answer, said));
        pour(socket, answer.pours?.() ?? [], sent);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return new HostileRelay(address.port, heads, sent, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

function headOf({ accept, headers = [], head }: Answer, request: string): string {
  if (head !== undefined) return head;
  const key = /Sec-WebSocket-Key: (\S+)/i.exec(request)?.[1] ?? "";
  const right = createHash("sha1").update(`${key}${GUID}`).digest("base64");
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept ?? right}`,
    ...headers,
  ];
  return lines.join("\r\n") + HEAD_END;
}

function pour(socket: Socket, pieces: Iterable<Uint8Array>, sent: { bytes: number }): void {
  const all = pieces[Symbol.iterator]();
  const next = (): void => {
    const piece = all.next();
    if (piece.done === true || socket.destroyed) return;
    const { value } = piece;
    socket.write(value, (error) => {
      if (error !== undefined && error !== null) return;
      sent.bytes += value.length;
      next();
    });
  };
  next();
}

/** The head of a frame of RFC 6455 from a server. @param first fin, rsv and opcode */
export function frameHead(first: number, length: number | bigint): Uint8Array {
  if (length < 126) return Uint8Array.of(first, Number(length));
  const head = new Uint8Array(10);
  head[0] = first;
  head[1] = 127;
  new DataView(head.buffer).setBigUint64(2, BigInt(length));
  return head;
}
