/** Texts, and what is piped into a sender, through real processes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeCode, TEXT_BYTES } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { seededBytes, temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const MiB = 1024 * 1024;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

interface Given {
  readonly code: string;
  readonly relay?: string;
  readonly cwd?: string;
}

/** The command, with pipes on all sides. */
function run(args: readonly string[], { code, relay: url = relay.url, cwd }: Given) {
  return Bun.spawn([...FILESHARE, ...args, "--relay", url], {
    env: { ...cleanEnv(), FILESHARE_CODE: code },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    ...(cwd === undefined ? {} : { cwd }),
  });
}

function newCode(): string {
  return makeCode((length) => nodePrimitives.randomBytes(length));
}

interface Reader {
  read(): Promise<{ readonly value?: Uint8Array | undefined }>;
}

/** Reads on until so many bytes came. */
async function take(reader: Reader, bytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let length = 0; length < bytes;) {
    const { value } = await reader.read();
    if (value === undefined) break;
    parts.push(value);
    length += value.length;
  }
  return Buffer.concat(parts);
}

describe("a stream", () => {
  test("arrives while it is produced, and ends when it does", async () => {
    const code = newCode();
    await using sender = run(["send", "--name", "log.txt"], { code });
    await using receiver = run(["recv", "--stdout"], { code });
    const reader = receiver.stdout.getReader();
    for (const line of ["one\n", "two\n", "three\n"]) {
      // The next one is written when this one is here.
      await sender.stdin.write(line);
      await sender.stdin.flush();
      expect((await take(reader, line.length)).toString()).toBe(line);
    }
    await sender.stdin.end();
    expect((await reader.read()).done).toBe(true);
    expect(await receiver.exited).toBe(0);
    expect(await sender.exited).toBe(0);
  });

  test("of many records is saved whole under its name, by several receivers", async () => {
    using folder = temporaryFolder();
    const code = newCode();
    const content = seededBytes(1, 5 * MiB + 12_345);
    await using sender = run(["send", "-", "--name", "data.bin", "--receivers", "2"], { code });
    await using one = run(["recv", "--yes", "--out", folder.path], { code });
    await using other = run(["recv", "--stdout"], { code });
    // Nothing is produced before both are there: who comes late can't have it.
    const news = sender.stdout.getReader();
    for (let seen = ""; (seen.match(/waiting|receiving/g) ?? []).length < 2;) {
      const { value, done } = await news.read();
      if (done) throw new Error(`ended after: ${seen}`);
      seen += new TextDecoder().decode(value);
    }
    await sender.stdin.write(content);
    await sender.stdin.end();
    const arrived = await other.stdout.bytes();
    expect(await Promise.all([one.exited, other.exited, sender.exited])).toEqual([0, 0, 0]);
    expect(Buffer.from(content).equals(arrived)).toBe(true);
    expect(readFileSync(join(folder.path, "data.bin")).equals(content)).toBe(true);
  });

  test("of nothing is an empty file", async () => {
    using folder = temporaryFolder();
    const code = newCode();
    await using sender = run(["send"], { code });
    await using receiver = run(["recv", "--yes", "--out", folder.path], { code });
    await sender.stdin.end();
    expect(await Promise.all([receiver.exited, sender.exited])).toEqual([0, 0]);
    expect(statSync(join(folder.path, "stdin")).size).toBe(0);
  });

  // Windows has neither yes(1) nor a signal that one process sends to another as Ctrl-C.
  test.skipIf(process.platform === "win32")(
    "without an end goes to who takes some of it",
    async () => {
      const code = newCode();
      await using endless = Bun.spawn(["yes", "endless"], { stdout: "pipe", stderr: "ignore" });
      await using sender = Bun.spawn([...FILESHARE, "send", "-", "--relay", relay.url], {
        env: { ...cleanEnv(), FILESHARE_CODE: code },
        stdin: endless.stdout,
        stdout: "ignore",
        stderr: "inherit",
      });
      await using receiver = run(["recv", "--stdout"], { code });
      const taken = await take(receiver.stdout.getReader(), 20 * MiB);
      expect(taken.equals(Buffer.alloc(taken.length, "endless\n"))).toBe(true);
      receiver.kill("SIGINT");
      sender.kill("SIGINT");
      expect([await receiver.exited, await sender.exited]).toEqual([130, 130]);
    },
  );

  test("goes on where it was when its line breaks", async () => {
    const code = newCode();
    const content = seededBytes(2, 3 * MiB);
    await using proxy = await Proxy.start({ port: relay.port });
    await using sender = run(["send"], { code, relay: proxy.url });
    await using receiver = run(["recv", "--stdout"], { code });
    const all = receiver.stdout.bytes();
    const writes: (number | Promise<number>)[] = [];
    for (const records of [7, 11]) {
      const held = proxy.holdAfter(records, "up");
      writes.push(
        sender.stdin.write(
          content.subarray(records === 7 ? 0 : MiB, records === 7 ? MiB : 3 * MiB),
        ),
      );
      await held;
      proxy.cut();
    }
    for (const write of writes) await write;
    await sender.stdin.end();
    expect(Buffer.from(content).equals(await all)).toBe(true);
    expect(await Promise.all([receiver.exited, sender.exited])).toEqual([0, 0]);
    // The file's 3 MiB are 49 records; what was on its way came twice.
    expect(proxy.lines.length).toBeGreaterThanOrEqual(3);
  });
});

describe("a text", () => {
  test("is shown at the other side, and nothing is saved", async () => {
    using folder = temporaryFolder();
    const code = newCode();
    await using sender = run(["send", "--text", "see you at eight ✓"], { code });
    await using receiver = run(["recv", "--yes"], { code, cwd: folder.path });
    expect(await Promise.all([receiver.exited, sender.exited])).toEqual([0, 0]);
    expect(await receiver.stdout.text()).toContain("\nsee you at eight ✓\n");
    expect([...new Bun.Glob("**").scanSync(folder.path)]).toEqual([]);
  });

  test("can come from the standard input, and is not too long for one", async () => {
    const code = newCode();
    await using sender = run(["send", "--text", "-"], { code });
    await sender.stdin.write("two\nlines\n");
    await sender.stdin.end();
    await using receiver = run(["recv", "--stdout"], { code });
    expect(await receiver.stdout.text()).toBe("two\nlines\n");
    expect(await Promise.all([receiver.exited, sender.exited])).toEqual([0, 0]);
    await using long = run(["send", "--text", "-"], { code });
    await long.stdin.write("x".repeat(TEXT_BYTES + 1));
    await long.stdin.end();
    expect(await long.exited).toBe(2);
    await using odd = run(["send", "--text", "-"], { code });
    await odd.stdin.write(new Uint8Array([0xff]));
    await odd.stdin.end();
    expect(await odd.exited).toBe(2);
  });
});
