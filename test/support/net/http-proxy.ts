/** An HTTP proxy for CONNECT, in this process. */
import { connect, createServer, type Socket } from "node:net";

export interface HttpProxy extends AsyncDisposable {
  readonly url: string;
  /** The request lines that came. */
  readonly asked: string[];
}

/** An HTTP proxy on whose other side every name is that of one port here; or it refuses with a status. */
export async function httpProxy(port: number, refusal?: string): Promise<HttpProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => undefined);
    client.once("data", (head) => {
      asked.push(head.toString().split("\r\n", 1)[0] ?? "");
      if (refusal !== undefined) {
        client.end(`HTTP/1.1 ${refusal}\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const relay = connect(port, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        relay.pipe(client).pipe(relay);
      });
      sockets.add(relay);
      relay.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return {
    url: `http://anna:secret@127.0.0.1:${address.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
