/** The list of the lobby in the page: it sees what is offered, and no sender counts it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { LISTED_FILES, LobbyList } from "../../../web/client/lobby-list.ts";
import type { LobbyEvent, LobbyShare } from "../../../web/job/lobby-messages.ts";
import { receive, send } from "../../support/clients/clients.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { ownPort } from "../../support/net/own-port.ts";

let relay: Relay;
beforeEach(async () => {
  relay = await startRelay({ workers: 1, port: await ownPort() });
});
afterEach(() => relay.stop());

const address = (): string => `${relay.url}/ws`;

class PageList implements AsyncDisposable {
  readonly seen: LobbyEvent[] = [];
  readonly #list: LobbyList;
  #news = Promise.withResolvers<void>();

  constructor(url = address()) {
    this.#list = new LobbyList({ t: "lobby-list", relay: url }, (event) => {
      this.seen.push(event);
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    });
  }

  /** The last list, once it passes. */
  async when(passes: (shares: readonly LobbyShare[]) => boolean): Promise<readonly LobbyShare[]> {
    for (;;) {
      const last = this.seen.findLast((event) => event.t === "lobby");
      if (last !== undefined && passes(last.shares)) return last.shares;
      await this.#news.promise;
    }
  }

  async end(): Promise<void> {
    this.#list.command({ t: "stop" });
    while (this.seen.at(-1)?.t !== "end") await this.#news.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

const paths = (shares: readonly LobbyShare[]): string[] =>
  shares.flatMap(({ files }) => files.map(({ path }) => path)).toSorted();

test("shares of terminals and uploads of curl are listed, and go when they end", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "of-a-terminal.bin", 5000);
  await using list = new PageList();
  expect(await list.when(() => true)).toEqual([]);
  {
    await using sender = send({ relay: address(), code: LOBBY_CODE, path: file.path });
    const shares = await list.when((all) => all.length === 1);
    expect(shares).toMatchObject([
      {
        kind: "files",
        bytes: 5000,
        more: 0,
        open: false,
        files: [{ path: file.name, size: 5000 }],
      },
    ]);
    const upload = fetch(`${relay.url.replace("ws", "http")}/lobby/of-curl.txt`, {
      method: "PUT",
      body: "text",
    });
    expect(paths(await list.when((all) => all.length === 2))).toEqual([
      "of-a-terminal.bin",
      "of-curl.txt",
    ]);
    await using receiver = receive({
      relay: address(),
      code: LOBBY_CODE,
      out: folder.path,
      onExists: "number",
      lobby: true,
    });
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    expect((await upload).status).toBe(200);
    await receiver.when("saved", ({ path }) => path.endsWith("of-curl.txt"));
  }
  expect(await list.when((all) => all.length === 0)).toEqual([]);
});

test("a look counts for no start gate, and a sender forgets it", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 3_000_000);
  await using sender = send({
    relay: address(),
    code: LOBBY_CODE,
    path: file.path,
    startWhen: { receivers: 1, minWaitMs: 0, maxWaitMs: undefined },
    receivers: 1,
  });
  await using list = new PageList();
  await list.when((all) => all.length === 1);
  await sender.when("receiver", ({ state }) => state === "left");
  const states = new Set(sender.all("receiver").map(({ state }) => state));
  expect(states).toEqual(states.has("waiting") ? new Set(["waiting", "left"]) : new Set(["left"]));
  await using receiver = receive({
    relay: address(),
    code: LOBBY_CODE,
    out: folder.path,
    prefix: "r-",
  });
  expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
  expect(sender.all("done")).toMatchObject([{ receivers: 1 }]);
  expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
});

test("a tree shows its first files and how many more there are", async () => {
  using folder = temporaryFolder();
  const tree = join(folder.path, "tree");
  mkdirSync(tree);
  for (let i = 0; i < LISTED_FILES + 7; i++) writeFileSync(join(tree, `f${1000 + i}`), "x");
  await using _ = send({ relay: address(), code: LOBBY_CODE, path: tree });
  await using list = new PageList();
  const [share] = await list.when((all) => all.length === 1);
  expect(share).toMatchObject({ more: 7, bytes: LISTED_FILES + 7 });
  expect(share!.files).toHaveLength(LISTED_FILES);
});

test("a share whose sender admits receivers is not joined, and has no names", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 3000);
  await using sender = send({ relay: address(), code: LOBBY_CODE, path: file.path, ask: true });
  await using list = new PageList();
  expect(await list.when((all) => all.length === 1)).toMatchObject([{ files: [], bytes: 3000 }]);
  await list.end();
  expect(sender.all("receiver")).toEqual([]);
  expect(sender.all("asks")).toEqual([]);
});

test("the list comes back with a relay that starts again", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 3000);
  await using list = new PageList();
  await list.when(() => true);
  const { port } = relay;
  await relay.stop();
  relay = await startRelay({ workers: 1, port });
  await using _ = send({ relay: address(), code: LOBBY_CODE, path: file.path });
  expect(paths(await list.when((all) => all.length === 1))).toEqual(["a.bin"]);
  expect(list.seen.filter((event) => event.t === "link").map(({ online }) => online)).toEqual([
    true,
    false,
    true,
  ]);
});
