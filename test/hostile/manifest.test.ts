/**
 * HOSTILE 1.3, the rows that a manifest can hold: a real `fileshare recv --lobby` is offered one
 * share after another and has to refuse each before anything is written.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ClientEvent } from "../../cli/job/event-schema.ts";
import {
  LOBBY_CODE,
  parseCode,
  MANIFEST_FILES,
  u32,
  utf8,
  type FaultCode,
} from "../../protocol/mod.ts";
import { EVENTS_AT_ONCE } from "../../cli/job/event-pace.ts";
import { RELAY_LIMITS } from "../../relay/limits/operator-limits.ts";
import { DEFAULT_POLICY, startRelay, type Relay } from "../../relay/mod.ts";
import { temporaryFolder } from "../support/disk.ts";
import { fileshare, type Command } from "../support/clients/command.ts";
import { everything } from "../support/hostile/receiver.ts";
import { HostileSender, type Entry, type Lie } from "../support/hostile/sender.ts";

const folder = temporaryFolder();
const out = join(folder.path, "a/b/out");
const CODE = parseCode("candy-ketchup-harbor-tilt-useful-drip-subject");

let relay: Relay;
let receiver: Command;
/** Faults that the receiver told: after EVENTS_AT_ONCE it tells one a second. */
let told = 0;

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  // Receivers look for themselves at what a relay would not carry.
  const limits = { ...DEFAULT_POLICY.limits, "share-bytes": RELAY_LIMITS["share-bytes"].most };
  relay = await startRelay({ policy: { ...DEFAULT_POLICY, limits } });
  receiver = await startReceiver();
});

async function startReceiver(): Promise<Command> {
  const args = ["recv", "--lobby", "--yes", "--hidden", "--executables", "--prefix=", "--out", out];
  const command = fileshare(args, { FILESHARE_RELAY: relay.url });
  await command.events(({ event }) => event === "waiting");
  return command;
}

afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await relay.stop();
  folder[Symbol.dispose]();
});

/** The receiver's verdict on a manifest: the name of its fault, or "saved". */
async function offer(lie: Lie): Promise<{ verdict: string; event: ClientEvent }> {
  if (told === EVENTS_AT_ONCE) {
    await receiver[Symbol.asyncDispose]();
    receiver = await startReceiver();
    told = 0;
  }
  told++;
  await using _sender = await HostileSender.start(`${relay.url}/ws`, LOBBY_CODE, lie);
  const event = await receiver.events(({ event }) => ["error", "done"].includes(event));
  if (event === undefined) throw new Error("the receiver ended");
  return { verdict: event.event === "error" ? event.code : "saved", event };
}

/** Refused with this fault, and nothing was written anywhere. */
async function refuses(code: FaultCode, lie: Lie): Promise<void> {
  const before = everything(folder.path);
  const { verdict } = await offer(lie);
  expect({ lie: about(lie), verdict }).toEqual({ lie: about(lie), verdict: code });
  expect(everything(folder.path)).toEqual(before);
}

function about({ files }: Lie): string {
  return Bun.inspect((files ?? []).slice(0, 2)).slice(0, 200);
}

function named(...paths: unknown[]): Lie {
  return { files: paths.map((path) => ({ path, size: 0 })) };
}

describe("refused by name", () => {
  const rows: [string, readonly string[]][] = [
    [
      "F1 W1 leads elsewhere (croc 8e3a248b)",
      ["../x", "a/../../x", "..", ".", "", "a//b", "./a", "a/..", "a/"],
    ],
    ["F2 absolute, of any system", ["/etc/passwd", "~/.bashrc", "file:///x", "//x/y"]],
    [
      "F5 controls",
      ["a\0b", "a\rb", "a\nb", "a\tb", "a\u0001", "a\u001f", "a\u007f", "a\u0085", "a\u009f"],
    ],
    [
      "F6 CVE-2023-43620 escape sequences",
      ["\u001b[2Jx", "\u001b]52;c;ZXZpbA==\u0007", "\u001b]8;;http://x\u0007", "\u009b31m"],
    ],
    [
      "F7 reordering",
      [
        "invoice\u202efdp.exe",
        "a\u2066b",
        "a\u200eb",
        "a\u200fb",
        "a\u061cb",
        ".\u200c.",
        "\u200b",
      ],
    ],
    [
      "F10 too long or too deep",
      ["d/".repeat(2500) + "x", "d/".repeat(10_000) + "x", "😀/".repeat(255) + "x"],
    ],
  ];
  for (const [id, paths] of rows) {
    test(id, async () => {
      for (const path of paths) await refuses("unsafe-name", named(path));
      // One bad name refuses all.
      await refuses("unsafe-name", named("good", paths[0], "other"));
    });
  }

  test("F2 F3 F9 names that Windows alone reads as a place or a device are plain names here", async () => {
    const names = [
      "C:\\x",
      "C:x",
      "\\\\srv\\s\\x",
      "\\\\?\\C:\\x",
      "a\\..\\..\\x",
      "a\\b",
      ..."CON nul.txt COM1 LPT¹ CONIN$ CLOCK$ aux.tar.gz".split(" "),
      ...'a. a:b a::$DATA < > " | ? *'.split(" "),
      "a ",
      "b/con/c",
    ];
    const { verdict } = await offer(named(...names.map((name) => `odd/${name}`)));
    expect(verdict).toBe("saved");
    for (const name of names)
      expect([name, existsSync(join(out, "odd", name))]).toEqual([name, true]);
    rmSync(join(out, "odd"), { recursive: true });
  });

  test("F10 names that are longer than the file system holds are cut", async () => {
    const { verdict } = await offer(
      named(`long/${"x".repeat(256)}.txt`, `long/${"😀".repeat(200)}`),
    );
    expect(verdict).toBe("saved");
    const lengths = readdirSync(join(out, "long")).map((name) => Buffer.byteLength(name));
    expect(lengths.toSorted((a, b) => a - b)).toEqual([188, 190]);
    rmSync(join(out, "long"), { recursive: true });
  });

  test("F8 lone surrogates, and F4 overlong UTF-8", async () => {
    const marked = named("MARKx");
    for (const bytes of [
      [0xed, 0xa0, 0x80, 0x78],
      [0xed, 0xb0, 0x81, 0x78],
      [0xc0, 0xae, 0xc0, 0xae],
      [0xff, 0xfe, 0x78, 0x78],
    ]) {
      await refuses("bad-manifest", { ...marked, raw: { mark: "MARK", bytes } });
    }
  });

  test("F11 CVE-2026-23950 not names that another system takes for one: here both arrive", async () => {
    for (const pair of [
      ["A", "a"],
      ["\u00e9", "e\u0301"],
      ["ß", "ss"],
      ["ﬁ", "fi"],
      ["d/x", "D/y"],
      ["a\u200db", "ab"],
    ]) {
      const { verdict } = await offer(named(...pair.map((path) => `both/${path}`)));
      expect([pair, verdict]).toEqual([pair, "saved"]);
      for (const path of pair) expect(existsSync(join(out, "both", path))).toBe(true);
      rmSync(join(out, "both"), { recursive: true });
    }
  });

  test("with --rename-unsafe they get others, and that is said", async () => {
    const lie = named("../x", "a/b\tc", "/etc/passwd", "con\u202e");
    await using _sender = await HostileSender.start(`${relay.url}/ws`, CODE, lie);
    const into = join(out, "renamed");
    mkdirSync(into);
    const words = ["recv", "--yes", "--hidden", "--rename-unsafe", "--out", into];
    const renamed: string[] = [];
    await using command = fileshare(words, { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE });
    await command.events((event) => {
      if (event.event === "renamed") renamed.push(`${event.from} > ${event.to}`);
      return event.event === "done" || event.event === "error";
    });
    expect(renamed).toEqual([
      "../x > _/x",
      "a/b\tc > a/b_c",
      "/etc/passwd > _~1/etc/passwd",
      "con\u202e > con_",
    ]);
    const paths = ["_/x", "con_", "_~1/etc/passwd", "a/b_c"];
    for (const path of paths) expect(existsSync(join(into, path))).toBe(true);
    rmSync(into, { recursive: true });
  });

  test("with --offer-unsafe a sender of ours offers such names, and all arrive under others", async () => {
    const [from, into] = [join(out, "from"), join(out, "into")];
    mkdirSync(join(from, "b\tc"), { recursive: true });
    mkdirSync(into);
    for (const name of ["a\nb", "b\tc/con", "x\r"]) writeFileSync(join(from, name), name);
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE };
    const words = ["recv", "--yes", "--hidden", "--out", into];
    await using sender = fileshare(["send", from, "--offer-unsafe"], env);
    await sender.events(({ event }) => event === "relay");
    await using refused = fileshare(words, env);
    const error = await refused.events(({ event }) => ["error", "done"].includes(event));
    expect(error).toMatchObject({ event: "error", code: "unsafe-name" });
    await using command = fileshare([...words, "--rename-unsafe"], env);
    await command.events(({ event }) => ["error", "done"].includes(event));
    const renamed = { a_b: "a\nb", "b_c/con": "b\tc/con", x_: "x\r" };
    for (const [name, content] of Object.entries(renamed)) {
      expect(readFileSync(join(into, "from", name), "utf8")).toBe(content);
    }
    for (const each of [from, into]) rmSync(each, { recursive: true });
  });

  test("F12 one path twice, a file and a folder of one name", async () => {
    const directory = { path: "a", type: "folder", size: 0 };
    await refuses("unsafe-name", named("a", "a"));
    await refuses("unsafe-name", named("a", "a/b"));
    await refuses("unsafe-name", named("a/b", "a"));
    await refuses("unsafe-name", { files: [directory, { path: "a", size: 0 }] });
    await refuses("unsafe-name", { files: [directory, directory] });
  });
});

describe("refused by kind and size", () => {
  test("F13 F14 CVE-2026-23745 links, devices and whatever else", async () => {
    for (const type of ["symlink", "link", "hardlink", "fifo", "socket", "device", "", 5, null]) {
      const link = { path: "link", type, target: "/etc", linkpath: "..", size: 0 };
      await refuses("bad-manifest", { files: [link, { path: "link/x", size: 0 }] });
      await refuses("bad-manifest", { files: [{ path: "a", size: 0 }, link] });
    }
  });

  test("F21 a size that is none", async () => {
    const sizes = [-1, 1.5, NaN, Infinity, "12", 2 ** 53, 2n ** 63n, null, true, [1]];
    for (const size of sizes) {
      await refuses("bad-manifest", { files: [{ path: "a", size }], manifest: { bytes: 0 } });
    }
    await refuses("bad-manifest", { files: [{ path: "d", type: "folder", size: 5 }] });
  });

  test("F22 sums that are too big, or another than said", async () => {
    const huge = [
      { path: "a", size: 2 ** 52 },
      { path: "b", size: 2 ** 52 },
    ];
    await refuses("bad-manifest", { files: huge });
    await refuses("bad-manifest", { files: huge, manifest: { bytes: 0 } });
    const content = new Uint8Array(100);
    await refuses("bad-manifest", { files: [{ path: "a" }], content, manifest: { bytes: 99 } });
    await refuses("bad-manifest", { files: [{ path: "a" }], content, manifest: { records: 2 } });
    await refuses("bad-manifest", { files: [{ path: "a" }], content, offer: { records: 9 } });
    await refuses("bad-manifest", {
      files: [{ path: "a" }],
      content,
      manifest: { recordSize: 99 },
    });
  });

  test("F23 W4 F25 more than there is room for, and what cannot be", async () => {
    await refuses("disk-full", { files: [{ path: "a", size: 2 ** 43 }] });
    await refuses("disk-full", {
      files: [
        { path: "d/a", size: 2 ** 42 },
        { path: "d/b", size: 2 ** 42 },
      ],
    });
    await refuses("bad-manifest", {
      files: [{ path: "a", size: 2 ** 50 }],
      offer: { records: 2 ** 28, bytes: 2 ** 47 },
    });
  });

  test("F26 too many entries, too long a manifest (croc 8e3a248b)", async () => {
    const many = (count: number): Entry[] =>
      Array.from({ length: count }, (_, i) => ({ path: `${i}`, size: 0 }));
    await refuses("bad-manifest", { files: many(MANIFEST_FILES + 1) });
    for (const length of [0, 2 ** 24 + 1, 2 ** 30, 2 ** 32 - 1]) {
      await refuses("bad-manifest", { plain: new Uint8Array([...u32(length), ...utf8("x")]) });
    }
    // An array that says it has 2^32 - 1 entries, and a map of maps of maps.
    const claims = new Uint8Array([0x81, 0xa5, ...utf8("files"), 0xdd, 0xff, 0xff, 0xff, 0xff]);
    await refuses("bad-manifest", { plain: new Uint8Array([...u32(claims.length), ...claims]) });
    const deep = new Uint8Array(10_000).fill(0x91);
    await refuses("bad-manifest", { plain: new Uint8Array([...u32(deep.length), ...deep]) });
    await refuses("bad-manifest", { files: [] });
  });

  test("F22 F26 records that hold nothing, or less than they must, come to an end", async () => {
    const plain = new Uint8Array([...u32(1 << 20), ...new Uint8Array((1 << 20) + 50)]);
    for (const record of [
      () => new Uint8Array(),
      (_: number, right: Uint8Array) => right.subarray(0, 3),
      (_: number, right: Uint8Array) => right.subarray(1),
    ]) {
      await refuses("corrupt-record", { plain, record });
    }
  });

  test("texts and streams that are none", async () => {
    const text = { manifest: { kind: "text" } };
    await refuses("bad-manifest", { ...text, ...named("a", "b") });
    await refuses("bad-manifest", {
      ...text,
      files: [{ path: "a" }],
      content: new Uint8Array(65_537),
    });
    await refuses("bad-manifest", {
      ...text,
      files: [{ path: "a" }],
      content: new Uint8Array([0xff, 0xfe]),
    });
    await refuses("bad-manifest", { manifest: { kind: "program" }, ...named("a") });
    await refuses("bad-manifest", { manifest: { open: true }, ...named("a") });
    await refuses("bad-manifest", { manifest: { open: true, kind: "text" }, ...named("a") });
  });
});

describe("taken, and made harmless", () => {
  async function saved(file: Entry, content: Uint8Array): Promise<string> {
    const { verdict } = await offer({ files: [file], content });
    expect({ file, verdict }).toEqual({ file, verdict: "saved" });
    const path = join(out, String(file["path"]));
    expect(new Uint8Array(readFileSync(path))).toEqual(new Uint8Array(content));
    return path;
  }

  test("F4 percent forms are names like any other", async () => {
    for (const path of ["%2e%2e%2fx", "%00", "..%5cx", "a%2fb"]) {
      rmSync(await saved({ path }, utf8("x")));
    }
    expect(everything(folder.path)).toEqual(["a/", "a/b/", "a/b/out/"]);
  });

  test("F19 W4 of a mode no more than permissions within the umask are kept", async () => {
    const modes = [0o4755, 0o2755, 0o1777, 0, 0o666, 2 ** 40, -1, NaN, "0777", null, 0o4100];
    for (const [i, mode] of modes.entries()) {
      const path = await saved({ path: `mode${i}`, mode }, utf8("x"));
      const got = statSync(path).mode;
      expect([mode, got & 0o7000]).toEqual([mode, 0]);
      expect([mode, got & 0o022]).toEqual([mode, 0]);
      rmSync(path);
    }
  });

  test("F20 a time of any age fails nothing, and what is none refuses the share", async () => {
    const times = [-1, -1e13, 8.64e15, 1.5, undefined];
    for (const [i, mtime] of times.entries()) {
      const path = await saved({ path: `time${i}`, mtime, xattr: { a: 1 }, uid: 0 }, utf8("x"));
      expect(statSync(path).isFile()).toBe(true);
      rmSync(path);
    }
    for (const mtime of [1e300, NaN, "now", null]) {
      await refuses("bad-manifest", {
        files: [{ path: "time", size: 1, mtime }],
        content: utf8("x"),
      });
    }
  });

  test("F25 F27 zeros and archives arrive as they are: nothing is unpacked", async () => {
    const gz = Bun.gzipSync(new Uint8Array(1 << 20));
    rmSync(await saved({ path: "42.zip" }, gz));
    rmSync(await saved({ path: "zeros" }, new Uint8Array(1 << 20)));
    expect(everything(folder.path)).toEqual(["a/", "a/b/", "a/b/out/"]);
  });
});
