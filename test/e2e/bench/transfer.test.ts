import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { carry, checkFile } from "../../../bench/carry.ts";
import { at, writePattern } from "../../../bench/load/pattern.ts";
import { parseOptions } from "../../../bench/options.ts";
import { small } from "../../../bench/scenarios/small.ts";
import { transfer } from "../../../bench/scenarios/transfer.ts";
import { removeSources } from "../../../bench/sources.ts";
import type { Carriage } from "../../../bench/systems/carrier.ts";
import { systemOf } from "../../../bench/systems/registry.ts";
import { MiB } from "../../support/bench/load.ts";
import { StandIns } from "../../support/bench/stand-ins.ts";
import { lacks } from "../../needs.ts";
import { WAIT_MS } from "../../support/patience.ts";

afterAll(removeSources);

/** With stand-ins, wormhole is the one that may be missing. */
const WORMHOLE = [
  "magic-wormhole",
  "magic-wormhole-transit-relay",
  "python3-magic-wormhole-mailbox-server",
] as const;

/** Debian has no croc and no sendme, so where they are not installed others answer to their names. */
const standIns = new StandIns(["croc", "sendme"]);
afterAll(() => standIns[Symbol.dispose]());

const missing = new Map<string, boolean>();
for (const name of transfer.systems) {
  const isHere = (await systemOf(name).find()).missing === undefined;
  missing.set(name, lacks(isHere, ...WORMHOLE));
}

/** Ends a program that hangs; nothing is measured by it. */
const limit = (): AbortSignal => AbortSignal.timeout(WAIT_MS);

describe("a transfer", () => {
  const options = parseOptions(["--size", "3MiB"], transfer.options);
  const ours = transfer.cases(options, ["fileshare"]);

  test.each(ours)("of fileshare, $variant", async (each) => {
    const run = await each.run(limit());
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(3 * MiB);
    expect(run.relayCpuSeconds).toBeGreaterThanOrEqual(0);
    expect(run.extra["senderCpuSeconds"]).toBeGreaterThan(0);
    expect(run.extra["receiverCpuSeconds"]).toBeGreaterThan(0);
  });

  for (const name of transfer.systems.filter((each) => each !== "fileshare")) {
    const title = `of ${name}${standIns.names.includes(name) ? ", by a stand-in" : ""}`;
    test.skipIf(missing.get(name) === true)(title, async () => {
      const [each] = transfer.cases(options, [name]);
      const run = await each!.run(limit());
      expect(run.invalid).toBeUndefined();
      expect(run.seconds).toBeGreaterThan(0);
    });
  }

  test("whose receiver fails leaves no figures", async () => {
    const failing: Carriage = {
      pids: [],
      order: { first: "sender", says: /ready as (\w+)/ },
      senderEnds: false,
      sender: () => ({ command: ["sh", "-c", "echo ready as $WHO; sleep 60"], env: { WHO: "me" } }),
      receiver: (_, said) => ({ command: ["sh", "-c", `echo ${said} fell over >&2; exit 3`] }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    await expectFault(carry(failing, "a", "b", limit()), "sh ended with 3");
    await expectFault(carry(failing, "a", "b", limit()), "me fell over");
  });

  test("that changed a byte, or lost the last, is found out", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bench-"));
    try {
      const path = join(folder, "file");
      await writePattern(path, 6000);
      await checkFile(path, 6000);
      await writePattern(path, 5000); // and nothing is left of what was longer
      await checkFile(path, 5000);
      await expectFault(checkFile(path, 5001), "5000 bytes arrived of 5001");
      const changed = Uint8Array.from(at(0, 5000));
      changed[4999]! ^= 1;
      await Bun.write(path, changed);
      await expectFault(checkFile(path, 5000), "a byte from 0 on is wrong");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("small files", () => {
  const args = ["--small-sends", "1", "--small-count", "20"];
  const cases = small.cases(parseOptions(args, small.options), ["fileshare"]);

  test("are sent with the real commands", async () => {
    const run = await cases.find(({ variant }) => variant === "send to saved")!.run(limit());
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(1024);
    expect(run.completion.p50).toBeGreaterThan(0);
  });

  test("are sent in a row", async () => {
    const run = await cases.find(({ variant }) => variant === "in a row")!.run(limit());
    expect(run.invalid).toBeUndefined();
    expect(run.extra["shares"]).toBe(20);
    expect(run.bytes).toBe(20 * 1024);
  });
});

async function expectFault(promise: Promise<unknown>, words: string): Promise<void> {
  const error = await promise.then(
    () => "nothing was wrong",
    (reason: unknown) => String(reason),
  );
  expect(error).toContain(words);
}
