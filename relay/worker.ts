import { FAREWELL_MS, FRAME_BYTES, SOCKETS_PER_WORKER, TICK_MS } from "../protocol/mod.ts";
import { nodePrimitives } from "../protocol/crypto-node.ts";

import { Hub } from "./hub.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./messages.ts";
import { Native } from "./native.ts";
import { BlockPool, noteDescriptor } from "./pool.ts";
import type { SocketId } from "./outlet.ts";
import { Rest } from "./rest.ts";
import { Sockets, type SocketData } from "./sockets.ts";
import { reportStats } from "./stats.ts";

/** The path of the protocol's WebSocket. */
export const SOCKET_PATH = "/ws";

const HTTP_IDLE_SECONDS = 10;

declare const self: Worker;

function post(message: FromWorker): void {
  self.postMessage(message);
}

/** A page of another site must not use a person's browser to reach a relay. */
function isForeignPage(request: Request): boolean {
  const origin = request.headers.get("origin");
  if (origin === null) return false;
  return URL.parse(origin)?.host !== request.headers.get("host");
}

function start({
  worker,
  workers,
  hostname,
  port,
  pool: buffers,
  zeroCopy,
  stallMs,
  stats,
}: WorkerStart): (message: ToWorker) => void {
  const clock = (): number => performance.now();
  const native = zeroCopy && buffers.file !== undefined ? Native.open() : undefined;
  if (native !== undefined) noteDescriptor(buffers, worker, native.descriptor);
  const pool = new BlockPool(buffers, worker, native);
  const drained = (id: SocketId): void => hub.drained(id, clock());
  const sockets = new Sockets({ pool, native, clock, drained });
  const hub = new Hub({
    worker,
    pool,
    outlet: sockets,
    primitives: nodePrimitives,
    toDirectory: post,
    stallMs,
  });

  const rest = new Rest();

  const server = Bun.serve<SocketData>({
    hostname,
    port,
    reusePort: workers > 1,
    idleTimeout: HTTP_IDLE_SECONDS,
    maxRequestBodySize: 0,
    fetch(request, server) {
      if (new URL(request.url).pathname !== SOCKET_PATH) {
        return new Response("This is a fileshare relay.\n", { status: 404 });
      }
      if (isForeignPage(request)) return new Response("Wrong origin.\n", { status: 403 });
      if (sockets.size >= SOCKETS_PER_WORKER) {
        return new Response("The relay is full.\n", { status: 503 });
      }
      const data = sockets.dataFor(server.requestIP(request));
      if (server.upgrade(request, { data })) return undefined;
      return new Response("Use a WebSocket.\n", { status: 426, headers: { upgrade: "websocket" } });
    },
    websocket: {
      data: {} as SocketData,
      maxPayloadLength: FRAME_BYTES,
      // Bun's own pings could come between the parts of a message; `Sockets` sends them.
      idleTimeout: 0,
      sendPings: false,
      perMessageDeflate: false,
      open(socket) {
        sockets.opened(socket);
        hub.opened(socket.data.id, clock());
      },
      message(socket, message) {
        sockets.handle(socket, (id) => {
          if (typeof message === "string") sockets.fail(id, "bad-message", "text");
          else hub.message(id, message, clock());
        });
        rest.busy(clock());
      },
      ping: (socket) => sockets.heard(socket),
      pong: (socket) => sockets.heard(socket),
      drain: (socket) => sockets.drained(socket),
      close(socket) {
        sockets.closed(socket);
        hub.closed(socket.data.id, clock());
      },
    },
  });
  const timer = setInterval(() => {
    hub.tick(clock());
    sockets.tick();
    rest.tick(clock());
  }, TICK_MS);
  const reporting = stats
    ? reportStats({
        worker,
        hub,
        buffered: () => sockets.bufferedOfAll(),
        report: (each) => post({ t: "stats", stats: each }),
      })
    : undefined;
  post({ t: "ready", port: server.port ?? port });

  const farewell = async (): Promise<void> => {
    // A socket counts as closed while what it was sent last still waits for room, and whoever is in
    // a transfer has much on its way: the line would be reset and the reason lost.
    const busy = [...hub.shares].some(({ fanout, home }) => {
      return fanout.attached > 0 || home.ownerSocket !== undefined;
    });
    sockets.failAll("going-away");
    if (busy) await Bun.sleep(FAREWELL_MS);
    clearInterval(timer);
    clearInterval(reporting);
    await server.stop(true);
    sockets.dispose();
    post({ t: "drained" });
  };

  return (message) => {
    switch (message.t) {
      case "start":
        return;
      case "ping":
        post({ t: "pong" });
        return;
      case "drain":
        // Closes the listening socket at once; the promise waits for all WebSockets, which stay.
        void server.stop();
        hub.drain(clock());
        return;
      case "farewell":
        void server.stop();
        void farewell();
        return;
      default:
        hub.directory(message, clock());
    }
  };
}

if (!Bun.isMainThread) {
  let handle: ((message: ToWorker) => void) | undefined;
  self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
    if (handle !== undefined) handle(data);
    else if (data.t === "start") handle = start(data);
  });
}
