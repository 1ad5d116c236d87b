import { expect, test } from "bun:test";

import { DEFAULT_LIMITS } from "../../../relay/mod.ts";
import { LiveLimits } from "../../../relay/limits/limits.ts";
import { QUIET_MS, Upload } from "../../../relay/lobby/http/upload.ts";
import { LocalLine, type ClientRouter } from "../../../relay/net/client-router.ts";
import { MemoryBudget } from "../../../relay/limits/memory-budget.ts";

test("an upload that waits says so before a proxy takes its answer for dead", async () => {
  let now = 0;
  const clock = (): number => now;
  const nothing = (): void => undefined;
  const clientRouter: Pick<ClientRouter, "connect"> = {
    connect: (client) =>
      new LocalLine({ later: nothing } as unknown as ClientRouter, -1, client, ""),
  };
  const upload = new Upload({
    clientRouter: clientRouter as ClientRouter,
    recordCaches: undefined as never,
    clock,
    client: { address: "127.0.0.1", limitKey: undefined, origin: "http://relay" },
    limits: new LiveLimits(DEFAULT_LIMITS),
    memory: new MemoryBudget(clock),
    left: nothing,
    cut: nothing,
    request: new Request("http://relay/lobby/x", { method: "PUT", body: "some" }),
    name: "x",
    size: 4,
    waitFor: 3,
    answer: "at-once",
  });
  const response = await upload.response;
  const lines = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const line = async (): Promise<string | undefined> => (await lines.read()).value;
  expect(await line()).toBe("x is in the lobby; waiting for 3 receivers\n");
  for (let at = 0; at < 3; at++) {
    now += QUIET_MS - 1;
    upload.tick();
    now += 1;
    upload.tick();
    expect(await line()).toBe("still waiting for 3 receivers\n");
  }
  // The timeout of HAProxy in Debian; nginx waits for 60 s.
  expect(QUIET_MS).toBeLessThan(50_000);
});
