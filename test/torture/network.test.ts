import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { Network } from "./network.ts";

const HOST = "127.0.0.1";

/** A client, the network, and a server's end of the line; what each heard is collected. */
async function line(): Promise<AsyncDisposable & { network: Network; client: End; server: End }> {
  const accepted = Promise.withResolvers<Socket>();
  const listener = createServer({ allowHalfOpen: true }, accepted.resolve);
  await new Promise<void>((resolve) => listener.listen(0, HOST, resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  const network = await Network.start(address.port);
  const socket = connect({ host: HOST, port: network.port, allowHalfOpen: true });
  const client = new End(socket);
  const server = new End(await accepted.promise);
  return {
    network,
    client,
    server,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      server.socket.destroy();
      await network[Symbol.asyncDispose]();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

class End {
  readonly socket: Socket;
  heard = "";
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => this.#hear(bytes.toString("latin1")));
    socket.on("end", () => this.#hear("<end>"));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#hear(`<${error.code}>`));
    socket.on("close", () => this.#hear("<close>"));
  }

  /** Resolves when it has heard that. */
  async hears(text: string): Promise<void> {
    while (!this.heard.includes(text)) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #hear(text: string): void {
    this.heard += text;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

test("passes what is said, both ways, to the last byte", async () => {
  await using ends = await line();
  const { client, server } = ends;
  const much = "x".repeat(3 * 1024 * 1024);
  client.socket.end(`${much}!`);
  server.socket.end(`${much}?`);
  await Promise.all([client.hears("<close>"), server.hears("<close>")]);
  expect(server.heard === `${much}!<end><close>`).toBe(true);
  expect(client.heard === `${much}?<end><close>`).toBe(true);
});

test("holds everything in a black hole, the end too, and loses nothing", async () => {
  await using ends = await line();
  const { network, client, server } = ends;
  client.socket.write("a");
  await server.hears("a");
  network.hold();
  network.hold();
  client.socket.end("b");
  network.release();
  // Another line shows that time went by and nothing passed.
  await using other = await line();
  other.client.socket.write("c");
  await other.server.hears("c");
  expect(server.heard).toBe("a");
  network.release();
  await server.hears("b<end>");
});

test("keeps what it delays and slows in order", async () => {
  await using ends = await line();
  const { network, client, server } = ends;
  network.setDelay(20);
  client.socket.write("a");
  network.setDelay(0);
  client.socket.write("b");
  network.setRate(100);
  client.socket.write("c");
  await server.hears("a");
  client.socket.write("d");
  network.setRate(Infinity);
  client.socket.end("e");
  await server.hears("<end>");
  expect(server.heard).toBe("abcde<end>");
});

test("ends one direction, and the other goes on", async () => {
  await using ends = await line();
  const { network, client, server } = ends;
  expect(network.halfClose("up")).toBe(1);
  await server.hears("<end>");
  client.socket.write("lost");
  server.socket.write("still here");
  await client.hears("still here");
  expect(server.heard).toBe("<end>");
});

test("resets a line at both ends", async () => {
  await using ends = await line();
  const { network, client, server } = ends;
  client.socket.write("a");
  await server.hears("a");
  expect(network.clientPorts).toEqual([client.socket.localPort!]);
  network.reset();
  await Promise.all([client.hears("<close>"), server.hears("<close>")]);
  expect(client.heard).toBe("<ECONNRESET><close>");
  expect(server.heard).toBe("a<ECONNRESET><close>");
});
