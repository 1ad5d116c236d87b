/** The network between one client and the relay: a TCP proxy that delays, slows, holds and breaks. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { HELD_BYTES } from "./limits.ts";
import type { Way } from "./plan.ts";

const HOST = "127.0.0.1";

/** The faults of a client's network at present; new connections suffer them too. */
interface Weather {
  /** While it is not 0 nothing passes, and nothing is lost. */
  blackHoles: number;
  delayMs: number;
  bytesPerSecond: number;
}

export class Network implements AsyncDisposable {
  readonly #relayPort: number;
  readonly #server: Server;
  readonly #lines = new Set<NetworkLine>();
  readonly #weather: Weather = { blackHoles: 0, delayMs: 0, bytesPerSecond: Infinity };

  private constructor(relayPort: number) {
    this.#relayPort = relayPort;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#serve(client));
  }

  static async start(relayPort: number): Promise<Network> {
    const network = new Network(relayPort);
    await new Promise<void>((resolve) => network.#server.listen(0, HOST, resolve));
    return network;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return address.port;
  }

  get url(): string {
    return `ws://${HOST}:${this.port}`;
  }

  /** Ports of the client's ends of its lines. */
  get clientPorts(): number[] {
    return [...this.#lines].flatMap(({ clientPort }) => clientPort ?? []);
  }

  /** Lets nothing pass until as many have called `release`. */
  hold(): void {
    this.#weather.blackHoles++;
  }

  release(): void {
    this.#weather.blackHoles--;
    this.#pump();
  }

  setDelay(delayMs: number): void {
    this.#weather.delayMs = delayMs;
  }

  /** Infinity: as fast as it goes. */
  setRate(bytesPerSecond: number): void {
    this.#weather.bytesPerSecond = bytesPerSecond;
    this.#pump();
  }

  /** RST to both ends of each line. @returns how many lines there were */
  reset(): number {
    const lines = [...this.#lines];
    for (const line of lines) line.reset();
    return lines.length;
  }

  /** Ends one direction of each line, as if the other end had said its last. @returns how many */
  halfClose(way: Way): number {
    const lines = [...this.#lines];
    for (const line of lines) line.halfClose(way);
    return lines.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.reset();
    await closed;
  }

  #serve(client: Socket): void {
    const relay = connect({ port: this.#relayPort, host: HOST, allowHalfOpen: true });
    const line = new NetworkLine(client, relay, this.#weather, () => this.#lines.delete(line));
    this.#lines.add(line);
  }

  #pump(): void {
    for (const line of this.#lines) line.pump();
  }
}

class NetworkLine {
  readonly clientPort: number | undefined;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #sockets: readonly Socket[];

  constructor(client: Socket, relay: Socket, weather: Weather, gone: () => void) {
    this.clientPort = client.remotePort;
    this.#sockets = [client, relay];
    this.#up = new Pipe(client, relay, weather);
    this.#down = new Pipe(relay, client, weather);
    let open = this.#sockets.length;
    for (const socket of this.#sockets) {
      // An end that broke is told to the other as RST; after a FIN of each side nothing is left to tell.
      socket.on("error", () => this.reset());
      socket.on("close", () => {
        open--;
        if (open === 0) gone();
      });
    }
  }

  pump(): void {
    this.#up.pump();
    this.#down.pump();
  }

  reset(): void {
    this.#up.drop();
    this.#down.drop();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  halfClose(way: Way): void {
    (way === "up" ? this.#up : this.#down).finish();
  }
}

/** One direction of a line. It holds back at most HELD_BYTES and a read of the socket. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: Weather;
  #held: { readonly bytes: Buffer; readonly due: number }[] = [];
  #heldBytes = 0;
  /** Under a rate, when the next bytes may pass. */
  #clock = 0;
  #isFull = false;
  #isEnding = false;
  #isFinished = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    from.on("data", (bytes: Buffer) => {
      if (this.#isFinished) return;
      this.#held.push({ bytes, due: performance.now() + weather.delayMs });
      this.#heldBytes += bytes.length;
      this.pump();
    });
    from.on("end", () => {
      this.#isEnding = true;
      this.pump();
    });
    to.on("drain", () => {
      this.#isFull = false;
      this.pump();
    });
  }

  pump(): void {
    clearTimeout(this.#timer);
    if (this.#isFinished) return;
    while (!this.#isFull && this.#weather.blackHoles === 0) {
      const next = this.#held[0];
      if (next === undefined) break;
      const now = performance.now();
      const { bytesPerSecond } = this.#weather;
      const due = bytesPerSecond === Infinity ? next.due : Math.max(next.due, this.#clock);
      if (due > now) {
        this.#timer = setTimeout(() => this.pump(), due - now);
        break;
      }
      this.#held.shift();
      this.#heldBytes -= next.bytes.length;
      this.#clock = now + (next.bytes.length / bytesPerSecond) * 1000;
      this.#isFull = !this.#to.write(next.bytes);
    }
    const mayEnd = this.#isEnding && this.#held.length === 0 && this.#weather.blackHoles === 0;
    if (mayEnd) this.finish();
    else if (this.#heldBytes >= HELD_BYTES) this.#from.pause();
    else if (this.#from.isPaused()) this.#from.resume();
  }

  /** FIN; what comes later goes nowhere. */
  finish(): void {
    this.drop();
    this.#to.end();
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#isFinished = true;
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#from.isPaused()) this.#from.resume();
  }
}
