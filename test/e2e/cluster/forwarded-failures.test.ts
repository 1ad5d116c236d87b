/** Relays that are killed or stopped, as processes, while one of them carries a sender to another. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT, RECORD_SIZE, type Code } from "../../../protocol/mod.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile, type MadeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ClusterCommands, outFolder, stopped } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const STORE = { life: 3600 };
/** The upload is under way when something happens. bytes per second */
const SLOW = 2 * MiB;

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** Three relays with a disk each; a fourth that starts has the disk of the first. */
class Stage implements AsyncDisposable {
  readonly code: Code = newCode();
  readonly file: MadeFile;
  readonly cluster: ClusterCommands;
  /** The one address that clients know. */
  readonly front: Proxy;
  readonly #behind: { number: number };
  readonly #stack: AsyncDisposableStack;

  private constructor(
    stack: AsyncDisposableStack,
    cluster: ClusterCommands,
    front: Proxy,
    behind: { number: number },
    bytes: number,
  ) {
    this.#stack = stack;
    this.cluster = cluster;
    this.front = front;
    this.#behind = behind;
    this.file = makeFile(folder.path, `${crypto.randomUUID()}.bin`, bytes);
  }

  static async open(bytes: number): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const stores = crypto.randomUUID();
    const cluster = stack.use(
      await ClusterCommands.open(3, ["--workers", "1", "--admin", "off"], 1, (number) => {
        return ["--store", join(folder.path, `${stores}-${number === 4 ? 1 : number}`)];
      }),
    );
    const behind = { number: 1 };
    const front = stack.use(
      await Proxy.start({
        get port() {
          return cluster.at(behind.number).port;
        },
      }),
    );
    return new Stage(stack.move(), cluster, front, behind, bytes);
  }

  /** Clients come to that relay from now on, and those that are there are cut off. */
  leadTo(number: number): void {
    this.#behind.number = number;
    for (const { cut } of this.front.lines) cut();
  }

  /** A sender whose share relay 1 stores in part, and which relay 2 carries there. */
  async carried(): Promise<Running> {
    const { front, code, file } = this;
    const job = { relay: front.url, code, path: file.path, store: STORE, limit: SLOW };
    const sender = this.#stack.use(send(job));
    await sender.when("storing", ({ bytes }) => bytes >= MiB);
    this.leadTo(2);
    await this.isBack(sender, 1);
    await sender.when("storing", ({ bytes }) => bytes >= 4 * MiB);
    return sender;
  }

  /** It has lost its relay so many times, and has one again. */
  async isBack(sender: Running, times: number): Promise<void> {
    await sender.when("relay", ({ online }) => {
      return online && sender.all("relay").filter((event) => !event.online).length >= times;
    });
  }

  async arrives(number: number): Promise<void> {
    const out = outFolder(folder.path);
    const relay = this.cluster.at(number).url;
    await using receiver = receive({ relay, code: this.code, out });
    expect(await receiver.outcome).toEqual(DONE);
    expect(bytesOf(join(out, this.file.name))).toEqual(this.file.bytes);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Records that went up through the proxy from here on. */
function upFrom(front: Proxy): () => number[] {
  const before = new Map(front.lines.map((line) => [line, line.up.length]));
  return () => front.lines.flatMap((line) => line.up.slice(before.get(line) ?? 0));
}

describe.skipIf(lacksNats)("a sender that relay 2 carries to relay 1", () => {
  test("goes on by relay 3 when relay 2 is killed, and no stored record is sent again", async () => {
    await using stage = await Stage.open(12 * MiB);
    const sender = await stage.carried();
    const stored = sender.all("storing").at(-1)!.bytes;
    stage.cluster.at(2).kill("SIGKILL");
    stage.leadTo(3);
    const up = upFrom(stage.front);
    expect(await sender.outcome).toEqual(DONE);
    expect(Math.min(...up())).toBeGreaterThanOrEqual(Math.floor(stored / RECORD_SIZE));
    await stage.arrives(3);
  });

  test("goes on when relay 1 is killed and starts again, and no stored record is sent again", async () => {
    await using stage = await Stage.open(12 * MiB);
    const sender = await stage.carried();
    const stored = sender.all("storing").at(-1)!.bytes;
    stage.cluster.at(1).kill("SIGKILL");
    await stage.cluster.at(1).exited;
    await sender.when("relay", ({ code }) => code === "going-away");
    const up = upFrom(stage.front);
    await stage.cluster.more();
    expect(await sender.outcome).toEqual(DONE);
    expect(Math.min(...up())).toBeGreaterThanOrEqual(Math.floor(stored / RECORD_SIZE));
    for (const number of [2, 3, 4]) await stage.arrives(number);
  });

  test("is of relay 2 once relay 1 is gone for good, and comes whole", async () => {
    await using stage = await Stage.open(12 * MiB);
    const sender = await stage.carried();
    stage.cluster.at(1).kill("SIGKILL");
    expect(await sender.outcome).toEqual(DONE);
    expect(sender.all("error")).toEqual([]);
    await stage.arrives(3);
  });

  test("goes on when relay 1 stood still, and another sender of relay 2 goes on meanwhile", async () => {
    await using stage = await Stage.open(12 * MiB);
    const sender = await stage.carried();
    await stopped(stage.cluster.at(1));
    const other = makeFile(folder.path, "other.bin", 8 * MiB);
    const code = newCode();
    const out = outFolder(folder.path);
    const { url } = stage.cluster.at(2);
    try {
      await using receiver = receive({ relay: url, code, out });
      await receiver.when("waiting");
      await using fast = send({ relay: url, code, path: other.path });
      expect(await receiver.outcome).toEqual(DONE);
      expect(await fast.outcome).toEqual(DONE);
    } finally {
      stage.cluster.at(1).kill("SIGCONT");
    }
    expect(await sender.outcome).toEqual(DONE);
    await stage.arrives(3);
  });

  test("goes on when relay 2 stood still", async () => {
    await using stage = await Stage.open(10 * MiB);
    const sender = await stage.carried();
    await stopped(stage.cluster.at(2));
    stage.leadTo(3);
    expect(await sender.outcome).toEqual(DONE);
    stage.cluster.at(2).kill("SIGCONT");
    await stage.arrives(2);
  });

  test("is through when relay 1 is told to end, and all of it is there when that starts again", async () => {
    await using stage = await Stage.open(12 * MiB);
    const sender = await stage.carried();
    stage.cluster.at(1).kill("SIGTERM");
    expect(await sender.outcome).toEqual(DONE);
    expect(await stage.cluster.at(1).exited).toBe(EXIT.done);
    await stage.cluster.more();
    for (const number of [2, 4]) await stage.arrives(number);
  });

  test("goes on by relay 3 when relay 2 is told to end", async () => {
    await using stage = await Stage.open(12 * MiB);
    const sender = await stage.carried();
    const stored = sender.all("storing").at(-1)!.bytes;
    stage.cluster.at(2).kill("SIGTERM");
    await sender.when("relay", ({ online }) => !online && sender.all("relay").length > 3);
    stage.leadTo(3);
    const up = upFrom(stage.front);
    expect(await sender.outcome).toEqual(DONE);
    expect(await stage.cluster.at(2).exited).toBe(EXIT.done);
    expect(Math.min(...up())).toBeGreaterThanOrEqual(Math.floor(stored / RECORD_SIZE));
    await stage.arrives(3);
  });
});
