/** HOSTILE 1.1 to 1.3, what depends on the receiver's disk, options and terminal: real processes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CREDIT_RECORDS, LOBBY_CODE, packMap, EXIT, parseCode, utf8 } from "../../protocol/mod.ts";
import { startRelay, type Relay } from "../../relay/mod.ts";
import { temporaryFolder } from "../support/disk.ts";
import { fileshare, type Command } from "../support/clients/command.ts";
import { content } from "../support/files.ts";
import { RawClient, randomId } from "../support/relay/raw-client.ts";
import { everything, recv } from "../support/hostile/receiver.ts";
import { HostileSender, HOSTILE_RECORD_SIZE, type Lie } from "../support/hostile/sender.ts";
import { keysOf } from "../support/clients/known-codes.ts";

const CODE = parseCode("candy-ketchup-harbor-tilt-useful-drip-subject");
const OTHER = parseCode("timber-magnet-sunny-cliff-oven-price-script");
const MiB = 1024 * 1024;
/** Characters that must not reach a terminal. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}]/u;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

function offer(lie: Lie): Promise<HostileSender> {
  return HostileSender.start(`${relay.url}/ws`, CODE, lie);
}

function file(path: string, text = "theirs"): Lie {
  return { files: [{ path, size: utf8(text).length }], content: utf8(text) };
}

const at = (cwd: string, code: string = CODE) => ({ relay: relay.url, code, cwd });

/** A `recv --lobby` in a folder, which takes share after share. */
async function lobby(out: string, ...args: readonly string[]): Promise<Command> {
  const words = [
    "recv",
    "--lobby",
    "--yes",
    "--hidden",
    "--executables",
    "--prefix=",
    "--out",
    out,
    ...args,
  ];
  const command = fileshare(words, { FILESHARE_RELAY: relay.url });
  await command.events(({ event }) => event === "waiting");
  return command;
}

/** The outcome of a lobby receiver for that share: its fault, or "saved". */
async function verdict(receiver: Command, lie: Lie): Promise<string> {
  await using _sender = await HostileSender.start(`${relay.url}/ws`, LOBBY_CODE, lie);
  const event = await receiver.events(({ event }) => ["error", "done"].includes(event));
  return event?.event === "error" ? event.code : "saved";
}

describe("a file that is there already", () => {
  test("F17 CVE-2023-43616 stays as it is without a word of consent, in every way of writing", async () => {
    using folder = temporaryFolder();
    const out = folder.path;
    const mine = ["a.txt", "d/a.txt", "d/e/b.txt"];
    mkdirSync(join(out, "d/e"), { recursive: true });
    for (const path of mine) writeFileSync(join(out, path), "mine, and longer");
    await using receiver = await lobby(out);
    expect(await verdict(receiver, file("a.txt"))).toBe("saved");
    expect(await verdict(receiver, file("d/a.txt"))).toBe("saved");
    expect(await verdict(receiver, file("d/e/b.txt"))).toBe("saved");
    for (const path of mine) {
      expect(readFileSync(join(out, path), "utf8")).toBe("mine, and longer");
    }
    const made = ["a (1).txt", "d (1)/", "d (1)/a.txt", "d (2)/", "d (2)/e/", "d (2)/e/b.txt"];
    expect(everything(out)).toEqual([...made, ...mine, "d/", "d/e/"].toSorted());
  });

  test("F17 under --overwrite is replaced when it is a file, and never anything else", async () => {
    using folder = temporaryFolder();
    using outside = temporaryFolder();
    const target = join(folder.path, "x");
    writeFileSync(join(outside.path, "outside"), "outside");
    await using receiver = await lobby(folder.path, "--overwrite");
    const ways: [() => void, string][] = [
      [() => writeFileSync(target, "longer than theirs"), "saved"],
      [() => writeFileSync(target, "longer than theirs", { mode: 0o444 }), "saved"],
      [() => linkSync(join(outside.path, "outside"), target), "saved"],
      [() => mkdirSync(target), "file-exists"],
      [() => symlinkSync(join(outside.path, "outside"), target), "file-exists"],
      [() => symlinkSync("/nowhere", target), "file-exists"],
      [() => spawnSync("mkfifo", [target]), "file-exists"],
    ];
    for (const [make, expected] of ways) {
      rmSync(target, { force: true, recursive: true });
      make();
      const was = everything(folder.path);
      expect(await verdict(receiver, file("x"))).toBe(expected);
      expect(everything(folder.path)).toEqual(was);
      if (expected === "saved") expect(readFileSync(target, "utf8")).toBe("theirs");
    }
    expect(readFileSync(join(outside.path, "outside"), "utf8")).toBe("outside");
  });

  test("F15 a link where a folder should be is not followed (croc 0067409a)", async () => {
    using folder = temporaryFolder();
    using evil = temporaryFolder();
    symlinkSync(evil.path, join(folder.path, "d"));
    mkdirSync(join(folder.path, "real"));
    symlinkSync(evil.path, join(folder.path, "real/d"));
    for (const [option, expected] of [
      ["--overwrite", "file-exists"],
      ["--skip", "saved"],
      ["--rename", "saved"],
    ] as const) {
      await using receiver = await lobby(folder.path, option);
      expect(await verdict(receiver, file("d/x"))).toBe(expected);
      expect(await verdict(receiver, file("real/d/x"))).toBe(expected);
      expect(await verdict(receiver, { files: [{ path: "d/e", type: "folder" }] })).toBe(expected);
      expect(everything(evil.path)).toEqual([]);
    }
  });

  test("F16 a folder that is swapped for a link again and again leads nowhere", async () => {
    using folder = temporaryFolder();
    using evil = temporaryFolder();
    const swapper = Bun.spawn(
      [
        "sh",
        "-c",
        'mkdir real; ln -s "$1" link; mv real d; while :; do mv -T d r; mv -T link d; mv -T d link; mv -T r d; done',
        "sh",
        evil.path,
      ],
      { cwd: folder.path, stderr: "ignore" },
    );
    try {
      await using receiver = await lobby(folder.path, "--overwrite");
      const seen = new Set<string>();
      for (let i = 0; i < 40; i++) {
        seen.add(await verdict(receiver, file(`d/sub${i % 3}/x${i}`, `theirs ${i}`)));
        expect(everything(evil.path)).toEqual([]);
      }
      const known = new Set(["saved", "file-exists", "in-the-way", "write-failed"]);
      expect([...seen.difference(known)]).toEqual([]);
    } finally {
      swapper.kill("SIGKILL");
      await swapper.exited;
    }
  });
});

describe("consent", () => {
  const names = [
    ".bashrc",
    ".ssh/authorized_keys",
    ".git/hooks/post-checkout",
    ".npmrc",
    "autorun.inf",
    "desktop.ini",
    "project/.git/hooks/post-checkout",
  ];

  test("F18 CVE-2023-43619 with --yes alone hidden names are shown, flagged and not taken", async () => {
    for (const name of names.slice(0, 3)) {
      using folder = temporaryFolder();
      await using _sender = await offer(file(name));
      const told = await recv(at(folder.path), "--yes");
      expect({ name, exitCode: told.exitCode }).toEqual({ name, exitCode: 1 });
      expect(told.out.toString()).toContain(`  ${name}  6 B  (hidden)`);
      expect(everything(folder.path)).toEqual([]);
    }
  });

  test("F18 all of them are flagged, and --hidden takes them", async () => {
    using folder = temporaryFolder();
    await using _sender = await offer({ files: names.map((path) => ({ path, size: 0 })) });
    const told = await recv(at(folder.path), "--yes", "--hidden");
    expect(told.exitCode).toBe(0);
    const lines = told.out.toString().split("\n");
    for (const name of names) {
      const flag = name.includes("/.") || name.startsWith(".") ? "hidden" : "systems act upon it";
      expect(lines).toContain(`  ${name}  0 B  (${flag})`);
      expect(existsSync(join(folder.path, name))).toBe(true);
    }
    expect(lines).toContain("Look twice: 5 hidden, 2 acted upon by systems");
  });

  test("F6 F7 CVE-2023-43620 nothing that a terminal acts upon reaches either output", async () => {
    using folder = temporaryFolder();
    const nasty = "\u001b[2J\u001b]52;c;ZXZpbA==\u0007\u009b31m\u202Efdp.exe\u2066";
    const lies: Lie[] = [
      file(nasty),
      file(`a/${nasty}`),
      file("zero\u200bwidth\u2060.txt"),
      { ...file("note", `one\ttwo\n${nasty}\r\nend`), manifest: { kind: "text" } },
    ];
    for (const lie of lies) {
      await using _sender = await offer(lie);
      const { out, err } = await recv(at(folder.path), "--yes");
      for (const raw of [out, err]) {
        const text = raw.toString("utf8").replaceAll("\t", " ");
        expect(UNSAFE.exec(text)).toBeNull();
        expect(raw.includes(0x1b)).toBe(false);
      }
    }
  });

  test("CVE-2023-43621 the code is in no list of processes", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "a"), "x");
    const env = { FILESHARE_CODE: CODE, FILESHARE_RELAY: relay.url };
    await using receiver = fileshare(["recv", "--yes", "--out", folder.path], env);
    await receiver.events(({ event }) => event === "waiting");
    await using sender = fileshare(["send", join(folder.path, "a")], {
      FILESHARE_RELAY: relay.url,
    });
    const code = await sender.events(({ event }) => event === "code");
    const words = [CODE, code?.event === "code" ? code.code : ""].flatMap((one) => one.split("-"));
    for (const { pid } of [receiver, sender]) {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ");
      expect(words.filter((word) => word === "" || line.split(/\W/).includes(word))).toEqual([]);
    }
  });
});

describe("W2 CVE-2026-42448 a path that leads elsewhere, wherever it is to go", () => {
  test("no --out, a folder, with a slash, `.`, a file, nothing there, the standard output", async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "in/out"), { recursive: true });
    writeFileSync(join(folder.path, "in/file"), "mine");
    const cwd = join(folder.path, "in");
    const was = everything(folder.path);
    await using _sender = await offer(file("../x"));
    const ways: [string[], number][] = [
      [[], EXIT.failed],
      [["--out", "out"], EXIT.failed],
      [["--out", "out/"], EXIT.failed],
      [["--out", "."], EXIT.failed],
      [["--stdout"], EXIT.failed],
      [["--overwrite", "--out", "out"], EXIT.failed],
      [["--out", "file"], 2],
      [["--out", "missing"], EXIT.failed],
      [["--out", "nowhere/deeper"], 2],
    ];
    await Promise.all(
      ways.map(async ([args, exitCode]) => {
        const told = await recv({ ...at(cwd), isLeft: true }, "--yes", ...args);
        expect({ args, exitCode: told.exitCode }).toEqual({ args, exitCode });
        if (exitCode === EXIT.failed) expect(told.err.toString()).toContain("not safe to write");
      }),
    );
    expect(everything(folder.path)).toEqual(was);
  });
});

describe("records", () => {
  test("F22 E3 an early end, and a share that goes on after its end, never get their name", async () => {
    using folder = temporaryFolder();
    const size = 10 * HOSTILE_RECORD_SIZE;
    const long = { files: [{ path: "x", size }], content: content(1, size) };
    await using receiver = await lobby(folder.path);
    const early = { ...long, last: (index: number, truth: boolean) => truth || index === 4 };
    expect(await verdict(receiver, early)).toBe("corrupt-record");
    expect(await verdict(receiver, { ...long, last: () => false })).toBe("corrupt-record");
    const short = {
      ...long,
      record: (i: number, right: Uint8Array) => (i === 5 ? right.subarray(1) : right),
    };
    expect(await verdict(receiver, short)).toBe("corrupt-record");
    expect(readdirSync(folder.path).filter((name) => !name.endsWith(".partial"))).toEqual([]);
  });

  test("F28 F29 a killed receiver of a tree goes on, and fetches anew what was tampered with", async () => {
    using folder = temporaryFolder();
    const bytes = content(2, 12 * MiB);
    const files = [
      { path: "d/a", size: 1 * MiB },
      { path: "d/deep/b", size: 1 * MiB },
      { path: "d/c", size: 10 * MiB },
    ];
    // A full credit of records is asked of the sender when who needs them is gone.
    const held = 2 * CREDIT_RECORDS;
    await using sender = await offer({ files, content: bytes, held });
    const env = { FILESHARE_CODE: CODE, FILESHARE_RELAY: relay.url };
    await using first = fileshare(["recv", "--yes", "--out", folder.path], env);
    await first.events((event) => event.event === "progress" && event.bytes > MiB);
    first.kill("SIGKILL");
    await first.exited;
    sender.release();
    const names = readdirSync(folder.path);
    expect(names).toHaveLength(1);
    expect(names[0]).toEndWith(".partial");
    const data = join(folder.path, names[0]!, "data");
    const journal = join(folder.path, names[0]!, "journal");
    // Tampered with after the journal's last word.
    spawnSync("touch", ["-d", "5 seconds ago", journal]);
    writeFileSync(join(data, "d/a"), content(3, 1 * MiB));
    const told = await recv(at(folder.path), "--yes");
    expect(told.exitCode).toBe(0);
    expect(told.out.toString()).toContain("Resuming at 0 %");
    const whole = Buffer.concat(files.map(({ path }) => readFileSync(join(folder.path, path))));
    expect(whole.equals(bytes)).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["d"]);
  });

  test("F30 two receivers of one tree in one folder at once get a whole one each", async () => {
    using folder = temporaryFolder();
    const bytes = content(4, 3 * MiB);
    const files = Array.from({ length: 300 }, (_, i) => ({
      path: `d/${i % 7}/f${i}`,
      size: 10_000,
    }));
    // The sender holds the end back: a receiver that came later would find the whole tree there already.
    await using sender = await offer({ files, content: bytes.subarray(0, 3_000_000), held: 1 });
    const receivers = [1, 2].map(() => recv(at(folder.path), "--yes"));
    await sender.agreed(2);
    sender.release();
    const both = await Promise.all(receivers);
    expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(readdirSync(folder.path).toSorted()).toEqual(["d", "d (1)"]);
    for (const top of ["d", "d (1)"]) {
      const whole = Buffer.concat(
        files.map(({ path }) => readFileSync(join(folder.path, path.replace(/^d/, top)))),
      );
      expect(whole.equals(bytes.subarray(0, 3_000_000))).toBe(true);
    }
  });

  test("croc #366 a receiver with another code gets no record and no name", async () => {
    using folder = temporaryFolder();
    await using sender = await offer(file("secret"));
    const env = { FILESHARE_CODE: OTHER, FILESHARE_RELAY: relay.url };
    await using guesser = fileshare(["recv", "--yes", "--out", folder.path], env);
    await guesser.events(({ event }) => event === "waiting");
    // A receiver with the right code is served meanwhile, and no other.
    using right = temporaryFolder();
    expect((await recv(at(right.path), "--yes")).exitCode).toBe(0);
    expect(sender.wanted).toEqual([0]);
    expect(everything(folder.path)).toEqual([]);
  });

  test("F34 no receiver can ask for records that the share does not have", async () => {
    const records = 5;
    const size = records * HOSTILE_RECORD_SIZE - 1000;
    await using sender = await offer({ files: [{ path: "x", size }], content: content(5, size) });
    const channel = keysOf(CODE);
    const join = (from: unknown, window: unknown = 16): Uint8Array => {
      const name = new Uint8Array();
      return packMap({ t: "join", share: sender.share, receiver: randomId(), name, from, window });
    };
    for (const from of [-1, 1.5, 2 ** 53 - 1, "0", null, [0], 2 ** 28 + 1]) {
      await using client = await RawClient.greeted(`${relay.url}/ws`, "receiver", channel);
      client.socket.send(join(from));
      expect((await client.closed).code).toBe(4002);
    }
    await using beyond = await RawClient.greeted(`${relay.url}/ws`, "receiver", channel);
    beyond.socket.send(join(2 ** 28));
    beyond.ack(sender.share, 2 ** 28, 16);
    await using client = await RawClient.greeted(`${relay.url}/ws`, "receiver", channel);
    client.socket.send(join(3));
    await client.frame(records - 4);
    expect(beyond.frames).toEqual([]);
    expect(sender.wanted.filter((index) => index < 0 || index > records)).toEqual([]);
  });
});

test("F31 no path of a peer goes to a call that makes folders or follows links by itself", async () => {
  const sources = readdirSync(join(import.meta.dir, "../../cli"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".ts"));
  for (const name of sources) {
    const text = await Bun.file(join(import.meta.dir, "../../cli", name)).text();
    expect([name, /\bBun\.write\(|\bwriteFile\(/.test(text)]).toEqual([name, false]);
  }
});

test("F31 a folder that may not be written to", async () => {
  using folder = temporaryFolder();
  chmodSync(folder.path, 0o555);
  const told = await recv({ ...at(folder.path), isBoundByModes: true }, "--yes");
  expect(told.exitCode).toBe(2);
  expect(told.err.toString()).toContain("The folder cannot be written to");
});
