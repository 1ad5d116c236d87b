/** Limits of sockets and attempts: T4, P1 of the hostile inputs, over all workers and doors. */
import { describe, expect, test } from "bun:test";

import { type Relay } from "../../relay/mod.ts";
import { expectOver, limitedRelay, policyOf } from "./limited.ts";
import { RawClient, randomId } from "./raw-client.ts";

const MANY = 12;

function ask(relay: Relay, from: string, path = "/"): Promise<Response> {
  const url = `http://127.0.0.1:${relay.port}${path}`;
  return fetch(url, { headers: { "x-forwarded-for": from } });
}

async function expectRefused(answer: Response, status: number, name: string): Promise<void> {
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain(`${name}: `);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
}

describe("T4 sockets", () => {
  test("of one address are refused over its limit, at whatever worker, and others are not", async () => {
    await using relay = await limitedRelay({ "sockets-per-address": MANY });
    await using open = new AsyncDisposableStack();
    const url = `${relay.url}/ws`;
    for (let at = 0; at < MANY; at++) {
      open.use(await RawClient.greeted(url, "receiver", randomId(), "2001:db8::1"));
    }
    // Of the same /64.
    await using more = await RawClient.open(url, "2001:db8::2");
    await expectOver(relay, more, "sockets-per-address");
    await expectRefused(
      await ask(relay, "2001:db8:0:0:ffff::", `/c/${"0".repeat(32)}/${"0".repeat(32)}`),
      429,
      "sockets-per-address",
    );
    await expectRefused(await ask(relay, "2001:db8::3", "/lobby"), 429, "sockets-per-address");
    await using other = await RawClient.greeted(url, "receiver", randomId(), "2001:db8:0:1::1");
    await open.disposeAsync();
    // As soon as the relay saw them go.
    for (;;) {
      await using again = await RawClient.open(url, "2001:db8::2");
      again.send({ t: "hello", v: 1, role: "receiver", channel: randomId() });
      const [first] = await Promise.race([again.when("welcome"), again.when("fault")]).then(
        ({ t }) => [t],
      );
      if (first === "welcome") break;
    }
    expect(await Promise.race([other.closed, Promise.resolve("open")])).toBe("open");
  });

  test("in all are refused over their limit, of this machine too", async () => {
    await using relay = await limitedRelay({ "max-sockets": MANY });
    await using open = new AsyncDisposableStack();
    const url = `${relay.url}/ws`;
    for (let at = 0; at < MANY; at++) {
      const from = at % 2 === 0 ? undefined : `192.0.2.${at}`;
      open.use(await RawClient.greeted(url, "receiver", randomId(), from));
    }
    await using more = await RawClient.open(url);
    await expectOver(relay, more, "max-sockets");
    await expectRefused(await ask(relay, "192.0.2.1", "/lobby"), 503, "max-sockets");
    // Who asks for help is gone before it counts.
    expect((await ask(relay, "192.0.2.1")).status).toBe(200);
  });

  test("of a worker that crashed make room", async () => {
    await using relay = await limitedRelay(
      { "max-sockets": 4 },
      { workers: 1, supervision: { restartMs: 1 } },
    );
    const url = `${relay.url}/ws`;
    const before = [1, 2, 3, 4].map(() => RawClient.greeted(url, "receiver", randomId()));
    const clients = await Promise.all(before);
    relay.crashWorker(0);
    for (const client of clients) await client.closed;
    for (;;) {
      const again = await fetch(`http://127.0.0.1:${relay.port}/`).catch(() => undefined);
      if (again !== undefined) break;
    }
    await using open = new AsyncDisposableStack();
    for (let at = 0; at < 4; at++) {
      open.use(await RawClient.greeted(url, "receiver", randomId()));
    }
    await using more = await RawClient.open(url);
    await expectOver(relay, more, "max-sockets");
  });

  test("that are let in while a limit is lowered stay", async () => {
    await using relay = await limitedRelay({});
    const url = `${relay.url}/ws`;
    await using first = await RawClient.greeted(url, "receiver", randomId());
    await using second = await RawClient.greeted(url, "receiver", randomId());
    relay.setPolicy(policyOf({ "max-sockets": 1 }));
    for (;;) {
      await using more = await RawClient.open(url);
      more.send({ t: "hello", v: 1, role: "receiver", channel: randomId() });
      const { t } = await Promise.race([more.when("welcome"), more.when("fault")]);
      if (t === "fault") break;
    }
    for (const { socket } of [first, second]) expect(socket.readyState).toBe(WebSocket.OPEN);
    expect(() => relay.setPolicy(policyOf({ "max-sockets": NaN }))).toThrow(RangeError);
  });
});

describe("P1 guesses", () => {
  test("of one address are refused after so many in a minute, by every door", async () => {
    await using relay = await limitedRelay({ "attempts-per-minute": 20 });
    const guess = `/c/${"ab".repeat(16)}/${"cd".repeat(16)}`;
    let passed = 0;
    for (let at = 0; at < 60; at++) {
      const answer = await ask(relay, "192.0.2.1", guess);
      if (answer.status === 404) passed++;
      else await expectRefused(answer, 429, "attempts-per-minute");
    }
    expect(passed).toBeGreaterThanOrEqual(20);
    expect(passed).toBeLessThan(40);
    expect(relay.refusals["attempts-per-minute"]).toBe(60 - passed);
    for (const path of ["/ws", "/sender", "/lobby/x", "/nothing", "/"]) {
      await expectRefused(await ask(relay, "192.0.2.1", path), 429, "attempts-per-minute");
    }
    // Others, and who is on this machine, are not in it.
    expect((await ask(relay, "192.0.2.2", guess)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${relay.port}${guess}`)).status).toBe(404);
  });
});
