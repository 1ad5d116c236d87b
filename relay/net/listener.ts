import type { TlsPair } from "../access/certificate.ts";

/** Whether two listeners can have one port, so that the next is there before the last one goes. */
export const CAN_SHARE_PORT = process.platform === "linux";

/** A client that has said nothing for so long and is in no transfer is cut off. s */
export const HTTP_IDLE_SECONDS = 10;

export interface ListenerOptions<Data> {
  /** Starts a server; `CAN_SHARE_PORT`: beside one that has the port already. */
  readonly open: (port: number, tls: TlsPair | undefined) => Bun.Server<Data>;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls: TlsPair | undefined;
}

/**
 * A port at which a worker listens. Bun's server can neither change its certificate nor stop accepting
 * for a while: a new server takes the place of the old one, which keeps the sockets that it has.
 */
export class Listener<Data> {
  readonly port: number;
  readonly #open: (tls: TlsPair | undefined) => Bun.Server<Data>;
  #tls: TlsPair | undefined;
  #server: Bun.Server<Data> | undefined;
  /** It has another certificate than it should. */
  #isStale = false;
  #isPaused = false;
  #isClosed = false;
  /** Servers that accept no more; each has a socket still, so they are not more than those. */
  readonly #before = new Set<Bun.Server<Data>>();

  constructor({ open, port, tls }: ListenerOptions<Data>) {
    this.#tls = tls;
    this.#server = open(port, tls);
    this.port = this.#server.port ?? port;
    this.#open = (next) => open(this.port, next);
  }

  /** Clients that come from now on see this certificate. */
  renew(tls: TlsPair): void {
    this.#tls = tls;
    this.#isStale = true;
    this.settle();
  }

  /** Accepts nobody for now; who tries is refused by the kernel. */
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

  /** Accepts nobody any more. */
  close(): void {
    this.#isClosed = true;
    this.settle();
  }

  /** Cuts all sockets; resolves when that is done. */
  async end(): Promise<void> {
    this.close();
    await Promise.all([...this.#before].map((server) => server.stop(true)));
  }

  /** Does what could not be done before, when there were too few descriptors, or none. */
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
      // Out of descriptors, or somebody else has the port by now: the next tick tries again.
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
