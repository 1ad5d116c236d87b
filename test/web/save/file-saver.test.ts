/** One file that the person chose: what is on the disk at each moment. */
import { describe, expect, test } from "bun:test";

import { MemoryStore } from "../../../web/browser/store.ts";
import { FileSaver } from "../../../web/save/file-saver.ts";
import {
  CHECKPOINT_LEAST_BYTES,
  nextCheckpoint,
  PartialFile,
} from "../../../web/save/partial-file.ts";
import { saveFault } from "../../../web/save/save-fault.ts";
import type { UnfinishedReceive } from "../../../web/save/saver.ts";
import {
  bytesOnDisk,
  Journal,
  KEPT_RECEIVES_MS,
  KEPT_RECEIVES,
  KeptReceives,
  type FileNote,
} from "../../../web/save/unfinished.ts";
import { fakeFile } from "./fake-files.ts";
import { file, offerOf } from "./offers.ts";

const offer = offerOf(file("big.iso", 5));

function receiveOf(share = offer.share, since = Date.now()): UnfinishedReceive {
  return {
    share,
    receiver: offer.receiver,
    code: "code",
    relay: "wss://relay.example/ws",
    offer,
    way: "file",
    since,
  };
}

function text(words: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(words);
}

describe("one file", () => {
  test("has the name of a partial until it is whole", async () => {
    const { folder, handle } = await fakeFile("big.iso");
    const saver = await FileSaver.open(handle, receiveOf());
    await saver.write(0, text("hello"));
    expect(Object.keys(folder.list())).toEqual(["big.iso.fileshare-part"]);
    expect(await saver.finish([])).toEqual(["big.iso"]);
    expect(folder.list()).toEqual({ "big.iso": "hello" });
  });

  test("stays empty until it is whole in a browser that cannot rename it", async () => {
    const { folder, handle } = await fakeFile("big.iso", { canMove: false });
    const saver = await FileSaver.open(handle, receiveOf());
    await saver.write(0, text("hello"));
    expect(folder.list()).toEqual({ "big.iso": "" });
    await saver.finish([]);
    expect(folder.list()).toEqual({ "big.iso": "hello" });
  });

  test("is removed when it is abandoned and cannot go on", async () => {
    const { folder, handle } = await fakeFile("big.iso", { canMove: false });
    const saver = await FileSaver.open(handle, receiveOf());
    await saver.write(0, text("hel"));
    await saver.abandon();
    expect(folder.list()).toEqual({});
  });

  test("is not given its name with less than was offered", async () => {
    const { folder, handle } = await fakeFile("big.iso");
    const saver = await FileSaver.open(handle, receiveOf());
    await saver.write(0, text("hel"));
    expect(saver.finish([])).rejects.toMatchObject({ code: "write-failed" });
    expect(folder.list()).toEqual({});
  });

  test("is not kept for later when the browser refuses to write it", async () => {
    const { folder, handle } = await fakeFile("big.iso");
    const receives = new KeptReceives(new MemoryStore());
    // Not enumerable, so that the store can keep the handle.
    Object.defineProperty(handle, "createWritable", {
      value: () => Promise.reject(new DOMException("held", "NotAllowedError")),
    });
    const opening = FileSaver.open(handle, receiveOf(), receives);
    expect(opening).rejects.toMatchObject({ code: "write-failed" });
    expect(folder.list()).toEqual({});
    expect(await receives.list()).toEqual([]);
  });

  test("goes on with what is on disk", async () => {
    const { folder, handle } = await fakeFile("big.iso");
    const receives = new KeptReceives(new MemoryStore());
    const first = await FileSaver.open(handle, receiveOf(), receives);
    await first.write(0, text("hel"));
    await first.abandon();
    const { notes } = (await receives.find(offer.share))!;
    const journal = (await Journal.resume(offer.share, receives))!;
    const place = { way: "file", handle, name: "big.iso" } as const;
    const second = await FileSaver.reopen(place, offer, notes.get(0), journal);
    expect(second.position).toBe(3);
    await second.write(0, text("lo"));
    await second.finish([]);
    expect(folder.list()).toEqual({ "big.iso": "hello" });
    expect(await receives.list()).toEqual([]);
  });
});

describe("bytes on disk", () => {
  const note = { size: 64, lastModified: 10 };

  test("are those of the note", () => {
    expect(bytesOnDisk(note, { size: 64, lastModified: 10 })).toBe(64);
  });

  test("are none of a file that something else changed", () => {
    expect(bytesOnDisk(note, { size: 64, lastModified: 11 })).toBe(0);
    expect(bytesOnDisk(note, { size: 65, lastModified: 10 })).toBe(0);
    expect(bytesOnDisk(undefined, { size: 64, lastModified: 10 })).toBe(0);
  });

  test("are right whether a crash came before or after the writer closed", () => {
    const closing = { ...note, closing: 128 };
    expect(bytesOnDisk(closing, { size: 64, lastModified: 10 })).toBe(64);
    expect(bytesOnDisk(closing, { size: 128, lastModified: 12 })).toBe(128);
    expect(bytesOnDisk(closing, { size: 100, lastModified: 12 })).toBe(0);
  });

  test("are noted as they were until the writer closed, after a reload too", async () => {
    const { handle } = await fakeFile("big.iso");
    const notes: FileNote[] = [];
    const noted = async (note: FileNote): Promise<void> => void notes.push(note);
    const first = await PartialFile.open(handle, 0, { noted });
    await first.write(new Uint8Array(CHECKPOINT_LEAST_BYTES));
    const [, before] = notes;
    expect(before?.size).toBe(CHECKPOINT_LEAST_BYTES);
    await first.abort();
    const second = await PartialFile.open(handle, CHECKPOINT_LEAST_BYTES, { noted });
    await second.write(text("more"));
    await second.close();
    expect(notes[2]).toEqual({ ...before!, closing: CHECKPOINT_LEAST_BYTES + 4 });
    expect(notes[3]?.size).toBe(CHECKPOINT_LEAST_BYTES + 4);
  });

  test("copy less than the file twice in all checkpoints together", () => {
    const size = 100 * 1024 ** 3;
    let copied = 0;
    for (let at = nextCheckpoint(0); at < size; at = nextCheckpoint(at)) copied += at;
    expect(copied).toBeLessThan(2 * size);
    expect(nextCheckpoint(0)).toBe(CHECKPOINT_LEAST_BYTES);
  });
});

describe("writes", () => {
  test("take a long piece as it is, and join short ones", async () => {
    const { handle } = await fakeFile("big.iso");
    const written: unknown[] = [];
    const original = handle.createWritable.bind(handle);
    handle.createWritable = async () => {
      const writer = await original();
      const write = writer.write.bind(writer);
      writer.write = (data) => {
        written.push(data);
        return write(data);
      };
      return writer;
    };
    const file = await PartialFile.open(handle, 0, {});
    const long = new Uint8Array(1_000_000).fill(1);
    await file.write(long);
    expect(written).toEqual([long]);
    expect(written[0]).toBe(long);
    await file.write(text("short"));
    await file.write(text(" and short"));
    expect(written).toHaveLength(1);
    await file.close();
    expect(written.slice(1)).toEqual([text("short and short")]);
  });
});

describe("kept receives", () => {
  test("are bounded, and forgotten after a week", async () => {
    let now = 1_000_000;
    const receives = new KeptReceives(new MemoryStore(), () => now);
    const place = { way: "file", handle: {} as never, name: "a" } as const;
    for (let at = 0; at < KEPT_RECEIVES + 2; at++) {
      await receives.keep({ receive: receiveOf(`s${at}`, now++), place });
    }
    const shares = (await receives.list()).map(({ receive }) => receive.share);
    expect(shares).toHaveLength(KEPT_RECEIVES);
    expect(shares[0]).toBe(`s${KEPT_RECEIVES + 1}`);
    now += KEPT_RECEIVES_MS + 1;
    expect(await receives.list()).toEqual([]);
  });

  test("F29 a row that is none hides no other, and goes with the next", async () => {
    const store = new MemoryStore();
    const receives = new KeptReceives(store);
    const place = { way: "file", handle: {} as never, name: "a" } as const;
    const receive = receiveOf();
    await receives.keep({ receive, place });
    const bad = [
      null,
      5,
      {},
      { receive: null, place: null },
      { receive, place },
      { receive: { ...receive, share: "d" }, place },
    ];
    const entry = { ...receive, share: "x" };
    const worse = [
      { receive: { ...entry, offer: { ...offer, files: [{ path: 5 }] } }, place },
      { receive: { ...entry, since: "now" }, place },
      { receive: entry, place: null },
      { receive: { ...entry, offer: null }, place },
      { receive: entry, place: { ...place, handle: null } },
      { receive: entry, place: { way: "folder", handle: {}, tops: {} } },
    ];
    await store.change(["receives"], async (tables) => {
      for (const [at, row] of bad.entries()) await tables("receives").put(`r/bad${at}`, row);
      for (const [at, row] of worse.entries()) {
        const share = `x${at}`;
        const named = { ...row.receive, share };
        await tables("receives").put(`r/${share}`, { ...row, receive: named });
      }
      await tables("receives").put(`n/${offer.share}/00000000`, "no note");
    });
    expect(await receives.list()).toEqual([{ receive, place }]);
    for (const at of worse.keys()) expect(await receives.find(`x${at}`)).toBeUndefined();
    expect((await receives.find(offer.share))?.notes.size).toBe(0);
    await receives.keep({ receive: receiveOf("next"), place });
    const keys = await store.change(["receives"], async (tables) =>
      (await tables("receives").within("r/")).map(([key]) => key),
    );
    expect(keys.toSorted()).toEqual([`r/${offer.share}`, "r/next"].toSorted());
  });

  test("keep no note of a receive that was forgotten", async () => {
    const receives = new KeptReceives(new MemoryStore());
    const place = { way: "file", handle: {} as never, name: "a" } as const;
    await receives.keep({ receive: receiveOf(), place });
    await receives.forget(offer.share);
    await receives.note(offer.share, new Map([[0, { size: 1, lastModified: 1 }]]));
    await receives.keep({ receive: receiveOf(), place });
    expect((await receives.find(offer.share))?.notes.size).toBe(0);
  });
});

describe("faults of the browser", () => {
  test.each([
    ["QuotaExceededError", "disk-full"],
    ["NotAllowedError", "write-failed"],
    ["NotFoundError", "write-failed"],
    ["NoModificationAllowedError", "write-failed"],
    ["UnknownError", "write-failed"],
  ] as const)("%s is told as %s", (name, code) => {
    expect(saveFault(new DOMException("said", name)).code).toBe(code);
  });
});
