/** `recv --checksum-file`: sha256sum -c accepts the list, whatever way the files came. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { LOBBY_CODE } from "../../../protocol/code/code.ts";
import { FAULTS } from "../../../protocol/wire/faults.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";
import {
  newCode,
  receive,
  ReceiverProcess,
  send,
  type Running,
} from "../../support/clients/clients.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { content, makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const MiB = 1024 * 1024;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

const sumOf = (bytes: string | Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** The list as path and sum; sha256sum has to find all of it, where it is installed. */
function listIn(out: string, name = "SHA256SUMS"): Record<string, string> {
  if (!lacksProgram("sha256sum", "coreutils")) {
    const { stdout, stderr, exitCode } = Bun.spawnSync(
      ["sha256sum", "--strict", "--quiet", "-c", name],
      { cwd: out },
    );
    expect(`${stdout.toString()}${stderr.toString()}`).toBe("");
    expect(exitCode).toBe(0);
  }
  const lines = readFileSync(join(out, name), "utf8").trimEnd().split("\n");
  return Object.fromEntries(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

type Job = Partial<Parameters<typeof receive>[0]>;

/** A folder to send, and one to receive in. */
class Place implements Disposable {
  readonly out: string;
  readonly tree: string;
  readonly #folder = temporaryFolder();

  constructor() {
    this.out = join(this.#folder.path, "out");
    this.tree = join(this.#folder.path, "tree");
    mkdirSync(this.out);
    mkdirSync(join(this.tree, "deep/er"), { recursive: true });
    writeFileSync(join(this.tree, "a"), content(1, 3 * MiB));
    writeFileSync(join(this.tree, "deep/er/b"), "b");
    writeFileSync(join(this.tree, "empty"), "");
  }

  get path(): string {
    return this.#folder.path;
  }

  /** Sends those paths, or the tree, to one receiver with --checksum-file. */
  async receives(job: Job = {}, paths: readonly string[] = [this.tree]): Promise<Running> {
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    await using sender = send({ ...at, what: { from: "paths", paths } });
    const receiver = receive({ ...at, out: this.out, checksumFile: true, ...job });
    expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: 0 });
    await sender.outcome;
    return receiver;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const TREE = {
  "tree/a": sumOf(content(1, 3 * MiB)),
  "tree/deep/er/b": sumOf("b"),
  "tree/empty": sumOf(""),
};

/** The same below another name. */
function under(name: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(TREE).map(([path, sum]) => [path.replace(/^tree/, name), sum]),
  );
}

describe("SHA256SUMS lists", () => {
  test("a single file, whose bytes are counted as they come", async () => {
    using at = new Place();
    const file = makeFile(at.path, "one.bin", 5 * MiB);
    const receiver = await at.receives({}, [file.path]);
    expect(listIn(at.out)).toEqual({ "one.bin": sumOf(file.bytes) });
    expect(receiver.all("hashing")).toEqual([]);
    const path = join(at.out, "SHA256SUMS");
    expect(receiver.all("checksums")).toEqual([
      { event: "checksums", path, files: 1, unlisted: 0 },
    ]);
  });

  test("a folder and a file together, by their paths", async () => {
    using at = new Place();
    const file = makeFile(at.path, "one.bin", 1000);
    await at.receives({}, [at.tree, file.path]);
    expect(listIn(at.out)).toEqual({ ...TREE, "one.bin": sumOf(file.bytes) });
  });

  test("files under the names that they got: with a prefix, and numbered", async () => {
    using at = new Place();
    await at.receives({ prefix: "p_" });
    writeFileSync(join(at.out, "p_tree/a"), "mine");
    await at.receives({ prefix: "p_" });
    expect(existsSync(join(at.out, "p_tree (1)/a"))).toBe(true);
    writeFileSync(join(at.out, "p_tree/a"), content(1, 3 * MiB));
    expect(listIn(at.out)).toEqual({ ...under("p_tree"), ...under("p_tree (1)") });
  });

  test("files that get another name here, because theirs is unsafe", async () => {
    using at = new Place();
    writeFileSync(join(at.tree, "a\tb"), "ab");
    const what = { from: "paths", paths: [at.tree], offerUnsafe: true } as const;
    const way = { relay: `${relay.url}/ws`, code: newCode() };
    await using sender = send({ ...way, what });
    const job = { ...way, out: at.out, checksumFile: true, renameUnsafe: true };
    await using receiver = receive(job);
    expect((await receiver.outcome).exitCode).toBe(0);
    await sender.outcome;
    const { to } = await receiver.when("renamed");
    expect(listIn(at.out)).toEqual({ ...TREE, [to]: sumOf("ab") });
  });

  test("files that were there already, also where nothing is fetched", async () => {
    using at = new Place();
    await at.receives({ checksumFile: false });
    expect(readdirSync(at.out)).toEqual(["tree"]);
    const receiver = await at.receives();
    expect(receiver.all("saved")).toEqual([]);
    expect(receiver.all("hashing")).toEqual([{ event: "hashing", files: 3 }]);
    expect(listIn(at.out)).toEqual(TREE);
    await at.receives({ checksum: true, onExists: "overwrite" });
    expect(listIn(at.out)).toEqual(TREE);
  });

  test("files that are left as they are by what they hold, and those beside them", async () => {
    using at = new Place();
    mkdirSync(join(at.out, "tree"));
    writeFileSync(join(at.out, "tree/a"), "mine");
    await at.receives({ onExists: "skip" });
    expect(listIn(at.out)).toEqual({ ...TREE, "tree/a": sumOf("mine") });
  });

  test("a file that a killed receiver began, and another run went on with", async () => {
    using at = new Place();
    await using proxy = await Proxy.start({ port: relay.port });
    const file = makeFile(at.path, "one.bin", 6 * MiB);
    const code = newCode();
    await using sender = send({ relay: `${relay.url}/ws`, code, path: file.path });
    const job = { relay: proxy.url, code, out: at.out, checksumFile: true };
    const held = proxy.holdAfter(3);
    {
      await using first = new ReceiverProcess(job);
      await held;
      await sender.when("receiver", ({ records }) => records === 3);
      await first.kill();
    }
    proxy.cut();
    await using second = receive(job);
    expect((await second.outcome).exitCode).toBe(0);
    expect(second.all("resumed")).toHaveLength(1);
    expect(second.all("hashing")).toEqual([{ event: "hashing", files: 1 }]);
    expect(listIn(at.out)).toEqual({ "one.bin": sumOf(file.bytes) });
  });

  test("no file that changed while it was sent", async () => {
    using at = new Place();
    const way = { relay: `${relay.url}/ws`, code: newCode() };
    await using sender = send({ ...way, path: at.tree, limit: 2 * MiB });
    await using receiver = receive({ ...way, out: at.out, checksumFile: true });
    await sender.when("progress", ({ bytes }) => bytes >= MiB);
    appendFileSync(join(at.tree, "a"), "more");
    expect(await receiver.outcome).toMatchObject({ fault: "not-whole" });
    expect(receiver.all("checksums")).toMatchObject([{ files: 2, unlisted: 1 }]);
    const { "tree/a": _, ...whole } = TREE;
    expect(listIn(at.out)).toEqual(whole);
  });

  test("the files that the lobby brings, one after the other", async () => {
    using at = new Place();
    const way = { relay: `${relay.url}/ws`, code: LOBBY_CODE };
    const job = { ...way, out: at.out, prefix: "rcv_", lobby: true, checksumFile: true };
    await using receiver = receive(job);
    await receiver.when("waiting");
    for (const [number, name] of ["one", "two"].entries()) {
      const file = makeFile(at.path, name, 1000);
      await using sender = send({ ...way, path: file.path });
      await receiver.when("checksums", (event) => {
        return receiver.all("checksums").indexOf(event) === number;
      });
      await sender.outcome;
    }
    expect(Object.keys(listIn(at.out))).toEqual(["rcv_one", "rcv_two"]);
  });
});

test("a SHA256SUMS of the sender arrives as it is, and the list lies beside it", async () => {
  using at = new Place();
  const theirs = join(at.path, "SHA256SUMS");
  writeFileSync(theirs, `${sumOf("b")}  b\n`);
  await at.receives({}, [at.tree, theirs]);
  expect(readFileSync(join(at.out, "SHA256SUMS"), "utf8")).toBe(`${sumOf("b")}  b\n`);
  const sum = sumOf(readFileSync(theirs));
  expect(listIn(at.out, "SHA256SUMS (1)")).toEqual({ ...TREE, SHA256SUMS: sum });
});

test("a list that cannot be written is a fault of the receiver, and the sender has its receipt", async () => {
  using at = new Place();
  const way = { relay: `${relay.url}/ws`, code: newCode() };
  for (let number = 0; number <= 999; number++) {
    mkdirSync(join(at.out, number === 0 ? "SHA256SUMS" : `SHA256SUMS (${number})`));
  }
  await using sender = send({ ...way, path: at.tree });
  await using receiver = receive({ ...way, out: at.out, checksumFile: true });
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  const { exitCode } = FAULTS["name-exhausted"];
  expect(await receiver.outcome).toEqual({ fault: "name-exhausted", exitCode });
  expect(receiver.all("done")).toHaveLength(1);
  expect(existsSync(join(at.out, "tree/a"))).toBe(true);
});

describe("where nothing is saved", () => {
  /** fileshare recv with these words, for what a sender sends. */
  async function recv(words: readonly string[], sent: readonly string[], cwd: string) {
    const code = newCode();
    const env = { ...cleanEnv(), FILESHARE_RELAY: relay.url, FILESHARE_CODE: code, NO_COLOR: "1" };
    const spawn = (args: readonly string[]) =>
      Bun.spawn([...FILESHARE, ...args], {
        env,
        cwd,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
    const sender = sent.length > 0 ? spawn(["send", "--code", code, ...sent]) : undefined;
    const receiver = spawn(["recv", "--yes", "--checksum-file", ...words]);
    const [out, err] = await Promise.all([receiver.stdout.text(), receiver.stderr.text()]);
    await sender?.exited;
    return { out, err, exitCode: await receiver.exited };
  }

  test("a text is shown, and a sentence says that nothing is listed", async () => {
    using at = new Place();
    const { out, exitCode } = await recv([], ["--text", "hello"], at.out);
    expect(exitCode).toBe(0);
    expect(out).toContain("hello\n");
    expect(out).toContain("SHA256SUMS lists nothing: the share saves no file\n");
    expect(readdirSync(at.out)).toEqual([]);
  });

  test("--stdout refuses it before anything starts", async () => {
    using at = new Place();
    const { err, exitCode } = await recv(["--stdout"], [], at.out);
    expect(exitCode).toBe(2);
    expect(err).toContain("--stdout saves no file that --checksum-file could list");
  });
});
