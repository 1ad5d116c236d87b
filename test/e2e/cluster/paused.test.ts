/** A relay that stands still while its shares move on, and comes back with the belief that it owns them. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { Proxy } from "../../support/net/proxy.ts";
import {
  ClusterCommands,
  openMember,
  outFolder,
  stopped,
} from "../../support/relay/whole-cluster.ts";
import { until } from "../../support/until.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
/** bytes per second */
const SLOW = 4 * MiB;
/** Less than one that is gone stood still, and more than the time between two pings. */
const IDLE_SECONDS = 15;

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

describe.skipIf(lacksNats)("a relay that stood still while its share moved", () => {
  test.each([
    ["is back before the others take it for gone", false],
    ["is back after they removed what it owned", true],
  ])(
    "%s: it reads the share from the new owner for the receivers that it still has",
    async (_, isGone) => {
      await using cluster = await ClusterCommands.open(1, ["--idle-timeout", `${IDLE_SECONDS}`]);
      const [still] = cluster.relays;
      await using other = await openMember(cluster.nats.urls, {});
      const way = await Proxy.start({ port: still!.port });
      const file = makeFile(folder.path, `${isGone}.bin`, 12 * MiB);
      const code = newCode();
      const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
      const job = { code, path: file.path, receivers: 2, startWhen, limit: SLOW };
      await using sender = send({ relay: way.url, further: [other.url], ...job });
      const outs = [outFolder(folder.path), outFolder(folder.path)];
      await using near = receive({ relay: still!.url, code, out: outs[0]! });
      await using far = receive({ relay: other.url, code, out: outs[1]! });
      for (const one of [near, far]) await one.when("progress", ({ bytes }) => bytes >= MiB);
      await stopped(still!);
      await way[Symbol.asyncDispose]();
      expect(await far.outcome).toEqual(DONE);
      if (isGone) await until(() => other.reports.some(({ event }) => event === "relay-gone"));
      still!.kill("SIGCONT");
      expect(await near.outcome).toEqual(DONE);
      expect(await sender.outcome).toEqual(DONE);
      // The relay takes no client for silent that it did not listen to.
      expect(near.all("relay").filter(({ code }) => code === "timed-out")).toEqual([]);
      for (const out of outs) expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    },
  );
});
