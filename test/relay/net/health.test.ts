/** Answers for balancers at the port for clients. */
import { expect, test } from "bun:test";

import { DEFAULT_LIMITS, DEFAULT_POLICY, startRelay } from "../../../relay/mod.ts";
import { rawHttp } from "../../support/relay/raw-http.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";

test("a relay that lives says ok and nothing else, to everybody and as often as is wanted", async () => {
  const access = { ...DEFAULT_POLICY.access, mode: "closed", lobby: "closed" } as const;
  const limits = { ...DEFAULT_LIMITS, "attempts-per-minute": 3 };
  await using relay = await startRelay({
    policy: { ...DEFAULT_POLICY, access, limits },
    lobby: false,
  });
  const url = `http://127.0.0.1:${relay.port}/healthz`;
  for (let at = 0; at < 20; at++) {
    const response = await fetch(url);
    expect(`${response.status} ${await response.text()}`).toBe("200 ok\n");
  }
  const head = await fetch(url, { method: "HEAD" });
  expect(head.status).toBe(200);
  const names = [...head.headers.keys()].filter((name) => name !== "date").toSorted();
  expect(names).toEqual([
    "cache-control",
    "content-length",
    "content-type",
    "x-content-type-options",
  ]);
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
  // Balancers ask by HTTP/1.0 and name no host, or a host that is none of the relay's.
  expect(await rawHttp(relay.port, "GET /healthz HTTP/1.0\r\n\r\n", "ok\n")).toStartWith(
    "HTTP/1.1 200 ",
  );
  const other = "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  expect(await rawHttp(relay.port, other, "ok\n")).toStartWith("HTTP/1.1 200 ");
});

test("a balancer sends nobody to a relay that drains", async () => {
  await using relay = await startRelay();
  await using _sender = await RawClient.serving(`${relay.url}/ws`, randomId(), rawShare(9));
  const asked = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${relay.port}/healthz`).catch(() => undefined);
    return answer?.status ?? 0;
  };
  expect(await asked()).toBe(200);
  const drained = relay.drain(60_000);
  // As soon as the worker has heard of it: then the port is closed, and who has a line already gets 503.
  let status = 200;
  while (status === 200) status = await asked();
  expect([0, 503]).toContain(status);
  await relay.stop();
  await drained;
});
