import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { KeptSend, SENDS_KEPT, type SendEntry } from "../../../cli/send/kept-send.ts";
import { forgetSend, keptSends } from "../../../cli/send/kept-sends.ts";
import { statePath } from "../../../cli/system/state.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { tagOf } from "./kept-tags.ts";
import { mountNamespace } from "../../needs.ts";
import { stateOfEachTest } from "../../support/clients/own-state.ts";

const folder = stateOfEachTest();

const content = {
  head: Uint8Array.of(0, 0, 0, 1, 0x80),
  stamps: BigUint64Array.of(1n, 2n, 3n, 2n ** 64n - 1n),
};

function entry(number: number): SendEntry {
  return {
    share: number.toString(16).padStart(32, "0"),
    proof: "ab".repeat(32),
    code: parseCode("amused-oyster-velvet-crisp-lunar-solid-worry"),
    relay: "ws://127.0.0.1:8000/ws",
    what: "{}",
    again: { cwd: "/", words: ["send", "a"] },
    name: "a",
    bytes: 5,
    records: 9,
    apart: false,
    editions: 0,
    verified: 0,
  };
}

/** Its folder, as it is called now. */
function nameOf(share: string): string {
  return readdirSync(statePath("sends")).find((name) => name.startsWith(share))!;
}

/** Under the name of a process that is gone. */
function abandon(share: string): string {
  const gone = spawnSync("true").pid;
  const path = statePath("sends");
  const name = nameOf(share);
  const free = name.replace(/\.\d+-/, `.${gone}-`);
  renameSync(join(path, name), join(path, free));
  return free;
}

function accepted(...of: Parameters<typeof KeptSend.create>): KeptSend {
  const kept = KeptSend.create(...of);
  kept.accept();
  return kept;
}

describe("a kept send", () => {
  test("is one process's at a time, and comes back as it was", () => {
    const kept = accepted(entry(1), content);
    expect(kept.note(0, tagOf(0))).toBe(true);
    expect(kept.note(3, tagOf(3))).toBe(true);
    expect(keptSends()).toMatchObject([{ ...entry(1), sent: 4, running: true }]);
    expect(KeptSend.claim(nameOf(entry(1).share))).toBeUndefined();
    expect(forgetSend(entry(1).share)).toBe(false);
    kept.noteDone(new Uint8Array(16).fill(7));
    kept.noteDone(new Uint8Array(16).fill(8));
    kept.close();
    kept.close();
    expect(keptSends()).toMatchObject([{ running: false, folder: entry(1).share }]);
    const again = KeptSend.claim(entry(1).share)!;
    expect(KeptSend.claim(entry(1).share)).toBeUndefined();
    expect(again.entry).toMatchObject(entry(1));
    expect(again.content()).toEqual({ ...content, head: Buffer.from(content.head) });
    expect(again.end).toBe(4);
    expect(again.done.map((id) => [...id.subarray(0, 2)])).toEqual([
      [7, 7],
      [8, 8],
    ]);
    expect([0, 1, 2, 3, 4].map((index) => again.has(index))).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
    again.forget();
    expect(readdirSync(statePath("sends"))).toEqual([]);
  });

  test.skipIf(process.platform !== "linux")(
    "stays where it was made when another folder takes the place of the state's",
    () => {
      const [state, away, victim] = ["fileshare", "away", "victim"].map((name) =>
        join(folder.path, name),
      ) as [string, string, string];
      const kept = accepted(entry(1), content);
      const name = nameOf(entry(1).share);
      mkdirSync(join(victim, "sends", name), { recursive: true });
      renameSync(state, away);
      symlinkSync(victim, state);
      kept.note(0, tagOf(0));
      kept.noteDone(new Uint8Array(16).fill(7));
      kept.restamp(content.stamps);
      expect(kept.content().stamps).toEqual(content.stamps);
      kept.close();
      expect(readdirSync(join(victim, "sends"))).toEqual([name]);
      expect(readdirSync(join(victim, "sends", name))).toEqual([]);
      expect(readdirSync(join(away, "sends"))).toEqual([entry(1).share]);
    },
  );

  test("HOSTILE E8 lets a record leave with the tag that it had, and with no other", () => {
    const kept = accepted(entry(1), content);
    for (const index of [7, 0]) expect(kept.note(index, tagOf(index))).toBe(true);
    expect(kept.note(7, tagOf(7))).toBe(true);
    expect(kept.note(7, tagOf(8))).toBe(false);
    const other = tagOf(0);
    other[15]! ^= 1;
    expect(kept.note(0, other)).toBe(false);
    kept.close();
    const again = KeptSend.claim(entry(1).share)!;
    expect(again.note(0, other)).toBe(false);
    expect(again.note(0, tagOf(0))).toBe(true);
    again.close();
  });

  test("HOSTILE E8 a tag that was cut off belongs to a record that never left", () => {
    const kept = accepted(entry(1), content);
    kept.note(0, tagOf(0));
    kept.note(1, tagOf(1));
    truncateSync(join(statePath("sends"), nameOf(entry(1).share), "tags"), 20);
    expect(kept.has(1)).toBe(false);
    expect(kept.note(1, tagOf(5))).toBe(true);
    expect(kept.note(1, tagOf(1))).toBe(false);
    kept.close();
  });

  test("of a process that is gone is free, and only one gets it", () => {
    accepted(entry(1), content).note(2, tagOf(2));
    const name = abandon(entry(1).share);
    expect(keptSends()).toMatchObject([{ running: false, sent: 3 }]);
    const claimed = [KeptSend.claim(name), KeptSend.claim(name)];
    expect(claimed.map((kept) => kept?.end)).toEqual([3, undefined]);
    claimed[0]!.close();
  });

  test("HOSTILE E8 is not gone on with after the system broke down, unless it was stored", () => {
    const run = (share: string): string => join(statePath("sends"), nameOf(share), "run.json");
    const otherBoot = (stored: boolean): void => {
      const path = run(entry(1).share);
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ stored });
      writeFileSync(path, JSON.stringify({ boot: "another", stored }));
    };
    accepted(entry(1), content).close();
    otherBoot(true);
    const kept = KeptSend.claim(entry(1).share)!;
    expect(kept.end).toBe(0);
    otherBoot(false);
    expect(KeptSend.claim(abandon(entry(1).share))).toBeUndefined();
    expect(keptSends()).toEqual([]);
    expect(readdirSync(statePath("sends"))).toEqual([]);
  });

  test("is for this user alone, bounded, and what runs is never dropped", () => {
    const running = accepted(entry(0), content);
    const path = join(statePath("sends"), nameOf(entry(0).share));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(path))
      expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
    utimesSync(path, 1, 1);
    for (let number = 1; number <= SENDS_KEPT + 2; number++) {
      accepted(entry(number), content).close();
      const each = join(statePath("sends"), entry(number).share);
      utimesSync(each, 1000 + number, 1000 + number);
    }
    const shares = keptSends().map(({ share }) => share);
    expect(shares).toHaveLength(SENDS_KEPT);
    expect(shares).toContain(entry(0).share);
    expect(shares).not.toContain(entry(1).share);
    expect(shares).not.toContain(entry(3).share);
    expect(shares).toContain(entry(4).share);
    running.forget();
  });

  test("that is damaged is not looked at, and makes room", () => {
    accepted(entry(1), content).close();
    accepted(entry(2), content).close();
    const path = statePath("sends");
    writeFileSync(join(path, entry(1).share, "entry.json"), "{");
    writeFileSync(join(path, entry(2).share, "entry.json"), JSON.stringify(entry(1)));
    mkdirSync(join(path, "..sends"));
    chmodSync(path, 0o755);
    expect(keptSends()).toEqual([]);
    expect(KeptSend.claim(entry(1).share)).toBeUndefined();
    expect(KeptSend.claim(entry(2).share)).toBeUndefined();
    expect(KeptSend.claim("..sends")).toBeUndefined();
    expect(readdirSync(path)).toEqual(["..sends"]);
  });
});

test("HOSTILE E8 nothing leaves that was not noted before, whenever the process is killed with -9", async () => {
  accepted(entry(1), content).close();
  const env = { ...process.env };
  const child = join(import.meta.dir, "noting-child.ts");
  let next = 0;
  for (let round = 0; round < 12; round++) {
    const name = nameOf(entry(1).share);
    const noting = Bun.spawn([process.execPath, child, name], { env, stdout: "pipe" });
    const enough = next + 1 + Math.floor(Math.random() * 200);
    let text = "";
    for await (const bytes of noting.stdout) {
      text += new TextDecoder().decode(bytes);
      if (text.split("\n").length > enough - next) noting.kill("SIGKILL");
    }
    await noting.exited;
    const left = text.split("\n").slice(0, -1).map(Number);
    expect(left.length).toBeGreaterThan(0);
    const tags = readFileSync(join(statePath("sends"), nameOf(entry(1).share), "tags"));
    for (const index of left) {
      expect(tags.subarray(index * 16, index * 16 + 16)).toEqual(Buffer.from(tagOf(index)));
    }
    // It goes on behind all that was noted: nothing leaves a second time unseen.
    expect(left[0]).toBeGreaterThanOrEqual(next);
    next = left.at(-1)! + 1;
  }
  expect(keptSends()).toMatchObject([{ running: false }]);
});

const NAMESPACE = mountNamespace();

test.skipIf(NAMESPACE === undefined)(
  "HOSTILE E8 a full disk ends no send, which nobody goes on with then (needs unshare and tmpfs)",
  () => {
    const child = join(import.meta.dir, "full-state-child.ts");
    const script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" "$3" "$1"';
    const args = ["sh", "-c", script, "sh", folder.path, process.execPath, child];
    const run = spawnSync("unshare", [NAMESPACE!, ...args], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(JSON.parse(run.stdout)).toEqual({
      kept: true,
      unkept: true,
      exitCodes: [0, 0],
      same: true,
      left: [],
    });
  },
);
