import type { TlsPair } from "../access/certificate.ts";

/** Whether two listeners can share one port, so that a new one opens before the old one closes. */
export const CAN_SHARE_PORT = process.platform === "linux";

/** A client in no transfer may be silent for so long. s */
export const HTTP_IDLE_SECONDS = 10;

export interface ListenerOptions<Data> {
  /** Starts a server; with CAN_SHARE_PORT beside one that has the port already. */
  readonly open: (port: number, tls: TlsPair | undefined) => Bun.Server<Data>;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls: TlsPair | undefined;
}

/**
 * A port at which a worker listens. Bun's server can neither change its certificate nor pause accepting. So a
 * new server takes the place of the old one, which keeps its open sockets.
 */
export class Listener<Data> {
  readonly port: number;
  readonly #open: (tls: TlsPair | undefined) => Bun.Server<Data>;
  #tls: TlsPair | undefined;
  #server: Bun.Server<Data> | undefined;
  /** The server has an old certificate. */
  #isStale = false;
  #isPaused = false;
  #isClosed = false;
  /** Servers that accept no more. Each has an open socket still, which bounds their number. */
  readonly #before = new Set<Bun.Server<Data>>();

  constructor({ open, port, tls }: ListenerOptions<Data>) {
    this.#tls = tls;
    this.#server = open(port, tls);
    this.port = this.#server.port ?? port;
    this.#open = (next) => open(this.port, next);
  }

  /** New clients see this certificate. */
  renew(tls: TlsPair): void {
    this.#tls = tls;
    this.#isStale = true;
    this.settle();
  }

  /** The kernel refuses new clients for now. */
  pause(): void {
    this.#isPaused = true;
    this.settle();
  }

  resume(): void {
    this.#isPaused = false;
    this.settle();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  close(): void {
    this.#isClosed = true;
    this.settle();
  }

  /** Cuts all sockets. */
  async end(): Promise<void> {
    this.close();
    await Promise.all([...this.#before].map((server) => server.stop(true)));
  }

  /** Does now what failed before for want of descriptors. */
  settle(): void {
    const server = this.#server;
    if (this.#isPaused || this.#isClosed) {
      this.#retire();
      return;
    }
    if (server !== undefined && !this.#isStale) return;
    if (!CAN_SHARE_PORT) this.#retire();
    let next: Bun.Server<Data>;
    try {
      next = this.#open(this.#tls);
    } catch {
      // Out of descriptors, or another process has the port: the next tick tries again.
      return;
    }
    this.#retire();
    this.#server = next;
    this.#isStale = false;
  }

  #retire(): void {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#before.add(server);
    // Closes the listening socket at once; the promise waits for all sockets.
    void server.stop().then(() => this.#before.delete(server));
  }
}
