/** A share that can't be read again, in a cluster whose relays die: no byte is lost. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
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
  readonly #outs: readonly string[];

  constructor(cluster: ClusterCommands, places: readonly number[]) {
    const code = newCode();
    const { relay, further } = cluster.from(1);
    const count = `${places.length}`;
    const words = ["--receivers", count, "--wait-for", count, "--limit", "4M", "--name", "log"];
    const env = { FILESHARE_CODE: code, FILESHARE_RELAY: [relay, ...further].join(",") };
    this.sender = fileshare(["send", "-", ...words], env, undefined, this.bytes);
    this.#outs = places.map(() => outFolder(folder.path));
    this.receivers = places.map((number, at) =>
      receive({ ...cluster.from(number), code, out: this.#outs[at]! }),
    );
  }

  /** All receivers have so many bytes. */
  async have(least: number): Promise<void> {
    await Promise.all(
      this.receivers.map((one) => one.when("progress", ({ bytes }) => bytes >= least)),
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

test.skipIf(lacksNats)(
  "what is piped into a sender comes whole when an edge is killed, and then the owner",
  async () => {
    await using cluster = await ClusterCommands.open(3);
    await using piped = new Piped(cluster, [2, 3]);
    await piped.have(2 * MiB);
    cluster.at(3).kill("SIGKILL");
    await piped.have(6 * MiB);
    cluster.at(1).kill("SIGKILL");
    await piped.ends();
  },
);
