/** A relay with the page, whose answers to the page's clients are those that it is told to give. */
import {
  decodeControl,
  encodeControl,
  isFrame,
  NONCE_BYTES,
  PROTOCOL_VERSION,
  type Message,
} from "../../../protocol/mod.ts";
import { pageFiles, type PageFile } from "../../../web/mod.ts";

/** Its answers to a message of a client, in order. */
export type Answering = (message: Message) => Iterable<Message>;

export const WELCOME: Message = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  session: new Uint8Array(8),
  limits: { frame: 1 << 20, window: 16, credit: 16 },
};

export class PageRelay implements AsyncDisposable {
  /** Addresses that are not there any more, as after an upgrade. */
  gone = /^$/;
  readonly port: number;
  readonly #server: Bun.Server<undefined>;
  readonly #sockets = new Set<Bun.ServerWebSocket>();

  private constructor(files: ReadonlyMap<string, PageFile>, answering: Answering) {
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/ws") {
          const isUp = server.upgrade(request);
          return isUp ? undefined : new Response("", { status: 426 });
        }
        const file = this.gone.test(pathname) ? undefined : files.get(pathname);
        if (file === undefined) return new Response("", { status: 404 });
        return new Response(file.bytes, { headers: file.headers });
      },
      websocket: {
        backpressureLimit: 2 ** 28,
        open: (socket) => {
          this.#sockets.add(socket);
          socket.sendBinary(encodeControl({ t: "challenge", nonce: new Uint8Array(NONCE_BYTES) }));
        },
        close: (socket) => void this.#sockets.delete(socket),
        message(socket, bytes) {
          if (typeof bytes === "string" || isFrame(bytes)) return;
          for (const answer of answering(decodeControl(bytes, "anyone"))) {
            socket.sendBinary(encodeControl(answer));
          }
        },
      },
    });
    this.port = this.#server.port!;
  }

  static async start(answering: Answering): Promise<PageRelay> {
    const files = await pageFiles();
    return new PageRelay(new Map(files.map((file) => [`/${file.path}`, file])), answering);
  }

  /** Says it to all clients that are there. */
  say(message: Message): void {
    for (const socket of this.#sockets) socket.sendBinary(encodeControl(message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}
