import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces, userInfo } from "node:os";
import { join } from "node:path";
import { parseCode, toHex, utf8, type Code } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { keysOf } from "../../support/clients/known-codes.ts";

/** All that passed between two clients and a relay: payloads unmasked, and the bytes as they were. */
interface Wire {
  readonly payloads: Buffer;
  readonly bytes: Buffer;
}

// The file is small: in a few kilobytes of ciphertext no word of four letters turns up by chance.
const FILE = "quarterly-figures.xlsx";
const RECEIVER = "grace-at-the-harbour";

async function capture(code: Code, folder: string): Promise<Wire> {
  const payloads: Uint8Array[] = [];
  const bytes: Uint8Array[] = [];
  await using relay = await startRelay();
  await using proxy = await Proxy.start({
    port: relay.port,
    onPiece: (piece) => payloads.push(piece.bytes.slice()),
    onBytes: (chunk) => bytes.push(chunk.slice()),
  });
  const { path } = makeFile(folder, FILE, 1000);
  await using sender = send({ relay: proxy.url, code, path });
  await using receiver = receive({ relay: proxy.url, code, out: folder, name: RECEIVER });
  expect((await receiver.outcome).exitCode).toBe(0);
  expect((await sender.outcome).exitCode).toBe(0);
  const { name } = await sender.when("receiver", ({ done }) => done);
  expect(name).toBe(RECEIVER);
  return { payloads: Buffer.concat(payloads), bytes: Buffer.concat(bytes) };
}

/** Those of the texts that can be read in what passed, in either case. */
function readable({ payloads, bytes }: Wire, texts: readonly string[]): string[] {
  const wires = [payloads, bytes].map((wire) => wire.toString("latin1").toLowerCase());
  return texts.filter((text) => wires.some((wire) => wire.includes(text.toLowerCase())));
}

/** Where a machine is and whose: CVE-2023-43618 was a sender that told it all. */
function local(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => address)
    // The relay's own address is in the Host header of who connects to it.
    .filter((address) => address !== "127.0.0.1" && address.length > 4);
  return [...addresses, hostname(), userInfo().username].filter((text) => text.length >= 4);
}

describe("the traffic of a relay", () => {
  test("CVE-2023-43617 CVE-2023-43618 holds no code, word, name, host or address", async () => {
    using folder = temporaryFolder();
    // A fixed one: some words of the list, such as "version", are words of HTTP too.
    const code = parseCode("amused-oyster-velvet-crisp-lunar-solid-worry");
    const wire = await capture(code, folder.path);
    expect(wire.payloads.length).toBeGreaterThan(2000);
    const words = code.split("-").filter((word) => word.length >= 4);
    const texts = [code, ...words, FILE, "quarterly", "xlsx", RECEIVER, "grace", folder.path];
    expect(readable(wire, [...texts, ...local()])).toEqual([]);
    const keys = keysOf(code);
    const { content, label, receipt, signing, path, channel, publicKey } = keys;
    for (const key of [content, label, receipt, signing, path]) {
      expect(wire.payloads.includes(key)).toBe(false);
      expect(readable(wire, [toHex(key)])).toEqual([]);
    }
    expect(wire.payloads.includes(publicKey)).toBe(true);
    // The relay makes it of the key; nobody says it.
    expect(wire.payloads.includes(channel)).toBe(false);
    expect(readable(wire, [toHex(channel)])).toEqual([]);
  });

  test("CVE-2023-43617 holds no part of a code of one's own", async () => {
    using folder = temporaryFolder();
    const code = parseCode("MySecretPass-for-2-of-us-harbour");
    const wire = await capture(code, folder.path);
    const parts = ["mysec", "secret", "mysecretpass", "harbour", code, code.slice(0, 8)];
    expect(readable(wire, parts)).toEqual([]);
    const { content } = keysOf(code);
    expect(wire.payloads.includes(utf8(FILE))).toBe(false);
    expect(wire.payloads.includes(content)).toBe(false);
  });
});

test("CVE-2023-43616 CVE-2023-43619 every name is told before anything is written", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const code = newCode();
  const { path } = makeFile(folder.path, "bashrc", 100);
  using out = temporaryFolder();
  await Bun.write(join(out.path, "bashrc"), "mine");
  await using sender = send({ relay: `${relay.url}/ws`, code, path });
  await using receiver = receive({ relay: `${relay.url}/ws`, code, out: out.path, ask: true });
  expect(await receiver.when("offer")).toMatchObject({
    names: ["bashrc"],
    files: 1,
    exists: true,
    question: true,
  });
  expect(readFileSync(join(out.path, "bashrc"), "utf8")).toBe("mine");
  receiver.answer({ accept: true });
  expect((await receiver.outcome).exitCode).toBe(0);
  expect(readFileSync(join(out.path, "bashrc"), "utf8")).toBe("mine");
  expect(bytesOf(join(out.path, "bashrc (1)"))).toEqual(bytesOf(path));
  expect((await sender.outcome).exitCode).toBe(0);
});
