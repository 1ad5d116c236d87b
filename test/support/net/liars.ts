/**
 * Liars of a local network, in a process of their own: `bun liars.ts CHANNEL ADDRESS FLOOD`. Each announces that it
 * has the channel, and has not. Without a flood some even offer a share. A flood of so many packets a second brings
 * announcements of channels that nobody knows, damaged packets, and bytes that are no packets.
 */
import { createServer } from "node:net";
import { createSocket } from "node:dgram";
import { encode } from "dns-packet";
import { announce } from "../../../cli/discovery/announcer.ts";
import { recordsOf } from "../../../cli/discovery/announcement.ts";
import {
  decodeControl,
  encodeControl,
  fromHex,
  NONCE_BYTES,
  PROTOCOL_VERSION,
} from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";

const [, , hex = "", address = "", flood = "0"] = process.argv;
const channel = fromHex(hex)!;
const hostname = "0.0.0.0";

const WELCOME = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  session: new Uint8Array(8),
  limits: { frame: 1 << 20, window: 16, credit: 16 },
} as const;

/** Packets in one turn of the flood. */
const TURN_MS = 5;

function lie(port: number): void {
  announce({ port, channels: () => [channel] });
}

function listenTcp(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer(() => undefined);
  server.listen(0, hostname, () => {
    const at = server.address();
    resolve(typeof at === "object" && at !== null ? at.port : 0);
  });
  return promise;
}

/** A relay to the first offer, which then says something wrong, or nothing at all. */
function falseRelay(after: Uint8Array | undefined): number {
  const offer = {
    share: crypto.getRandomValues(new Uint8Array(16)),
    recordSize: 65_520,
    records: 3,
    bytes: 100_000,
    seekable: true,
    senderHere: true,
  };
  const server = Bun.serve({
    port: 0,
    hostname,
    fetch: (request, own) => (own.upgrade(request) ? undefined : new Response("", { status: 426 })),
    websocket: {
      open(socket) {
        socket.sendBinary(encodeControl({ t: "challenge", nonce: new Uint8Array(NONCE_BYTES) }));
      },
      message(socket, bytes) {
        if (typeof bytes === "string") return;
        const hello = decodeControl(bytes, "anyone");
        // A token was meant for another relay: the test notices the end of this process.
        if (hello.t === "hello" && hello.token !== undefined) process.exit(1);
        if (hello.t !== "hello") return;
        socket.sendBinary(encodeControl(WELCOME));
        socket.sendBinary(encodeControl({ t: "offers", list: [offer] }));
        if (after !== undefined) socket.sendBinary(after);
      },
    },
  });
  return server.port ?? 0;
}

// A relay without the share, a port where nothing listens, one that says nothing, and one of another service.
const empty = await startRelay({ hostname });
const http = Bun.serve({ port: 0, hostname, fetch: () => new Response("hello") });
lie(empty.port);
lie(1);
lie(await listenTcp());
lie(http.port ?? 0);
if (flood === "0") {
  lie(falseRelay(undefined));
  lie(falseRelay(Uint8Array.of(0xc1, 1, 2, 3)));
}

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

function packets(): Buffer[] {
  const place = { ipv4: [address], ipv6: [] };
  return Array.from({ length: 200 }, (_, n) => {
    const ids = Array.from({ length: 44 }, () => random(12));
    const one = { port: 9, tls: false, path: "/ws", nonce: random(16), ids };
    const { pointer, others } = recordsOf(`liar${n}`, one, place, { ttl: 120, flush: true });
    const bytes = encode({ type: "response", answers: [pointer], additionals: others });
    if (n % 3 === 1)
      for (let at = 0; at < 20; at++) bytes[Math.floor(Math.random() * bytes.length)] = n;
    return n % 3 === 2 ? Buffer.from(random(1 + n * 5)) : bytes;
  });
}

const socket = createSocket({ type: "udp4", reuseAddr: true });
socket.bind(5353, hostname, () => {
  socket.setMulticastInterface(address);
  const all = packets();
  let next = 0;
  setInterval(() => {
    for (let n = 0; n < (Number(flood) * TURN_MS) / 1000; n++) {
      socket.send(all[next++ % all.length]!, 5353, "224.0.0.251", () => undefined);
    }
  }, TURN_MS);
  console.log("lying");
});
