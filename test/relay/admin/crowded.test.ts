/** The admin listener bounds what it does at once, whoever asks. */
import { expect, test } from "bun:test";
import { connect } from "node:net";

import { ADMIN_REQUESTS } from "../../../relay/admin/listener.ts";
import { startRelay } from "../../../relay/mod.ts";
import { adminOf } from "../../support/relay/admin-requests.ts";

test("T1 T4 requests that never end take so many sockets of it, and more are told so", async () => {
  await using relay = await startRelay({ admin: { hostname: "127.0.0.1", port: 0 } });
  const { url, token } = adminOf(relay);
  const { host, port } = new URL(url);
  const head = `POST /api/ban HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n`;
  // Half of what it says that comes.
  const half = `${head}Content-Length: 100\r\n\r\n{`;
  using open = new DisposableStack();
  for (let at = 0; at < ADMIN_REQUESTS; at++) {
    const socket = connect(Number(port), "127.0.0.1");
    open.defer(() => socket.destroy());
    socket.on("error", () => undefined);
    socket.write(half);
  }
  for (;;) {
    const answer = await fetch(`${url}/healthz`);
    const said = await answer.text();
    if (answer.status === 200) continue;
    expect(answer.status).toBe(503);
    expect(said).toBe("The admin listener answers too many at once.\n");
    expect(answer.headers.get("retry-after")).toBe("1");
    break;
  }
  open.dispose();
  while ((await fetch(`${url}/healthz`)).status !== 200) await Bun.sleep(1);
});

test("T1 a socket of it is closed with its answer", async () => {
  await using relay = await startRelay({ admin: { hostname: "127.0.0.1", port: 0 } });
  const { host, port } = new URL(adminOf(relay).url);
  for (const path of ["/healthz", "/metrics", "/api/status", "/nothing", "/"]) {
    const socket = connect(Number(port), "127.0.0.1");
    let said = "";
    socket.on("data", (bytes) => (said += bytes.toString("latin1")));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await new Promise((resolve) => socket.on("close", resolve));
    expect(said.toLowerCase()).toContain("\r\nconnection: close\r\n");
  }
});
