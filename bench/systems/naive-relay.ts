/** The relay that anyone would write: each message that comes is published to all others at once. */
import type { RelaySays } from "./relay-process.ts";

const TOPIC = "all";
const sockets = new Set<Bun.ServerWebSocket>();

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response("Use a WebSocket.\n");
  },
  websocket: {
    open(socket) {
      socket.subscribe(TOPIC);
      sockets.add(socket);
    },
    message(socket, message) {
      socket.publish(TOPIC, message);
    },
    close(socket) {
      sockets.delete(socket);
    },
  },
});

// From here on it is what the bench needs to know of it.

function say(message: RelaySays): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

say({ t: "listening", url: `ws://127.0.0.1:${server.port}` });
setInterval(() => {
  const amounts = Array.from(sockets, (socket) => socket.getBufferedAmount());
  const buffered = amounts.reduce((sum, each) => sum + each, 0);
  const bufferedMost = Math.max(0, ...amounts);
  const none = { worker: 0, delays: [], live: 0, catchUp: 0, switches: {} };
  say({ t: "stats", stats: { ...none, buffered, bufferedMost } });
}, 100);
await Bun.stdin.text();
process.exit();
