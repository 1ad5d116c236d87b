/** Relays of one cluster at several sites: a share crosses into a region once, and into each site once. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { ClusterRelays, eachOnce, outFolder, sorted } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const newOut = (): string => outFolder(folder.path);

describe.skipIf(lacksNats)("a cluster with relays in two regions", () => {
  const SITES = ["us", "eu/a", "eu/a", "eu/b"];
  const EUROPE = [2, 3, 4];
  let cluster: ClusterRelays;
  beforeAll(async () => {
    const each = (number: number) => ({ site: SITES[number - 1] });
    cluster = await ClusterRelays.open({ workers: [1, 2, 1, 2], each });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test("a share crosses into a region once, and into each of its sites once", async () => {
    const file = makeFile(folder.path, "once.bin", 3 * MiB + 7);
    // Each channel has a gateway of its own.
    for (let at = 0; at < 5; at++) {
      const code = newCode();
      const before = cluster.members.map(({ proxy }) => proxy.down.length);
      const names = EUROPE.map((number) => `at ${number}`);
      await using sender = send({ relay: cluster.at(1).url, code, path: file.path, receivers: 3 });
      const { records } = await sender.when("source");
      const outs = EUROPE.map(() => newOut());
      const running = EUROPE.map((number, index) =>
        receive({ relay: cluster.at(number).url, code, out: outs[index]!, name: names[index]! }),
      );
      for (const each of running) expect(await each.outcome).toEqual(DONE);
      expect(await sender.outcome).toEqual(DONE);
      for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
      const shown = new Set(sender.all("receiver").map(({ name }) => name));
      expect([...shown].toSorted()).toEqual(names);
      const given = cluster.members.map(({ proxy }, index) => proxy.down.slice(before[index]));
      expect(sorted(given[0]!)).toEqual(eachOnce(records));
      // Either relay 4 reads from one at `a`, or one at `a` from relay 4, and the other one at `a` from that.
      const fromB = given[3]!;
      expect([0, records]).toContain(fromB.length);
      expect(sorted(fromB)).toEqual(eachOnce(fromB.length));
      expect(given[1]!.length + given[2]!.length + fromB.length).toBe(2 * records);
    }
  }, 60_000);
});
