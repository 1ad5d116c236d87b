/** Between a client and its relay: passes all on, and what it was told with what it receives. */
import { isFrame } from "../../../protocol/mod.ts";

/** Maps a frame that the relay sent to the frames that take its place. */
export type Tamper = (frame: Uint8Array) => readonly Uint8Array[];

interface Ends {
  upstream: WebSocket | undefined;
  /** Messages of the client from before the relay's line was open. */
  early: Uint8Array<ArrayBuffer>[];
}

export class TamperingRelay implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly #server: Bun.Server<Ends>;

  /** @param relay address of the true one, path included */
  constructor(relay: string, tamper: Tamper) {
    this.#server = Bun.serve<Ends>({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) => {
        const data: Ends = { upstream: undefined, early: [] };
        if (server.upgrade(request, { data })) return undefined;
        // The page and its parts.
        const { pathname } = new URL(request.url);
        return fetch(new URL(pathname, relay.replace(/^ws/, "http")), {
          headers: request.headers,
          decompress: false,
        });
      },
      websocket: {
        data: {} as Ends,
        maxPayloadLength: 2 ** 24,
        // Above its limit Bun drops messages: of a flood all has to arrive.
        backpressureLimit: 2 ** 30,
        open(client) {
          const upstream = new WebSocket(relay);
          client.data.upstream = upstream;
          upstream.binaryType = "arraybuffer";
          upstream.addEventListener("open", () => {
            for (const bytes of client.data.early.splice(0)) upstream.send(bytes);
          });
          upstream.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
            const message = new Uint8Array(data);
            const messages = isFrame(message) ? tamper(message) : [message];
            for (const bytes of messages) client.sendBinary(bytes);
          });
          upstream.addEventListener("close", () => client.close());
        },
        message({ data }, bytes) {
          if (typeof bytes === "string") return;
          if (data.upstream?.readyState === WebSocket.OPEN)
            data.upstream.send(new Uint8Array(bytes));
          else data.early.push(new Uint8Array(bytes));
        },
        close({ data }) {
          data.upstream?.close();
        },
      },
    });
    this.port = this.#server.port ?? 0;
    this.url = `ws://127.0.0.1:${this.port}/ws`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.stop(true);
  }
}
