/** Relays that mean harm: the command line ends with a sentence, and takes no more than it has to. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { concat } from "../../protocol/mod.ts";
import { temporaryFolder } from "../support/disk.ts";
import { cleanEnv } from "../support/clients/pty.ts";
import { newCode } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { everything } from "../support/hostile/receiver.ts";
import { frameHead, HostileRelay, type Answer } from "../support/hostile/hostile-relay.ts";
import { FILESHARE } from "../support/clients/command-words.ts";

const MiB = 1024 * 1024;
/** A client takes 64 MiB for scrypt, and Bun up to 128 MiB of one message before it hands it over. */
const PEAK_BYTES = 384 * MiB;
/** ms between two looks at that */
const LOOK_MS = 10;

async function fileshare(relay: string, cwd: string, ...words: readonly string[]) {
  const child = Bun.spawn([...FILESHARE, ...words, "--connect-timeout", "1"], {
    cwd,
    env: {
      ...cleanEnv(),
      FILESHARE_RELAY: relay,
      FILESHARE_CODE: newCode(),
      XDG_STATE_HOME: join(cwd, "state"),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let peak = 0;
  const looking = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
  }, LOOK_MS);
  const [err, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  clearInterval(looking);
  return { err, exitCode, peak };
}

/**
 * The most memory that a running process has had, in bytes; 0 where the system does not say. The figure
 * at its exit would include the memory of this process at the moment of the fork.
 */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function* repeated(piece: Uint8Array, times: number): Iterable<Uint8Array> {
  for (let i = 0; i < times; i++) yield piece;
}

function* after(first: Uint8Array, rest: Iterable<Uint8Array>): Iterable<Uint8Array> {
  yield first;
  yield* rest;
}

const zeros = new Uint8Array(MiB);
/** A fragment that is neither the first nor the last. */
const fragment = concat(frameHead(0x00, MiB), zeros);
const bomb = deflateRawSync(new Uint8Array(256 * MiB));

const RELAYS: [name: string, Answer][] = [
  [
    "T17 a frame of 2^40 bytes",
    { pours: () => after(frameHead(0x82, 2n ** 40n), repeated(zeros, 300)) },
  ],
  [
    "T17 a frame of 2^63 bytes",
    { pours: () => after(frameHead(0x82, 2n ** 63n), repeated(zeros, 300)) },
  ],
  [
    "T17 a frame of 129 MiB",
    { pours: () => after(frameHead(0x82, 129 * MiB), repeated(zeros, 129)) },
  ],
  [
    "T17 a frame of 100 MiB",
    { pours: () => after(frameHead(0x82, 100 * MiB), repeated(zeros, 100)) },
  ],
  [
    "T17 600 MiB of fragments that never end",
    { pours: () => after(frameHead(0x02, 0), repeated(fragment, 600)) },
  ],
  [
    "T17 256 MiB in one small compressed message, asked for or not",
    {
      headers: ["Sec-WebSocket-Extensions: permessage-deflate"],
      pours: () => [concat(frameHead(0xc2, bomb.length), bomb)],
    },
  ],
  ["T17 another accept than is due", { accept: "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" }],
  [
    "T17 a window of 99 bits",
    { headers: ["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99"] },
  ],
  [
    "T17 a head that never ends",
    {
      head: "HTTP/1.1 101 Switching Protocols\r\n",
      pours: () => repeated(new TextEncoder().encode(`X: ${"a".repeat(60_000)}\r\n`), 8000),
    },
  ],
  [
    "T17 a text message",
    { pours: () => [concat(frameHead(0x81, 5), new TextEncoder().encode("hello"))] },
  ],
  ["T17 a masked frame", { pours: () => [Uint8Array.of(0x82, 0x81, 1, 2, 3, 4, 5)] }],
  ["T17 a ping of 1 MiB", { pours: () => [concat(frameHead(0x89, MiB), zeros)] }],
  [
    "T17 a message that is none",
    { pours: () => [concat(frameHead(0x82, 3), Uint8Array.of(1, 2, 3))] },
  ],
  ["T18 an open line and no word", { pours: () => [] }],
];

describe("ends the command with one sentence, and little memory", () => {
  test.each(RELAYS)("%s", async (_name, answer) => {
    using folder = temporaryFolder();
    makeFile(folder.path, "a.bin", 100);
    await using relay = await HostileRelay.start(answer);
    const both = [
      ["recv", "--yes"],
      ["send", "a.bin"],
    ].map((words) => fileshare(relay.url, folder.path, ...words));
    for (const { err, exitCode, peak } of await Promise.all(both)) {
      // oxlint-disable-next-line no-control-regex
      expect(err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      expect(err.trimEnd().split("\n").at(-1)).toMatch(/^Error: .+\.$/);
      expect(err).not.toContain("    at ");
      expect(exitCode).toBe(1);
      expect(peak).toBeLessThan(PEAK_BYTES);
    }
    expect(everything(folder.path).filter((path) => !path.startsWith("state"))).toEqual(["a.bin"]);
  });
});

test("T17 the command offers no compression", async () => {
  using folder = temporaryFolder();
  await using relay = await HostileRelay.start({ accept: "wrong" });
  await fileshare(relay.url, folder.path, "recv", "--yes");
  expect(relay.heads.length).toBeGreaterThan(0);
  for (const head of relay.heads) expect(head.toLowerCase()).not.toContain("extensions");
});
