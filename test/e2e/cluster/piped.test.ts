/** Shares that can't be read again, in a cluster whose relays die: receivers lose no byte, or are told so. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import type { ClientEvent } from "../../../cli/mod.ts";
import { newCode, receive, type Running } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { content } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { ClusterCommands, outFolder } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** A sender at relay 1 that is piped into, and receivers at those relays. */
class Piped implements AsyncDisposable {
  readonly bytes = content(3, 12 * MiB + 5);
  readonly sender: ReturnType<typeof fileshare>;
  readonly receivers: readonly Running[];
  readonly seen: ClientEvent[] = [];
  readonly #outs: readonly string[];

  constructor(cluster: ClusterCommands, places: readonly number[]) {
    const code = newCode();
    const { relay, further } = cluster.from(1);
    const count = `${places.length}`;
    const words = ["--receivers", count, "--wait-for", count, "--limit", "4M", "--name", "log"];
    const env = { FILESHARE_CODE: code, FILESHARE_RELAY: [relay, ...further].join(",") };
    const see = (event: ClientEvent): void => void this.seen.push(event);
    this.sender = fileshare(["send", "-", ...words], env, see, this.bytes);
    this.#outs = places.map(() => outFolder(folder.path));
    this.receivers = places.map((number, at) =>
      receive({ ...cluster.from(number), code, out: this.#outs[at]! }),
    );
  }

  async isUnderWay(): Promise<void> {
    await Promise.all(
      this.receivers.map((one) => one.when("progress", ({ bytes }) => bytes >= 2 * MiB)),
    );
  }

  async ends(): Promise<void> {
    await this.sender.events();
    const outcomes = await Promise.all(this.receivers.map((one) => one.outcome));
    expect(outcomes).toEqual(this.receivers.map(() => DONE));
    for (const out of this.#outs) expect(bytesOf(join(out, "log"))).toEqual(this.bytes);
    expect(await this.sender.exited).toBe(EXIT.done);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sender[Symbol.asyncDispose]();
    await Promise.all(this.receivers.map((one) => one[Symbol.asyncDispose]()));
  }
}

describe.skipIf(lacksNats)("what is piped into a sender comes whole", () => {
  test.each([
    ["the owner, which has no receiver,", 1, [2, 3]],
    ["the edge of the only receiver", 2, [2]],
  ])("when %s is killed", async (_, number, places) => {
    await using cluster = await ClusterCommands.open(3);
    await using piped = new Piped(cluster, places);
    await piped.isUnderWay();
    cluster.at(number).kill("SIGKILL");
    await piped.ends();
  });

  test("when its relays are told to end one after the other", async () => {
    await using cluster = await ClusterCommands.open(3, ["--drain", "0"]);
    await using piped = new Piped(cluster, [1, 3]);
    await piped.isUnderWay();
    cluster.at(1).kill("SIGTERM");
    await cluster.at(1).exited;
    await Promise.all(
      piped.receivers.map((one) => one.when("progress", ({ bytes }) => bytes >= 6 * MiB)),
    );
    cluster.at(2).kill("SIGTERM");
    await piped.ends();
  });
});
