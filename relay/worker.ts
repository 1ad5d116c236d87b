import {
  FAREWELL_MS,
  FRAME_BYTES,
  FAULTS,
  IDLE_MS,
  REASON_CHARACTERS,
  SOCKETS_PER_WORKER,
  TICK_MS,
  encodeControl,
  faultMessage,
  type FaultCode,
  type Message,
} from "../protocol/mod.ts";
import { nodePrimitives } from "../protocol/crypto-node.ts";

import { Hub } from "./hub.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./messages.ts";
import type { Outlet, SendResult, SocketId } from "./outlet.ts";
import { BlockPool } from "./pool.ts";
import { reportStats } from "./stats.ts";

/** The path of the protocol's WebSocket. */
export const SOCKET_PATH = "/ws";

const HTTP_IDLE_SECONDS = 10;
const NORMAL_CLOSE = 1000;
const POLICY_CLOSE = 1008;

interface SocketData {
  readonly id: SocketId;
  /** A fault was told and the close is on its way: nothing more is read or sent. */
  closing: boolean;
}

type Socket = Bun.ServerWebSocket<SocketData>;

/** The sockets of a running worker: Bun's answers become the words of `Outlet` here and only here. */
class Sockets implements Outlet {
  readonly #open = new Map<SocketId, Socket>();
  #server: Bun.Server<SocketData> | undefined;
  #nextId: SocketId = 1;

  get size(): number {
    return this.#open.size;
  }

  serve(server: Bun.Server<SocketData>): void {
    this.#server = server;
  }

  newId(): SocketId {
    return this.#nextId++;
  }

  add(socket: Socket): void {
    this.#open.set(socket.data.id, socket);
  }

  remove(socket: Socket): void {
    this.#open.delete(socket.data.id);
  }

  buffered(id: SocketId): number {
    return this.#open.get(id)?.getBufferedAmount() ?? 0;
  }

  /** Unsent bytes of all sockets, and of the one with most. */
  bufferedOfAll(): { sum: number; most: number } {
    let sum = 0;
    let most = 0;
    for (const socket of this.#open.values()) {
      const bytes = socket.getBufferedAmount();
      sum += bytes;
      most = Math.max(most, bytes);
    }
    return { sum, most };
  }

  sendFrame(id: SocketId, frame: Uint8Array): SendResult {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing) return "refused";
    const sent = socket.sendBinary(frame);
    if (sent > 0) return "sent";
    return sent === -1 ? "queued" : "refused";
  }

  publish(topic: string, frame: Uint8Array): void {
    // The result speaks for the worst subscriber and names nobody; each was looked at before.
    this.#server?.publish(topic, frame, false);
  }

  subscribe(id: SocketId, topic: string): void {
    this.#open.get(id)?.subscribe(topic);
  }

  unsubscribe(id: SocketId, topic: string): void {
    this.#open.get(id)?.unsubscribe(topic);
  }

  send(id: SocketId, message: Message): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing) return;
    // Dropped only when the socket has stopped reading for megabytes; then it is past help.
    if (socket.sendBinary(encodeControl(message)) === 0) socket.close(POLICY_CLOSE);
  }

  fail(id: SocketId, code: FaultCode, detail?: string): void {
    const socket = this.#open.get(id);
    if (socket === undefined || socket.data.closing) return;
    const { closeCode, retry } = FAULTS[code];
    const message = (detail ?? faultMessage(code)).slice(0, REASON_CHARACTERS);
    socket.sendBinary(encodeControl({ t: "fault", code, message, retry }));
    socket.data.closing = true;
    socket.close(closeCode === 0 ? NORMAL_CLOSE : closeCode, code);
  }

  failAll(code: FaultCode): void {
    for (const id of this.#open.keys()) this.fail(id, code);
  }
}

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
  pool,
  stats,
}: WorkerStart): (message: ToWorker) => void {
  const sockets = new Sockets();
  const hub = new Hub({
    worker,
    pool: new BlockPool(pool, worker),
    outlet: sockets,
    primitives: nodePrimitives,
    toDirectory: post,
  });
  const clock = (): number => performance.now();

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
      const data: SocketData = { id: sockets.newId(), closing: false };
      if (server.upgrade(request, { data })) return undefined;
      return new Response("Use a WebSocket.\n", { status: 426, headers: { upgrade: "websocket" } });
    },
    websocket: {
      data: {} as SocketData,
      maxPayloadLength: FRAME_BYTES,
      idleTimeout: IDLE_MS / 1000,
      perMessageDeflate: false,
      open(socket) {
        sockets.add(socket);
        hub.opened(socket.data.id, clock());
      },
      message(socket, message) {
        if (socket.data.closing) return;
        if (typeof message === "string") sockets.fail(socket.data.id, "bad-message", "text");
        else hub.message(socket.data.id, message, clock());
      },
      drain(socket) {
        if (!socket.data.closing) hub.drained(socket.data.id, clock());
      },
      close(socket) {
        sockets.remove(socket);
        hub.closed(socket.data.id, clock());
      },
    },
  });
  sockets.serve(server);
  const timer = setInterval(() => hub.tick(clock()), TICK_MS);
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
    const busy = [...hub.shares].some(({ fanout, ownerSocket }) => {
      return fanout.attached > 0 || ownerSocket !== undefined;
    });
    sockets.failAll("going-away");
    if (busy) await Bun.sleep(FAREWELL_MS);
    clearInterval(timer);
    clearInterval(reporting);
    await server.stop(true);
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
