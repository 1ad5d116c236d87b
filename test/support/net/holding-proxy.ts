/** A TCP proxy that stops bytes, whatever they are: it also stands before a relay that speaks TLS. */
import { connect, createServer, type Server, type Socket } from "node:net";

/** `down`: from the relay to its client. */
type Way = "up" | "down";

export class HoldingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #way: Way;
  #left: number;
  readonly #held = Promise.withResolvers<void>();

  private constructor(port: number, way: Way, bytes: number) {
    this.#way = way;
    this.#left = bytes;
    this.#server = createServer((client) => {
      const relay = connect(port, "127.0.0.1");
      this.#join(relay, client, "down");
      this.#join(client, relay, "up");
    });
  }

  /** Lets so many bytes pass that way, over all its lines, and then none until it is released. */
  static async start(port: number, way: Way, bytes: number): Promise<HoldingProxy> {
    const proxy = new HoldingProxy(port, way, bytes);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return address.port;
  }

  /** Resolves when it has begun to hold. */
  get held(): Promise<void> {
    return this.#held.promise;
  }

  /** From now on no byte passes that way until it is released. */
  hold(): void {
    this.#left = 0;
  }

  release(): void {
    this.#left = Infinity;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(from: Socket, to: Socket, way: Way): void {
    this.#sockets.add(from);
    from.on("data", (bytes: Buffer) => {
      const isFull = !to.write(bytes);
      if (isFull || this.#holds(way, bytes.length)) from.pause();
    });
    to.on("drain", () => {
      if (!this.#holds(way, 0)) from.resume();
    });
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", (failed) => {
      this.#sockets.delete(from);
      if (failed) to.destroy();
      else to.end();
    });
  }

  /** Counts bytes that passed. */
  #holds(way: Way, bytes: number): boolean {
    if (way !== this.#way) return false;
    this.#left -= bytes;
    if (this.#left > 0) return false;
    this.#held.resolve();
    return true;
  }
}
