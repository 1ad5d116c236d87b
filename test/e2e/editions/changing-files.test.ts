/** Files that change, grow or go away while they are sent: all others arrive, and both sides name these. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { ClientEvent } from "../../../cli/mod.ts";
import { EXIT, FAULTS } from "../../../protocol/wire/faults.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import { fileshare } from "../../support/clients/command.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";

const MiB = 1024 * 1024;
const SMALL = 300;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

const small = (number: number): string => `s${String(number).padStart(3, "0")}`;

/** Two large files and many small ones, in this order. */
function plant(folder: string): string {
  const tree = join(folder, "tree");
  mkdirSync(tree);
  makeFile(tree, "a-log", 6 * MiB, 1);
  makeFile(tree, "b-image", 6 * MiB, 2);
  for (let i = 0; i < SMALL; i++) makeFile(tree, small(i), 10_000 + i);
  writeFileSync(join(tree, "z-empty"), "");
  return tree;
}

/** In place, and with the size that it has. */
function overwrite(path: string, position: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, content(77, 1000), 0, 1000, position);
  closeSync(fd);
}

/** Files that a client names as not whole. */
function unsound(client: Running): Record<string, string> {
  const told = client.all("unsound");
  expect(told.map(({ more }) => more)).toEqual(told.map(() => 0));
  return Object.fromEntries(
    told.flatMap(({ files }) => files.map(({ path, what }) => [path.replace("tree/", ""), what])),
  );
}

const isUnder = async (sender: Running, bytes: number): Promise<unknown> =>
  sender.when("progress", (progress) => progress.bytes >= bytes);

describe("of a tree whose files change amid its transfer", () => {
  test("all others arrive whole, a log is saved as far as it was offered, and all ends with 3", async () => {
    using folder = temporaryFolder();
    const tree = plant(folder.path);
    const was = (name: string): Uint8Array => before.get(name)!;
    const before = new Map(readdirSync(tree).map((name) => [name, bytesOf(join(tree, name))]));
    const outs = ["one", "two"].map((name) => join(folder.path, name));
    for (const out of outs) mkdirSync(out);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    await using sender = send({ ...at, path: tree, receivers: 2, limit: 4 * MiB });
    await using one = receive({ ...at, out: outs[0]! });
    await using two = receive({ ...at, out: outs[1]! });

    await isUnder(sender, 2 * MiB);
    appendFileSync(join(tree, "a-log"), "one line more");
    rmSync(join(tree, small(100)));
    appendFileSync(join(tree, small(150)), "more");
    writeFileSync(join(tree, small(200)), "another and shorter");
    rmSync(join(tree, small(250)));
    mkdirSync(join(tree, small(250)));
    writeFileSync(join(tree, "replaced"), "replaced by a longer one".repeat(1000));
    renameSync(join(tree, "replaced"), join(tree, small(260)));
    appendFileSync(join(tree, "z-empty"), "not any more");
    await isUnder(sender, 7 * MiB);
    overwrite(join(tree, "b-image"), 1000);

    for (const receiver of [one, two]) {
      expect(await receiver.outcome).toEqual({ fault: "not-whole", exitCode: 3 });
    }
    expect(await sender.outcome).toEqual({ fault: "files-changed", exitCode: 3 });
    // Each receipt proved that every record came.
    expect(sender.all("done")).toMatchObject([{ receivers: 2 }]);
    const expected = {
      "a-log": "grown",
      "b-image": "changed",
      [small(100)]: "missing",
      [small(150)]: "grown",
      [small(200)]: "changed",
      [small(250)]: "missing",
      [small(260)]: "changed",
      "z-empty": "grown",
    };
    for (const client of [sender, one, two]) expect(unsound(client)).toEqual(expected);
    const lost = new Set(Object.keys(expected).filter((name) => expected[name] !== "grown"));
    const whole = [...before.keys()].filter((name) => !lost.has(name)).toSorted();
    for (const out of outs) {
      expect(list(out)).toEqual(["tree"]);
      expect(list(join(out, "tree"))).toEqual(whole);
      for (const name of whole) expect(bytesOf(join(out, "tree", name))).toEqual(was(name));
    }
  });

  test("--strict ends the share on both sides; the same commands again go on with the same code", async () => {
    using folder = temporaryFolder();
    const tree = plant(folder.path);
    const out = join(folder.path, "out");
    mkdirSync(out);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    const keep = { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false };
    const job = { ...at, path: tree, strict: true, keep };
    await using sender = send({ ...job, limit: 4 * MiB });
    await using receiver = receive({ ...at, out });
    await isUnder(sender, 2 * MiB);
    rmSync(join(tree, small(100)));
    expect(await sender.outcome).toEqual({ fault: "source-changed", exitCode: 1 });
    expect(await receiver.outcome).toEqual({ fault: "source-changed", exitCode: 1 });
    expect(list(out).filter((name) => !name.endsWith(".partial"))).toEqual([]);
    expect(FAULTS["source-changed"].advice).toContain("run the same command again");
    await using again = send({ ...job, code: newCode() });
    expect((await again.when("code")).code).toBe(at.code);
    await using back = receive({ ...at, out });
    expect((await back.outcome).exitCode).toBe(0);
    expect((await again.outcome).exitCode).toBe(0);
    expect(list(out)).toEqual(["tree"]);
    expect(list(join(out, "tree"))).toEqual(readdirSync(tree).toSorted());
  });

  test("a log that is written to all the time arrives as far as it was offered", async () => {
    using folder = temporaryFolder();
    const log = makeFile(folder.path, "log", 8 * MiB);
    const out = join(folder.path, "out");
    mkdirSync(out);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    const writer = setInterval(() => appendFileSync(log.path, "a line\n"), 1);
    await using sender = send({ ...at, path: log.path, limit: 16 * MiB });
    await using receiver = receive({ ...at, out });
    await sender.outcome;
    clearInterval(writer);
    expect(await receiver.outcome).toEqual({ fault: "not-whole", exitCode: 3 });
    expect(unsound(receiver)).toEqual({ log: "grown" });
    const arrived = readFileSync(join(out, "log"));
    expect(readFileSync(log.path).subarray(0, arrived.length).equals(arrived)).toBe(true);
    expect(arrived.length).toBeGreaterThanOrEqual(8 * MiB);
  });

  test("one that was cut in half and written on is not taken for one that grew", async () => {
    using folder = temporaryFolder();
    const tree = plant(folder.path);
    const out = join(folder.path, "out");
    mkdirSync(out);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    await using sender = send({ ...at, path: tree, limit: 4 * MiB });
    await using receiver = receive({ ...at, out });
    await isUnder(sender, MiB);
    truncateSync(join(tree, "a-log"), 0);
    writeFileSync(join(tree, "a-log"), content(5, 7 * MiB));
    expect((await receiver.outcome).exitCode).toBe(3);
    expect((await sender.outcome).exitCode).toBe(3);
    expect(unsound(receiver)).toEqual({ "a-log": "changed" });
    expect(list(join(out, "tree"))).not.toContain("a-log");
  });

  test("the advice of both sides holds: run again, --overwrite fetches these alone", async () => {
    using folder = temporaryFolder();
    const tree = join(folder.path, "tree");
    mkdirSync(tree);
    for (const name of ["fine", "grows"]) writeFileSync(join(tree, name), name);
    const env = { FILESHARE_CODE: newCode() };
    const at = ["--relay", relay.url];
    const recv = ["recv", "--yes", "--out", folder.path, "--prefix", "got-", ...at];
    const run = async (receive: readonly string[], change: () => void) => {
      const told: ClientEvent[] = [];
      await using sender = fileshare(["send", tree, ...at], env);
      await sender.events(({ event }) => event === "source");
      change();
      await using receiver = fileshare(receive, env, (event) => told.push(event));
      await Promise.all([sender.events(), receiver.events()]);
      return { told, codes: await Promise.all([sender.exited, receiver.exited]) };
    };
    const first = await run(recv, () => appendFileSync(join(tree, "grows"), ", and grew"));
    expect(first.codes).toEqual([EXIT.someFailed, EXIT.someFailed]);
    expect(first.told.at(-1)).toMatchObject({ event: "error", code: "not-whole" });
    const { advice } = FAULTS["not-whole"];
    expect([advice, FAULTS["files-changed"].advice].join()).toContain("--overwrite");
    const second = await run([...recv, "--overwrite"], () => undefined);
    expect(second.codes).toEqual([EXIT.done, EXIT.done]);
    expect(second.told).toContainEqual({ event: "skipped", files: 1, bytes: 4 });
    const got = join(folder.path, "got-tree");
    expect(readFileSync(join(got, "grows"), "utf8")).toBe("grows, and grew");
  });
});
