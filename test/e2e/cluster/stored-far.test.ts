/** Shares that a relay in another region stores: what it says of them passes the gateways too. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { ClusterRelays, outFolder, storesIn } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const newOut = (): string => outFolder(folder.path);

describe.skipIf(lacksNats)("a share that is stored in another region", () => {
  stateOfEachTest();

  test("comes by the gateways, counts its downloads, and is exhausted at each relay", async () => {
    const sites = ["us", "eu/a", "eu/b"];
    const store = storesIn(folder.path);
    const each = (number: number) => ({ ...store(number), site: sites[number - 1] });
    await using cluster = await ClusterRelays.open({ workers: [1, 1, 2], each });
    const file = makeFile(folder.path, "stored.bin", 6 * MiB);
    // Relay 2 is the gateway of one of them, and relay 3 that of another one.
    for (let at = 0; at < 3; at++) {
      const code = newCode();
      const wish = { life: 7 * 24 * 60 * 60, downloads: 1 };
      const job = { code, path: file.path, store: wish };
      expect(await send({ relay: cluster.at(1).url, ...job }).outcome).toEqual(DONE);
      const outs = [newOut(), newOut()];
      const slow = receive({ relay: cluster.at(2).url, code, out: outs[0]!, limit: MiB });
      await slow.when("progress", ({ bytes }) => bytes > 0);
      expect(await receive({ relay: cluster.at(3).url, code, out: outs[1]! }).outcome).toEqual(
        DONE,
      );
      for (const { url } of cluster.members) {
        const { fault } = await receive({ relay: url, code, out: newOut() }).outcome;
        expect(fault).toBe("exhausted");
      }
      expect(await slow.outcome).toEqual(DONE);
      for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    }
  }, 120_000);
});
