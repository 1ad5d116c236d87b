/** Every line that real runs print with --json is as docs/reference/events.md says. */
import { expect, test } from "bun:test";
import { appendFileSync, chmodSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { doctorEvent, relayEvent, storeEvent } from "../../../cli/job/command-events.ts";
import { clientEvent } from "../../../cli/job/event-schema.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { makeFile } from "../../support/files.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const MiB = 1024 * 1024;
const CODE = "candy-ketchup-harbor-tilt-useful-drip-subject";
type RelayEvent = v.InferOutput<typeof relayEvent>;

/** A command with --json, each line of which has to pass. */
class Run<Event extends { readonly event: string }> implements AsyncDisposable {
  readonly seen: Event[] = [];
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #ended: Promise<number>;
  readonly #waits = new Map<string, () => void>();

  constructor(schema: v.GenericSchema<unknown, Event>, args: readonly string[], env = {}) {
    this.#child = Bun.spawn([...FILESHARE, ...args, "--json"], {
      env: { ...cleanEnv(), FILESHARE_CODE: CODE, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#ended = this.#read(schema);
  }

  /** Until an event of that name was there. */
  async sees(name: Event["event"]): Promise<Event> {
    const is = (event: Event): boolean => event.event === name;
    const before = this.seen.find(is);
    if (before !== undefined) return before;
    await Promise.race([
      new Promise<void>((resolve) => this.#waits.set(name, resolve)),
      this.#ended.then(() => undefined),
    ]);
    const found = this.seen.find(is);
    if (found === undefined) throw new Error(`ended without ${name}`);
    return found;
  }

  /** @returns the exit code. @throws ValiError for a line that is not in the schema */
  end(signal?: NodeJS.Signals): Promise<number> {
    if (signal !== undefined) this.#child.kill(signal);
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #read(schema: v.GenericSchema<unknown, Event>): Promise<number> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of this.#child.stdout) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = v.parse(schema, JSON.parse(line));
        this.seen.push(event);
        this.#waits.get(event.event)?.();
      }
    }
    expect(rest).toBe("");
    return this.#child.exited;
  }
}

test("each event of real runs is in the schema, and each of the schema happens", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 4 * MiB);
  const out = join(folder.path, "out");
  mkdirSync(out);
  mkdirSync(`${out}2`);
  mkdirSync(`${out}3`);
  const store = ["--store", join(folder.path, "store")];
  const listen = ["relay", "--host", "127.0.0.1", "--port", "0", "--drain", "0", ...store];
  await using relay = new Run<RelayEvent>(relayEvent, listen);
  const { url } = v.parse(v.object({ url: v.string() }), await relay.sees("listening"));
  const at = ["--relay", url];
  const recv = ["recv", "--yes", "--out", out, "--checksum-file", ...at];
  await using first = new Run(clientEvent, [...recv, "--limit", "512KiB"]);
  await first.sees("waiting");
  await using sender = new Run(clientEvent, [
    "send",
    file.path,
    "--receivers",
    "2",
    "--wait-for",
    "1",
    ...at,
  ]);
  await first.sees("progress");
  expect(await first.end("SIGINT")).toBe(EXIT.interrupted);
  await using again = new Run(clientEvent, [...recv, "--limit", "2MiB"]);
  await again.sees("resumed");
  // Another person: one that has a share already counts once, however often it comes.
  const other = { XDG_STATE_HOME: join(folder.path, "other") };
  const theirs = ["recv", "--yes", "--out", `${out}2`, ...at];
  await using whole = new Run(clientEvent, theirs, other);
  expect(await whole.end()).toBe(EXIT.done);
  expect(await again.end()).toBe(EXIT.done);
  expect(await sender.end()).toBe(EXIT.done);

  // A sender that goes away amid a share.
  await using stays = new Run(clientEvent, ["send", file.path, "--stay", ...at]);
  await stays.sees("relay");
  await using known = new Run(clientEvent, recv);
  expect(await known.end()).toBe(EXIT.done);
  const elsewhere = ["recv", "--yes", "--out", `${out}3`, ...at];
  await using left = new Run(clientEvent, [...elsewhere, "--limit", "512KiB"]);
  await left.sees("progress");
  await stays[Symbol.asyncDispose]();
  await left.sees("sender");
  await left.end("SIGINT");

  // One that another run goes on with: after its file was touched, and after it was changed.
  await stays.end();
  chmodSync(file.path, statSync(file.path).mode);
  await using touched = new Run(clientEvent, ["send", file.path, ...at]);
  await touched.sees("checking");
  await touched[Symbol.asyncDispose]();
  appendFileSync(file.path, "x");
  await using changed = new Run(clientEvent, ["send", file.path, ...at]);
  await changed.sees("changed");
  await changed[Symbol.asyncDispose]();

  // One that grows after it was offered.
  await using grows = new Run(clientEvent, ["send", file.path, "--new", ...at]);
  await grows.sees("source");
  appendFileSync(file.path, "y");
  await using grown = new Run(clientEvent, ["recv", "--yes", "--out", `${out}2`, ...at]);
  expect(await grown.end()).toBe(EXIT.someFailed);
  expect(await grows.end()).toBe(EXIT.someFailed);

  mkdirSync(join(folder.path, "links"));
  symlinkSync("nowhere", join(folder.path, "links", "link"));
  const nobody = ["--relay", "127.0.0.1:1", "--connect-timeout", "0.1"];
  await using links = new Run(clientEvent, ["send", join(folder.path, "links"), ...nobody]);
  expect(await links.end()).toBe(EXIT.failed);
  const words = ["send", "--text", "hello", "--code", CODE, ...at];
  await using speaker = new Run(clientEvent, words);
  await speaker.sees("relay");
  await using listener = new Run(clientEvent, ["recv", "--yes", ...at]);
  expect(await listener.end()).toBe(EXIT.done);
  expect(await listener.sees("text")).toEqual({ event: "text", text: "hello" });
  expect(await speaker.end()).toBe(EXIT.done);

  await using stores = new Run(clientEvent, ["send", file.path, "--store", ...at]);
  expect(await stores.end()).toBe(EXIT.done);
  await using lists = new Run(storeEvent, ["stored", ...at]);
  expect(await lists.end()).toBe(EXIT.done);
  await using revokes = new Run(storeEvent, ["revoke", CODE, ...at]);
  expect(await revokes.end()).toBe(EXIT.done);

  await using wrong = new Run(clientEvent, ["send", "--receivers", "0", file.path]);
  expect(await wrong.end()).toBe(EXIT.usage);
  expect(await relay.end("SIGTERM")).toBe(EXIT.done);

  await using doctor = new Run(doctorEvent, ["doctor", "--quick", ...at]);
  expect(await doctor.end()).toBe(EXIT.failed);

  const told = [...lists.seen, ...revokes.seen].map(({ event }) => event);
  expect(told).toEqual(["stored-share", "revoked"]);
  const sends = [stores, sender, stays, touched, changed, grows, links, wrong];
  const clients = [first, again, whole, known, left, grown, listener, ...sends];
  const seen = new Set<string>(clients.flatMap((run) => run.seen.map(({ event }) => event)));
  seen.add("carrying"); // see test/e2e/carry/carry.test.ts
  seen.add("unkept"); // which takes a full disk
  // Where a person is asked about each receiver; see test/e2e/transfer/policies.test.ts.
  for (const asked of ["asks", "dismissed", "unadmitted"]) seen.add(asked);
  seen.add("storing"); // of larger files; see test/e2e/store/stored-sends.test.ts
  seen.add("edition"); // see test/e2e/editions/editions.test.ts
  for (const rare of ["alone", "summary"]) seen.add(rare); // see test/e2e/library/onlooker.test.ts
  seen.add("unreadable"); // see test/hostile/junk-shares.test.ts
  seen.add("search"); // see test/e2e/discovery/network.test.ts
  seen.add("renamed"); // see test/hostile/manifest.test.ts
  const all = clientEvent.options.map((option) => option.entries.event.literal);
  expect([...seen].toSorted()).toEqual(all.toSorted());
  expect(relay.seen.map(({ event }) => event)).toEqual(["listening", "draining"]);
});

test("an event that breaks the schema is found", () => {
  for (const wrong of [
    { event: "waiting", more: 1 },
    { event: "progress", bytes: -1, size: 1 },
    { event: "progress", bytes: 1 },
    { event: "unheard-of" },
    { event: "error", code: "no-such-code", message: "" },
  ]) {
    expect(v.safeParse(clientEvent, wrong).success).toBe(false);
  }
});
