import { expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";

import { followBandwidth } from "../../../cli/connection/far-sockets.ts";
import { hasNative } from "../../support/relay/log-rooms.ts";

/** Whether this process may have BBR on its sockets. */
function mayFollow(): boolean {
  const list = process.getuid?.() === 0 ? "available" : "allowed";
  const path = `/proc/sys/net/ipv4/tcp_${list}_congestion_control`;
  return existsSync(path) && /\bbbr\b/.test(readFileSync(path, "utf8"));
}

test.skipIf(!hasNative)("sockets to a port follow the bandwidth, and no other ones", async () => {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  const clients = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1");
    await once(client, "connect");
    ports.push(port);
    clients.push(client);
  }
  const [first = 0] = ports;
  expect(await followBandwidth(first)).toBe(mayFollow() ? 1 : 0);
  // A port that nobody is connected to.
  expect(await followBandwidth(1)).toBe(0);
  for (const client of clients) client.destroy();
  for (const server of servers) server.close();
});
