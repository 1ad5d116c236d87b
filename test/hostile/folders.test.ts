/**
 * Folders that nothing names but paths, and files that hold nothing: a manifest of a megabyte can say
 * 320,000 of them, which take 1.25 GB of a disk and no byte of content.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { offerLines } from "../../cli/screen/offer-lines.ts";
import { makeStyle } from "../../cli/screen/style.ts";
import { DiskNeed } from "../../cli/system/disk-need.ts";
import type { ClientEvent } from "../../cli/job/event-schema.ts";
import { HeldFolder } from "../../cli/system/held-folder.ts";
import { Journal } from "../../cli/receive/journal.ts";
import { LOBBY_CODE, MANIFEST_FILES } from "../../protocol/mod.ts";
import { LOBBY_ENTRIES } from "../../cli/job/jobs.ts";
import { encodeManifest } from "../../protocol/content/encode-manifest.ts";
import { startRelay } from "../../relay/mod.ts";
import { temporaryFolder, testTree } from "../support/disk.ts";
import { cleanEnv } from "../support/clients/pty.ts";
import { newCode } from "../support/clients/clients.ts";
import { everything } from "../support/hostile/receiver.ts";
import { HostileSender, type Entry, type Lie } from "../support/hostile/sender.ts";
import { mountNamespace } from "../needs.ts";
import { FILESHARE } from "../support/clients/command-words.ts";

const relay = await startRelay();
afterAll(() => relay.stop());

/** `count` empty files, each below a chain of `depth` folders of its own. */
function bomb(count: number, depth: number): Entry[] {
  const chain = "/a".repeat(depth - 1);
  return Array.from({ length: count }, (_, i) => ({
    path: `${i.toString(36)}${chain}/f`,
    size: 0,
  }));
}

/** Runs `fileshare recv` until `last`, or its end. @param mount options of a tmpfs to receive into */
async function taken(
  lie: Lie,
  args: readonly string[],
  { lobby = false, mount = "" } = {},
): Promise<{ events: ClientEvent[]; made: string[] }> {
  using folder = temporaryFolder();
  const out = join(folder.path, "out");
  mkdirSync(out);
  const code = lobby ? LOBBY_CODE : newCode();
  await using _sender = await HostileSender.start(`${relay.url}/ws`, code, lie);
  const recv = [...FILESHARE, "recv", "--json", "--out", out, ...args];
  const script = `mount -t tmpfs -o ${mount} none "$1" && shift && "$@" ; find "$0"`;
  const command =
    mount === "" ? recv : ["unshare", NAMESPACE!, "sh", "-c", script, out, out, ...recv];
  const child = Bun.spawn(command, {
    env: { ...cleanEnv(), FILESHARE_RELAY: relay.url, FILESHARE_CODE: code },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const events: ClientEvent[] = [];
  const inside: string[] = [];
  let rest = "";
  for await (const bytes of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + bytes).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("{")) inside.push(line);
      else events.push(JSON.parse(line) as ClientEvent);
    }
    const ends = lobby ? ["error", "done"] : ["unreadable"];
    if (events.some(({ event }) => ends.includes(event))) child.kill("SIGINT");
  }
  await child.exited;
  return { events, made: mount === "" ? everything(out) : inside.slice(1) };
}

/** The first that was wrong. */
const codeOf = (events: readonly ClientEvent[]): string | undefined => {
  const wrong = events.filter(({ event }) => event === "error" || event === "unreadable");
  const codes = wrong.flatMap((event) => ("code" in event ? [event.code] : []));
  return codes.find((code) => code !== "interrupted");
};

const NAMESPACE = mountNamespace();

describe("F26 folders that only paths name", () => {
  test.each([false, true])(
    "beyond the limit are refused before one is made; lobby: %p",
    async (lobby) => {
      const { events, made } = await taken({ files: bomb(10_000, 32) }, lobby ? [] : ["--yes"], {
        lobby,
      });
      expect({ code: codeOf(events), made }).toEqual({ code: "bad-manifest", made: [] });
    },
  );

  test("are told with the offer, and what they take of the disk", async () => {
    const { events, made } = await taken({ files: bomb(40, 32) }, ["--yes"]);
    const offer = events.find((event) => event.event === "offer");
    expect(offer).toMatchObject({ files: 40, folders: 0, made: 40 * 32, bytes: 0 });
    const disk = offer?.event === "offer" ? offer.disk! : 0;
    expect(disk).toBeGreaterThan(40 * 32 * 4096);
    expect(disk).toBeLessThan(40 * 32 * 4096 * 1.1);
    expect(made.length).toBe(40 * 33);
    if (offer?.event !== "offer") throw new Error("no offer");
    const [line] = offerLines(offer, makeStyle(false));
    expect(line).toMatch(/^Offered: 40 files in 1280 folders, 0 B, 5(\.\d+)? MiB on the disk$/);
  });

  test("are taken in the lobby up to a limit, beyond which somebody has to say yes", async () => {
    const many = { files: bomb(LOBBY_ENTRIES / 20 + 1, 19) };
    const asked = await taken(many, [], { lobby: true });
    expect(asked.events.find(({ event }) => event === "offer")).toMatchObject({ question: true });
    expect({ code: codeOf(asked.events), made: asked.made }).toEqual({
      code: "declined",
      made: [],
    });
    const yes = await taken(many, ["--yes"], { lobby: true });
    expect({ code: codeOf(yes.events), made: yes.made.length }).toEqual({
      code: undefined,
      made: LOBBY_ENTRIES + 20,
    });
    const few = await taken({ files: bomb(LOBBY_ENTRIES / 20, 19) }, [], { lobby: true });
    expect({ code: codeOf(few.events), made: few.made.length }).toEqual({
      code: undefined,
      made: LOBBY_ENTRIES,
    });
  });

  test.skipIf(NAMESPACE === undefined)(
    "need room on the disk, and inodes, before one is made (needs unshare and tmpfs)",
    async () => {
      const bytes = await taken({ files: bomb(50, 32) }, ["--yes"], { mount: "size=4m" });
      expect({ code: codeOf(bytes.events), made: bytes.made }).toEqual({
        code: "disk-full",
        made: [],
      });
      const inodes = { mount: "size=64m,nr_inodes=1000" };
      const refused = await taken({ files: bomb(50, 32) }, ["--yes"], inodes);
      expect({ code: codeOf(refused.events), made: refused.made }).toEqual({
        code: "disk-full",
        made: [],
      });
      const fits = await taken({ files: bomb(25, 32) }, ["--yes"], inodes);
      expect({ code: codeOf(fits.events), made: fits.made.length }).toEqual({
        code: undefined,
        made: 25 * 33,
      });
    },
  );

  test("a partial that says more of them than a share may have is not gone on with", () => {
    using folder = temporaryFolder();
    const held = (name: string): HeldFolder => {
      const path = join(folder.path, name);
      mkdirSync(path, { recursive: true });
      return HeldFolder.hold(path);
    };
    using plain = held("1");
    using most = held("2");
    using more = held("3");
    const tree = testTree(1, [{ path: "a/b/c", size: 5 }]);
    const kept = {
      manifest: tree.manifest,
      receiver: tree.receiver,
      policy: { onExists: "number", prefix: "", checksum: false },
    } as const;
    Journal.create(plain, { ...kept, head: tree.head }).close();
    expect(Journal.open(plain, tree.share)?.manifest.folders).toBe(2);
    // The same length, and one more folder than a letter less of the name.
    const over = headOf(tree.share, MANIFEST_FILES / 2);
    Journal.create(most, { ...kept, head: over }).close();
    expect(Journal.open(most, tree.share)).toBeDefined();
    Journal.create(more, { ...kept, head: withOneMore(over) }).close();
    expect(Journal.open(more, tree.share)).toBeUndefined();
  });
});

/** Of a share with as many files, each in a folder of its own; the last one has another in its name. */
function headOf(share: Uint8Array, count: number): Uint8Array {
  const files = Array.from({ length: count }, (_, i) => ({
    path: `${i.toString(36).padStart(4, "0")}/${i === count - 1 ? "x.y" : "f"}` as never,
    type: "file" as const,
    size: 0,
    mode: 0,
    mtime: 0,
  }));
  return encodeManifest({ share, recordSize: 1024, files }).head;
}

function withOneMore(head: Uint8Array): Uint8Array {
  const changed = Buffer.from(head);
  changed.write("x/y", changed.lastIndexOf("x.y"));
  return new Uint8Array(changed);
}

describe("the room that a share needs on a disk", () => {
  const need = (paths: readonly (readonly [string, number?])[], wanted?: readonly number[]) => {
    const { manifest } = testTree(
      1,
      paths.map(([path, size]) => (size === undefined ? { path } : { path, size })),
    );
    return new DiskNeed(manifest, Uint8Array.from(wanted ?? paths.map(() => 1)), 4096);
  };

  test("is whole blocks, folders and names", () => {
    expect(need([["a", 1]]).left()).toEqual({ bytes: 4096 + 17, inodes: 1 });
    expect(need([["d/a", 0]]).left()).toEqual({ bytes: 4096 + 17, inodes: 2 });
    expect(need([["d/e"]]).left()).toEqual({ bytes: 2 * 4096 + 17, inodes: 2 });
    const both = need([["d/a", 4097], ["d/e/bb", 0], ["f/long"]]);
    expect(both.left()).toEqual({ bytes: (2 + 4) * 4096 + 17 + 18 + 20, inodes: 6 });
  });

  test("is less by what is here, and by what is not fetched", () => {
    const some = need([["d/a", 4096], ["d/b", 8192], ["d/c", 0], ["e"]]);
    expect(some.left().inodes).toBe(5);
    expect(some.left(4096)).toEqual({ bytes: (2 + 1) * 4096 + 3 * 17, inodes: 3 });
    expect(some.left(4096 + 1)).toEqual({ bytes: (2 + 1) * 4096 + 2 * 17, inodes: 2 });
    expect(some.left(12_288)).toEqual({ bytes: 4096 + 2 * 17, inodes: 2 });
    expect(some.left(12_288, 3)).toEqual({ bytes: 4096 + 17, inodes: 1 });
    expect(some.left(12_288, 4)).toEqual({ bytes: 0, inodes: 0 });
    const rest = need([["d/a", 4096], ["d/b", 8192], ["d/c", 0], ["e"]], [0, 0, 1, 0]);
    expect(rest.left()).toEqual({ bytes: 4096 + 17, inodes: 2 });
  });
});
