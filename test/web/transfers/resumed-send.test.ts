/** Sends of the page that a reload interrupts, files that change under them, and relays that restart. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { content } from "../../support/files.ts";
import { newCode, receive } from "../../support/clients/clients.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { HoldingProxy } from "../../support/net/holding-proxy.ts";
import { KeptSends } from "../../../web/browser/kept-sends.ts";
import { MemoryStore } from "../../../web/browser/store.ts";
import type { ChosenFile } from "../../../web/job/send-messages.ts";
import { chosen, PageSend } from "../support/page-send.ts";

const MiB = 1024 ** 2;

function folderIn(dir: string, name: string): string {
  const path = join(dir, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** A file whose content a test can change, as a browser that does not notice it gives it. */
class FickleFile extends File {
  fault: DOMException | undefined;
  instead: Uint8Array<ArrayBuffer> | undefined;
  /** From the first read behind this place on, the content is `instead`. */
  from = 0;

  override slice(from?: number, to?: number): Blob {
    if ((from ?? 0) >= this.from) this.from = 0;
    const isOther = this.instead !== undefined && this.from === 0;
    const blob = isOther ? new Blob([this.instead!.slice(from, to)]) : super.slice(from, to);
    const { fault } = this;
    if (fault !== undefined) blob.arrayBuffer = () => Promise.reject(fault);
    return blob;
  }
}

function fickle(path: string, bytes: Uint8Array): { file: FickleFile; chosen: ChosenFile } {
  const file = new FickleFile([bytes.slice()], path, { lastModified: 1_700_000_000_000 });
  return { file, chosen: { path, file } };
}

describe("a send that a reload interrupted", () => {
  test("goes on with the same share, and receivers that had everything stay done", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const store = new MemoryStore();
    const bytes = content(5, 5 * MiB);
    const files = [chosen("a.bin", bytes)];
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    await using before = new PageSend({ ...at, files, store, receivers: 2 });
    const { share } = await before.when("code");
    await using one = receive({ ...at, out: folderIn(folder.path, "one"), name: "one" });
    expect(await one.outcome).toMatchObject({ exitCode: 0 });
    const [kept] = await new KeptSends(store).list();
    expect(kept).toMatchObject({ share, code: at.code, name: "a.bin", bytes: bytes.length });
    await using after = new PageSend({ relay: at.relay, files, store, resume: share });
    expect(await after.when("code")).toMatchObject({ code: at.code, share });
    expect(await after.when("progress")).toMatchObject({ bytes: bytes.length });
    // Another worker owns the send now, and the relay gives the share to the newest line.
    await using two = receive({ ...at, out: folderIn(folder.path, "two"), name: "two" });
    expect(await after.end).toMatchObject({ verified: 2, failed: 0, fault: undefined });
    expect(await two.outcome).toMatchObject({ exitCode: 0 });
    expect(bytesOf(join(folder.path, "two", "a.bin"))).toEqual(bytes);
    expect(await new KeptSends(store).list()).toEqual([]);
  });

  test("cannot go on with other files, and says which one is another", async () => {
    await using relay = await startRelay();
    const store = new MemoryStore();
    const files = [chosen("t/a", content(1, 10)), chosen("t/b", content(2, 10))];
    const at = { relay: `${relay.url}/ws` };
    await using before = new PageSend({ ...at, files, store });
    const { share } = await before.when("code");
    const later = [files[0]!, chosen("t/b", content(2, 10), 1_700_000_000_001)];
    const other = new PageSend({ ...at, files: later, store, resume: share });
    expect(await other.end).toMatchObject({
      fault: "source-changed",
      message: expect.stringContaining('"t/b"') as string,
    });
    const fewer = new PageSend({ ...at, files: files.slice(1), store, resume: share });
    expect((await fewer.end).message).toStartWith("These are not the files");
  });

  test("cannot go on once this browser forgot it", async () => {
    const files = [chosen("a", content(1, 10))];
    const sender = new PageSend({ relay: "ws://127.0.0.1:1/ws", files, resume: "00".repeat(16) });
    expect(await sender.end).toMatchObject({ fault: "no-such-share" });
  });

  test("never seals another content under an index that was used", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const store = new MemoryStore();
    const bytes = content(5, 3 * MiB);
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    await using before = new PageSend({
      ...at,
      files: [chosen("a.bin", bytes)],
      store,
      receivers: 2,
    });
    const { share } = await before.when("code");
    await using one = receive({ ...at, out: folderIn(folder.path, "one") });
    expect(await one.outcome).toMatchObject({ exitCode: 0 });
    // The log of the first relay still has the records; the next one asks for them.
    await using other = await startRelay();
    const next = `${other.url}/ws`;
    // The same name, size and time with another content.
    const forged = bytes.slice();
    forged[2 * MiB] = forged[2 * MiB]! ^ 1;
    await using after = new PageSend({
      relay: next,
      files: [chosen("a.bin", forged)],
      store,
      resume: share,
    });
    await after.when("offered");
    await using two = receive({ ...at, relay: next, out: folderIn(folder.path, "two") });
    expect(await two.outcome).toMatchObject({ fault: "source-changed" });
    const end = await after.end;
    expect(end).toMatchObject({ fault: "source-changed" });
    expect(end.message).toContain('"a.bin" changed');
    expect(await new KeptSends(store).list()).toEqual([]);
  });
});

describe("a file that is not what it was under the page", () => {
  test.each([
    ["NotFoundError", "was moved or deleted"],
    ["NotReadableError", "changed, or cannot be read any more"],
    ["SecurityError", "could not read"],
  ])("ends the share at a %s with a sentence that names it", async (name, says) => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    const { file, chosen: second } = fickle("tree/b.bin", content(2, 3 * MiB));
    const files = [chosen("tree/a.bin", content(1, 3 * MiB)), second];
    const store = new MemoryStore();
    await using sender = new PageSend({ ...at, files, store });
    await sender.when("offered");
    file.fault = new DOMException("as a browser says it", name);
    await using receiver = receive({ ...at, out: folder.path });
    const end = await sender.end;
    expect(end.message).toContain(`"tree/b.bin"`);
    expect(end.message).toContain(says);
    expect(await receiver.outcome).toMatchObject({ fault: end.fault });
    expect(readdirSync(folder.path)).not.toContain("tree");
    expect(await new KeptSends(store).list()).toEqual([]);
  });

  test("ends the share when it was written anew amid it, also where the browser says nothing", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    const { file, chosen: only } = fickle("a.bin", content(2, 5 * MiB));
    file.instead = content(3, 5 * MiB).slice();
    file.from = 2 * MiB;
    await using sender = new PageSend({ ...at, files: [only] });
    await using receiver = receive({ ...at, out: folder.path });
    const end = await sender.end;
    expect(end).toMatchObject({ fault: "source-changed" });
    expect(end.message).toContain('"a.bin" changed');
    expect(await receiver.outcome).toMatchObject({ fault: "source-changed" });
    expect(readdirSync(folder.path)).not.toContain("a.bin");
  });

  test("ends the share when it became shorter", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const at = { relay: `${relay.url}/ws`, code: newCode() };
    const { file, chosen: only } = fickle("a.bin", content(2, 3 * MiB));
    await using sender = new PageSend({ ...at, files: [only] });
    await sender.when("offered");
    file.instead = content(2, 2 * MiB).slice();
    await using receiver = receive({ ...at, out: folder.path });
    expect(await sender.end).toMatchObject({ fault: "source-changed" });
    expect(await receiver.outcome).toMatchObject({ fault: "source-changed" });
  });
});

test("a relay that is killed and started again amid the page's send loses nothing", async () => {
  using folder = temporaryFolder();
  const bytes = content(7, 12 * MiB);
  await using first = await RelayCommand.start(["--workers", "1", "--admin", "off"]);
  const at = { relay: first.url, code: newCode() };
  await using sender = new PageSend({ ...at, files: [chosen("a.bin", bytes)] });
  await sender.when("offered");
  await using held = await HoldingProxy.start(first.port, "down", 3 * MiB);
  await using receiver = receive({
    ...at,
    relay: `ws://127.0.0.1:${held.port}/ws`,
    out: folder.path,
  });
  await sender.when("progress", ({ bytes: sent }) => sent > 2 * MiB);
  first.kill("SIGKILL");
  await first.exited;
  expect(await sender.when("link", ({ online }) => !online)).toMatchObject({
    fault: "connection-lost",
  });
  await using _ = await RelayCommand.start(["--workers", "1", "--admin", "off"], first.port);
  held.release();
  expect(await sender.end).toMatchObject({ verified: 1, failed: 0, fault: undefined });
  expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
  expect(bytesOf(join(folder.path, "a.bin"))).toEqual(bytes);
});

test("a browser without storage sends all the same", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const store = {
    change: () => Promise.reject(new DOMException("no storage", "InvalidStateError")),
  };
  const bytes = content(3, 2 * MiB);
  await using sender = new PageSend({ ...at, files: [chosen("a.bin", bytes)], store });
  await using receiver = receive({ ...at, out: folder.path });
  expect(await sender.end).toMatchObject({ verified: 1, fault: undefined });
  expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
  expect(bytesOf(join(folder.path, "a.bin"))).toEqual(bytes);
});

test("storage that becomes full amid a send ends no transfer, and the send is forgotten", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const store = new FullStore();
  const bytes = content(3, 2 * MiB);
  await using sender = new PageSend({ ...at, files: [chosen("a.bin", bytes)], store });
  await sender.when("offered");
  store.full = true;
  await using receiver = receive({ ...at, out: folder.path });
  expect(await sender.end).toMatchObject({ verified: 1, fault: undefined });
  expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
  expect(await new KeptSends(store).list()).toEqual([]);
});

class FullStore extends MemoryStore {
  full = false;

  override change: MemoryStore["change"] = (names, step) => {
    if (this.full && names.length === 2 && names.includes("send-tags")) {
      return Promise.reject(new DOMException("full", "QuotaExceededError"));
    }
    return super.change(names, step);
  };
}
