/** Connections destroyed by the kernel itself (`ss -K`), where it can and we may. */
import { connect, createServer, type Socket } from "node:net";

const HOST = "127.0.0.1";

/** Destroys the end of a connection on this machine that has the port `from`. */
export function destroySocket(from: number, to: number): void {
  Bun.spawnSync(["ss", "-K", "-tn", "src", `${HOST}:${from}`, "dst", `${HOST}:${to}`], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
}

/** Tries it with a connection of our own. */
export async function canDestroySockets(): Promise<boolean> {
  if (Bun.which("ss") === null) return false;
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    accepted.resolve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  const ours = connect(port, HOST);
  // A destroyed one ends with an error; one that is still there, with our FIN, without.
  const broke = new Promise<boolean>((resolve) => {
    ours.on("error", () => resolve(true));
    ours.on("close", () => resolve(false));
  });
  const connected = new Promise<void>((resolve) => ours.once("connect", () => resolve()));
  const [theirs] = await Promise.all([accepted.promise, connected]);
  if (ours.localPort !== undefined) destroySocket(ours.localPort, port);
  theirs.end();
  const destroyed = await broke;
  theirs.destroy();
  server.close();
  return destroyed;
}
