/** Trees in a folder: what is on the disk at each moment, and after crashes, full disks and refusals. */
import { describe, expect, test } from "bun:test";

import { MemoryStore } from "../../../web/browser/store.ts";
import type { Offer } from "../../../web/job/receive-messages.ts";
import { FolderSaver } from "../../../web/save/folder-saver.ts";
import type { Saver, UnfinishedReceive } from "../../../web/save/saver.ts";
import { Journal, KeptReceives, type KeptPlace } from "../../../web/save/unfinished.ts";
import { FakeFolder } from "./fake-files.ts";
import { file, folder, offerOf } from "./offers.ts";

const tree = offerOf(
  file("tree/a.txt", 5),
  folder("tree/empty"),
  file("tree/none", 0),
  file("tree/sub/b.txt", 3),
);

function receiveOf(offer: Offer): UnfinishedReceive {
  const { share, receiver } = offer;
  return {
    share,
    receiver,
    code: "code",
    relay: "wss://relay.example/ws",
    offer,
    way: "folder",
    since: Date.now(),
  };
}

function text(words: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(words);
}

async function writeTree(saver: Saver): Promise<void> {
  await saver.write(0, text("hel"));
  await saver.write(0, text("lo"));
  await saver.write(3, text("abc"));
}

const whole = {
  "tree/a.txt": "hello",
  "tree/empty/": "",
  "tree/none": "",
  "tree/sub/b.txt": "abc",
};

describe("a tree in a folder", () => {
  test("is not kept for later when nothing of it came and its folder cannot be removed", async () => {
    const disk = new FakeFolder();
    const receives = new KeptReceives(new MemoryStore());
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree), receives);
    disk.removeEntry = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    expect(saver.abandon()).rejects.toThrow("no");
    expect(await receives.list()).toEqual([]);
  });

  test("gets its names when all of it came", async () => {
    const disk = new FakeFolder();
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree));
    await writeTree(saver);
    const before = Object.keys(disk.list());
    expect(
      before.filter((path) => !path.endsWith(".fileshare-part") && !path.endsWith("/")),
    ).toEqual([]);
    expect(await saver.finish([])).toEqual(["tree"]);
    expect(disk.list()).toEqual(whole);
  });

  test("never touches what is in the folder", async () => {
    const disk = new FakeFolder();
    const mine = await disk.getDirectoryHandle("tree", { create: true });
    await mine.getFileHandle("a.txt", { create: true });
    await disk.getFileHandle("tree (2)", { create: true });
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree));
    await writeTree(saver);
    expect(await saver.finish([])).toEqual(["tree (3)"]);
    expect(disk.list()).toMatchObject({
      "tree/a.txt": "",
      "tree (2)": "",
      "tree (3)/a.txt": "hello",
    });
  });

  test("keeps several files beside a file of the same name that came meanwhile", async () => {
    const disk = new FakeFolder();
    const saver = await FolderSaver.open(
      disk.handle,
      receiveOf(offerOf(file("a", 1), file("b", 1))),
    );
    await saver.write(0, text("1"));
    await saver.write(1, text("2"));
    await disk.getFileHandle("a", { create: true });
    expect(await saver.finish([])).toEqual(["a (2)", "b"]);
    expect(disk.list()).toEqual({ a: "", "a (2)": "1", b: "2" });
  });

  test("has no file that is unsound", async () => {
    const disk = new FakeFolder();
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree));
    await writeTree(saver);
    await saver.finish([0]);
    const { "tree/a.txt": _, ...others } = whole;
    expect(disk.list()).toEqual(others);
  });

  test("gives a file another name where the browser refuses its own", async () => {
    const disk = new FakeFolder({ refused: /\.lnk$/ });
    const saver = await FolderSaver.open(
      disk.handle,
      receiveOf(offerOf(file("t/a.lnk", 1), file("b.lnk", 1))),
    );
    await saver.write(0, text("1"));
    await saver.write(1, text("2"));
    expect(await saver.finish([])).toEqual(["t", "b.lnk_"]);
    expect(disk.list()).toEqual({ "t/a.lnk_": "1", "b.lnk_": "2" });
  });

  test("F12 keeps a and a (2) of one share apart where a is taken on the disk", async () => {
    const disk = new FakeFolder();
    await disk.getFileHandle("a", { create: true });
    const offer = offerOf(file("a", 1), file("a (2)", 1), file("A (3)/b", 1));
    const saver = await FolderSaver.open(disk.handle, receiveOf(offer));
    for (const [at, words] of ["1", "2", "3"].entries()) await saver.write(at, text(words));
    expect(await saver.finish([])).toEqual(["a (4)", "a (2)", "A (3)"]);
    expect(disk.list()).toEqual({ a: "", "a (4)": "1", "a (2)": "2", "A (3)/b": "3" });
  });

  test("F12 gives way to a file that came meanwhile, and not to another file of the share", async () => {
    const disk = new FakeFolder();
    const offer = offerOf(file("a", 1), file("a (2)", 1));
    const saver = await FolderSaver.open(disk.handle, receiveOf(offer));
    await saver.write(0, text("1"));
    await saver.write(1, text("2"));
    await disk.getFileHandle("a", { create: true });
    expect(await saver.finish([])).toEqual(["a (3)", "a (2)"]);
    expect(disk.list()).toEqual({ a: "", "a (3)": "1", "a (2)": "2" });
  });

  test.each([true, false])(
    "F12 a refused name takes none of the share, moving %p",
    async (canMove) => {
      const disk = new FakeFolder({ refused: /\.lnk$/, canMove });
      const offer = offerOf(file("t/a.lnk", 1), file("t/a.lnk_", 1), file("t/A.lnk__", 1));
      const saver = await FolderSaver.open(disk.handle, receiveOf(offer));
      for (const [at, words] of ["1", "2", "3"].entries()) await saver.write(at, text(words));
      await saver.finish([]);
      expect(disk.list()).toEqual({ "t/a.lnk___": "1", "t/a.lnk_": "2", "t/A.lnk__": "3" });
    },
  );

  test("F29 does not name an empty file where another program removed the partial", async () => {
    const disk = new FakeFolder();
    const saver = await FolderSaver.open(
      disk.handle,
      receiveOf(offerOf(file("t/a", 1), file("b", 1))),
    );
    await saver.write(0, text("1"));
    await saver.write(1, text("2"));
    const inside = await disk.getDirectoryHandle("t");
    await inside.removeEntry("a.fileshare-part");
    expect(saver.finish([])).rejects.toMatchObject({ code: "write-failed" });
    expect(Object.keys(disk.list())).not.toContain("t/a");
  });

  test("is gone after it was abandoned, where it cannot go on", async () => {
    const disk = new FakeFolder();
    await disk.getFileHandle("mine", { create: true });
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree));
    await saver.write(0, text("hello"));
    await saver.abandon();
    expect(disk.list()).toEqual({ mine: "" });
  });

  test("tells of a full disk", async () => {
    const disk = new FakeFolder({ room: 4 });
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree));
    await saver.write(0, text("hello"));
    expect(saver.finish([])).rejects.toMatchObject({ code: "disk-full" });
    expect(Object.values(disk.list()).join("")).toBe("");
  });
});

describe("a browser that cannot rename files", () => {
  test("writes each through its swap file until the file is whole", async () => {
    const disk = new FakeFolder({ canMove: false });
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree));
    await saver.write(0, text("hell"));
    expect(disk.list()).toEqual({ "tree/a.txt": "" });
    await saver.write(0, text("o"));
    await saver.write(3, text("abc"));
    await saver.finish([]);
    expect(disk.list()).toEqual(whole);
  });

  test("keeps no half file when the receive is abandoned", async () => {
    const disk = new FakeFolder({ canMove: false });
    const saver = await FolderSaver.open(disk.handle, receiveOf(tree));
    await saver.write(0, text("hell"));
    await saver.abandon();
    expect(disk.list()).toEqual({});
  });
});

describe("a tree that goes on after a reload", () => {
  /** Stops at a byte of the tree, and opens it again. */
  async function resumed(
    disk: FakeFolder,
    stop: (saver: Saver) => Promise<void>,
    between: () => Promise<void> = () => Promise.resolve(),
  ): Promise<{ readonly saver: Saver; readonly receives: KeptReceives }> {
    const receives = new KeptReceives(new MemoryStore());
    const first = await FolderSaver.open(disk.handle, receiveOf(tree), receives);
    await stop(first);
    await between();
    const kept = await receives.find(tree.share);
    const { place, notes } = kept!;
    const journal = await Journal.resume(tree.share, receives);
    // A store of memory keeps no handles, and a real one gives them back.
    const back = { ...place, handle: disk.handle } as Extract<KeptPlace, { way: "folder" }>;
    return { saver: await FolderSaver.reopen(back, tree, notes, journal!), receives };
  }

  test("goes on in the middle of a file", async () => {
    const disk = new FakeFolder();
    const { saver, receives } = await resumed(disk, async (first) => {
      await first.write(0, text("hel"));
      await first.abandon();
    });
    expect(saver.position).toBe(3);
    await saver.write(0, text("lo"));
    await saver.write(3, text("abc"));
    await saver.finish([]);
    expect(disk.list()).toEqual(whole);
    expect(await receives.list()).toEqual([]);
  });

  test("goes on behind whole files", async () => {
    const disk = new FakeFolder();
    const { saver } = await resumed(disk, async (first) => {
      await first.write(0, text("hello"));
      await first.write(3, text("a"));
      await first.abandon();
    });
    expect(saver.position).toBe(6);
    await saver.write(3, text("bc"));
    await saver.finish([]);
    expect(disk.list()).toEqual(whole);
  });

  test("begins a file anew that was changed meanwhile", async () => {
    const disk = new FakeFolder();
    const { saver } = await resumed(
      disk,
      async (first) => {
        await first.write(0, text("hel"));
        await first.abandon();
      },
      async () => {
        const tree = await disk.getDirectoryHandle("tree");
        const part = await tree.getFileHandle("a.txt.fileshare-part");
        part.content = text("HEL");
        part.lastModified += 1_000;
      },
    );
    expect(saver.position).toBe(0);
    await writeTree(saver);
    await saver.finish([]);
    expect(disk.list()).toEqual(whole);
  });

  test("needs nothing more when the page ended while it gave names", async () => {
    const disk = new FakeFolder();
    const { saver } = await resumed(
      disk,
      async (first) => {
        await writeTree(first);
        await first.abandon();
      },
      async () => {
        const tree = await disk.getDirectoryHandle("tree");
        await (await tree.getFileHandle("a.txt.fileshare-part")).move("a.txt");
      },
    );
    expect(saver.position).toBe(tree.bytes);
    await saver.finish([]);
    expect(disk.list()).toEqual(whole);
  });
});
