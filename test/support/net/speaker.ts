/** A TCP server that says one text, or nothing at all. */
import { createServer, type Server, type Socket } from "node:net";

export class Speaker implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(server: Server, sockets: ReadonlySet<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @param when it says its text: to each that connects, or to each that says something */
  static async start(text?: string, when: "at once" | "when asked" = "when asked") {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      if (text === undefined) return;
      if (when === "at once") socket.end(text);
      else socket.on("data", () => socket.end(text));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Speaker(server, sockets);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
