/** A relay that takes a share, serves nobody, and says what it is told to. */
import {
  decodeControl,
  encodeControl,
  isFrame,
  NONCE_BYTES,
  PROTOCOL_VERSION,
  type Message,
  type MessageOf,
} from "../../../protocol/mod.ts";

interface Lies {
  readonly store?: MessageOf<"welcome">["store"];
  readonly answer?: (question: MessageOf<"inspect"> | MessageOf<"revoke">) => Message;
}

export class LyingRelay implements AsyncDisposable {
  readonly url: string;
  readonly #server: Bun.Server<undefined>;

  /**
   * @param lies said to a sender once its share is accepted; may be what no relay can encode
   * @param onFrame told of each that comes
   * @param more what it says of its store
   */
  constructor(
    lies: (offer: MessageOf<"offer">) => readonly Uint8Array[],
    onFrame: (frame: Uint8Array) => void = () => undefined,
    more: Lies = {},
  ) {
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) =>
        server.upgrade(request) ? undefined : new Response("", { status: 426 }),
      websocket: {
        open(socket) {
          socket.sendBinary(encodeControl({ t: "challenge", nonce: new Uint8Array(NONCE_BYTES) }));
        },
        message(socket, bytes) {
          if (typeof bytes === "string") return;
          if (isFrame(bytes)) {
            onFrame(bytes);
            return;
          }
          const message = decodeControl(bytes, "anyone");
          const say = (answer: Message): void => void socket.sendBinary(encodeControl(answer));
          if (message.t === "hello") say({ ...WELCOME, ...(more.store && { store: more.store }) });
          if (message.t === "inspect" || message.t === "revoke") {
            const answer = more.answer?.(message);
            if (answer !== undefined) say(answer);
          }
          if (message.t !== "offer") return;
          say({ t: "accepted", share: message.share });
          for (const lie of lies(message)) socket.sendBinary(lie);
        },
      },
    });
    this.url = `ws://127.0.0.1:${this.#server.port}/ws`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.stop(true);
  }
}

const WELCOME: MessageOf<"welcome"> = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  session: new Uint8Array(8),
  limits: { frame: 1 << 20, window: 16, credit: 16 },
};
