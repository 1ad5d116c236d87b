/** Relays that commands of one machine carry at the same time. */
import { expect, test } from "bun:test";

import { startCarried } from "../../../cli/carry/carried-relay.ts";
import { ownPort } from "../../support/net/own-port.ts";

test("of commands that start together one gets the wanted port, and all carry", async () => {
  const wanted = await ownPort();
  const options = { exact: undefined, wanted, lobby: false };
  const started = await Promise.all([1, 2, 3].map(() => startCarried(options)));
  await using stack = new AsyncDisposableStack();
  for (const one of started) stack.use(one);
  const ports = started.map(({ port }) => port);
  expect(new Set(ports).size).toBe(started.length);
  for (const { port, taken } of started) {
    expect(taken).toBe(port === wanted ? undefined : wanted);
  }
});

test("a port that has to be is no other", async () => {
  const exact = await ownPort();
  await using first = await startCarried({ exact, lobby: false });
  expect(first.port).toBe(exact);
  const second = await startCarried({ exact, lobby: false }).catch((error: unknown) => error);
  expect(second).toMatchObject({ code: "port-in-use" });
});
