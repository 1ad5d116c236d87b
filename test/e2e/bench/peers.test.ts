import { afterAll, describe, expect, test } from "bun:test";

import { removeSources } from "../../../bench/sources.ts";
import type { System } from "../../../bench/systems/system.ts";
import { nginx } from "../../../bench/systems/nginx.ts";
import { original } from "../../../bench/systems/original.ts";
import { pipingServer } from "../../../bench/systems/piping-server.ts";
import { measure, MiB } from "../../support/bench/load.ts";
import { lacks } from "../../needs.ts";

afterAll(removeSources);

const python = ["python3-fastapi", "python3-uvicorn", "python3-websockets"] as const;
const missing = new Map<System, boolean>();
for (const [each, ...packages] of [
  [nginx, "nginx"],
  [original, ...python],
  [pipingServer],
] as const) {
  missing.set(each, lacks((await each.find()).missing === undefined, ...packages));
}

function peerTest(system: System, what: string, run: () => Promise<void>): void {
  test.skipIf(missing.get(system) === true)(`${system.name} ${what}`, run);
}

test("Piping Server comes with the development dependencies", async () => {
  expect((await pipingServer.find()).missing).toBeUndefined();
});

describe("a peer", () => {
  for (const [system, workers] of [
    [nginx, 1],
    [nginx, 2],
    [pipingServer, 1],
    [original, 1],
  ] as const) {
    peerTest(system, `(${workers}) gives all bytes to all receivers`, async () => {
      const size = 5 * MiB + 1000;
      const run = await measure(system, [{ kind: "healthy", count: 3 }], { workers });
      expect(run.invalid).toBeUndefined();
      expect(run.perReceiver.map(({ bytes }) => bytes)).toEqual([size, size, size]);
      expect(run.perReceiver.every(({ completion }) => completion !== undefined)).toBe(true);
      expect(run.relayRssAnonPeak).toBeGreaterThan(0);
    });
  }

  peerTest(nginx, "lets the slow and the stopped hold up nobody, and takes late ones", async () => {
    const run = await measure(
      nginx,
      [
        { kind: "healthy", count: 2 },
        { kind: "slow", count: 1, bytesPerSecond: 1000 },
        { kind: "stopped", count: 1 },
        { kind: "late", count: 1 },
      ],
      { joinAt: new Map([[3, 0.5]]) },
    );
    expect(run.invalid).toBeUndefined();
    const done = run.perReceiver.map(({ completion }) => completion !== undefined);
    expect(done).toEqual([true, true, false, false, true]);
  });
});
