/**
 * Another local user owns the folder into which root receives, and exchanges what is in it while the
 * sender, who is in league with that user, holds the next records back. Real processes of two users.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseCode } from "../../protocol/mod.ts";
import { startRelay, type Relay } from "../../relay/mod.ts";
import { temporaryFolder } from "../support/disk.ts";
import { fileshare, type Command } from "../support/clients/command.ts";
import { content } from "../support/files.ts";
import { HostileSender, HOSTILE_RECORD_SIZE } from "../support/hostile/sender.ts";

const CODE = parseCode("abandon-ability-able-about-above-absent-able");
/** nobody */
const OTHER = 65534;
const NAMES = Array.from({ length: 20 }, (_, i) => `f${10 + i}`);
const FILE_BYTES = 40_000;
/** Records that leave before the sender waits. */
const HELD = 6;
const DATA = HOSTILE_RECORD_SIZE - 17;
const canBeTwo = process.platform === "linux" && process.geteuid?.() === 0;

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

/** A folder of nobody's, and one that only root may look into. */
class Stage implements Disposable {
  readonly #folder = temporaryFolder();
  readonly root = realpathSync(this.#folder.path);
  readonly home = join(this.root, "home");
  readonly victim = join(this.root, "victim");

  constructor() {
    chmodSync(this.root, 0o755);
    mkdirSync(this.home, { mode: 0o755 });
    chownSync(this.home, OTHER, OTHER);
    mkdirSync(this.victim, { mode: 0o700 });
    for (const name of [...NAMES, "journal"]) writeFileSync(join(this.victim, name), "precious");
  }

  /** Runs a script as another user, in a folder of that user. */
  attack(script: string): void {
    const { status, stderr } = spawnSync(
      "setpriv",
      ["--reuid", `${OTHER}`, "--regid", `${OTHER}`, "--clear-groups", "sh", "-e", "-c", script],
      { cwd: this.home, env: { PATH: process.env["PATH"], VICTIM: this.victim } },
    );
    expect([status, stderr.toString()]).toEqual([0, ""]);
  }

  expectVictimWhole(): void {
    expect(readdirSync(this.victim).toSorted()).toEqual([...NAMES, "journal"]);
    for (const name of readdirSync(this.victim)) {
      expect(readFileSync(join(this.victim, name), "utf8")).toBe("precious");
    }
  }

  /** Files in the folder that came from the sender, under their names. */
  received(dir = this.home): string[] {
    return readdirSync(dir)
      .filter((name) => NAMES.includes(name))
      .toSorted();
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const BYTES = NAMES.map((_, i) => content(i, FILE_BYTES));

/** Sends all of them, below `top` where it is given, and waits for `release` at a known record. */
function offer(top = ""): Promise<HostileSender> {
  const files = NAMES.map((name) => ({ path: top + name, size: FILE_BYTES }));
  return HostileSender.start(`${relay.url}/ws`, CODE, {
    files,
    content: Buffer.concat(BYTES),
    held: HELD,
  });
}

function receiver(out: string, ...options: readonly string[]): Command {
  const words = ["recv", "--yes", "--prefix=", "--out", out, ...options];
  return fileshare(words, { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE });
}

/** Until everything that left is written. */
async function untilHeld(command: Command): Promise<void> {
  const event = await command.events(
    (each) => each.event === "progress" && each.bytes > (HELD - 1) * DATA,
  );
  expect(event).toBeDefined();
}

/** How it ended: its fault, and where it said that something is. */
async function end(command: Command) {
  let [fault, message, kept] = ["", "", ""];
  const saved: string[] = [];
  await command.events((event) => {
    if (event.event === "error") [fault, message] = [event.code, event.message];
    if (event.event === "kept") kept = event.path;
    if (event.event === "saved") saved.push(event.path);
    return false;
  });
  return { exitCode: await command.exited, fault, message, kept, saved };
}

const PARTIAL = "$(ls -d *.partial)";

describe.skipIf(!canBeTwo)("another user who owns the destination", () => {
  test.each([
    ["a folder with a link to ours in it", `mkdir "$P"; ln -s "$VICTIM" "$P/data"`],
    ["a link", `ln -s "$VICTIM" "$P"`],
    ["a FIFO", `mkfifo "$P"`],
  ])("who exchanges the partial for %s gets nothing written or moved", async (_what, make) => {
    using stage = new Stage();
    await using sender = await offer();
    await using command = receiver(stage.home);
    await untilHeld(command);
    stage.attack(`P=${PARTIAL}; mv "$P" away; ${make}`);
    const swapped = readdirSync(stage.home).toSorted();
    sender.release();
    const { exitCode, fault, message, kept } = await end(command);
    expect([exitCode, fault]).toEqual([1, "write-failed"]);
    expect(message).toContain("something else was put in its place meanwhile");
    expect(kept).toBe(join(stage.home, "away"));
    expect(readdirSync(stage.home).toSorted()).toEqual(swapped);
    expect(sender.receipts).toEqual([]);
    stage.expectVictimWhole();
  });

  test("who exchanges one of two partials ends that receiver alone", async () => {
    using stage = new Stage();
    await using sender = await offer();
    await using one = receiver(stage.home);
    await untilHeld(one);
    await using other = receiver(stage.home, "--rename");
    await untilHeld(other);
    stage.attack(
      `P=$(ls -d *-${one.pid}-*.partial); mv "$P" away; mkdir "$P"; ln -s "$VICTIM" "$P/data"`,
    );
    sender.release();
    const [first, second] = await Promise.all([end(one), end(other)]);
    expect([first.exitCode, first.fault]).toEqual([1, "write-failed"]);
    expect([second.exitCode, second.fault]).toEqual([0, ""]);
    expect(stage.received()).toEqual(NAMES);
    for (const [i, name] of NAMES.entries()) {
      expect(readFileSync(join(stage.home, name)).equals(BYTES[i]!)).toBe(true);
    }
    stage.expectVictimWhole();
  });

  test("who exchanges a folder that files come into gets none of them led away", async () => {
    using stage = new Stage();
    stage.attack("mkdir top; echo theirs > top/f10");
    await using sender = await offer("top/");
    await using command = receiver(stage.home, "--overwrite");
    await untilHeld(command);
    stage.attack(`mv top old; ln -s "$VICTIM" top`);
    sender.release();
    const { exitCode, fault } = await end(command);
    expect([exitCode, fault]).toEqual([1, "in-the-way"]);
    stage.expectVictimWhole();
  });

  test("who exchanges the destination itself gets nothing; people are told where it went", async () => {
    using stage = new Stage();
    const out = join(stage.home, "in");
    mkdirSync(out);
    await using sender = await offer();
    await using command = receiver(out);
    await untilHeld(command);
    stage.attack(`mv in moved; ln -s "$VICTIM" in`);
    sender.release();
    const { exitCode, saved } = await end(command);
    expect(exitCode).toBe(0);
    expect(saved).not.toEqual([]);
    for (const path of saved) expect(path).toStartWith(join(stage.home, "moved"));
    expect(readdirSync(join(stage.home, "moved")).toSorted()).toEqual(NAMES);
    stage.expectVictimWhole();
  });

  test("who plants a partial of that share is not believed", async () => {
    using stage = new Stage();
    await using sender = await offer();
    const share = Buffer.from(sender.share.subarray(0, 4)).toString("hex");
    stage.attack(
      `mkdir "f10.${share}-00000000.partial"; cd "f10.${share}-00000000.partial";` +
        ` ln -s "$VICTIM" data; ln -s "$VICTIM/journal" journal; cd ..;` +
        ` ln -s "$VICTIM" "f10.${share}-11111111.partial"`,
    );
    sender.release();
    const { exitCode } = await end(receiver(stage.home));
    expect(exitCode).toBe(0);
    expect(stage.received()).toEqual(NAMES);
    expect(readdirSync(stage.home).filter((name) => name.includes("partial"))).toHaveLength(2);
    stage.expectVictimWhole();
  });

  test("who owns the folder of the state gets no code, and nothing written elsewhere", async () => {
    using stage = new Stage();
    using out = temporaryFolder();
    stage.attack(`ln -s "$VICTIM" fileshare; mkdir -p other/fileshare`);
    for (const state of [stage.home, join(stage.home, "other")]) {
      await using sender = await offer();
      sender.release();
      const words = ["recv", "--yes", "--overwrite", "--out", out.path];
      const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE, XDG_STATE_HOME: state };
      const { exitCode } = await end(fileshare(words, env));
      expect(exitCode).toBe(0);
    }
    expect(readdirSync(join(stage.home, "other/fileshare"))).toEqual([]);
    expect(lstatSync(stage.victim).mode & 0o777).toBe(0o700);
    expect(existsSync(join(stage.victim, "receives"))).toBe(false);
    stage.expectVictimWhole();
  });
});
