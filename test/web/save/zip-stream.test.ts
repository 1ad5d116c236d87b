/** ZIPs that grow as pieces arrive, read by the real unzip. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { OfferedFile } from "../../../web/job/receive-messages.ts";
import { zipLength, ZipStream } from "../../../web/save/zip-stream.ts";
import { lacksProgram } from "../../needs.ts";
import { file, folder } from "./offers.ts";

const disk = mkdtempSync(join(tmpdir(), "fileshare-zip-"));
afterAll(() => rmSync(disk, { recursive: true, force: true }));

async function zipped(
  files: readonly OfferedFile[],
  pieces: readonly (readonly [number, string])[],
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const zip = new ZipStream(files, async (bytes) => void parts.push(bytes), 0);
  for (const [at, text] of pieces) await zip.write(at, new TextEncoder().encode(text));
  await zip.finish();
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const tree = [
  file("tree/a.txt", 5, Date.UTC(2020, 5, 1)),
  folder("tree/empty"),
  file("tree/none", 0),
  file("tree/שם/写真.txt", 3, Date.UTC(1970, 0, 1)),
];
const content = [
  [0, "hel"],
  [0, "lo"],
  [3, "abc"],
] as const;

describe("a ZIP of a tree", () => {
  test("has exactly the length that was told before it began", async () => {
    const zip = await zipped(tree, content);
    expect(zip.length).toBe(zipLength(tree)!);
  });

  test.skipIf(lacksProgram("unzip", "unzip"))(
    "is unpacked with empty folders, empty files and names in all scripts",
    async () => {
      const path = join(disk, "tree.zip");
      await Bun.write(path, await zipped(tree, content));
      const env = { ...process.env, LC_ALL: "C.UTF-8" };
      const ran = Bun.spawnSync(["unzip", "-q", path, "-d", disk], { env });
      expect(ran.stderr.toString()).toBe("");
      expect(ran.exitCode).toBe(0);
      expect(readFileSync(join(disk, "tree/a.txt"), "utf8")).toBe("hello");
      expect(readFileSync(join(disk, "tree/שם/写真.txt"), "utf8")).toBe("abc");
      expect(statSync(join(disk, "tree/none")).size).toBe(0);
      expect(statSync(join(disk, "tree/empty")).isDirectory()).toBe(true);
    },
  );

  test("is the same for a sink that takes the buffers away", async () => {
    const taken: Uint8Array<ArrayBuffer>[] = [];
    const zip = new ZipStream(
      tree,
      async (bytes) => void taken.push(structuredClone(bytes, { transfer: [bytes.buffer] })),
      0,
    );
    for (const [at, text] of content) await zip.write(at, new TextEncoder().encode(text));
    await zip.finish();
    const whole = new Uint8Array(await new Blob(taken).arrayBuffer());
    expect(whole).toEqual(await zipped(tree, content));
  });

  test("is not finished with less content than was offered", () => {
    expect(zipped(tree, content.slice(0, 2))).rejects.toMatchObject({ code: "internal" });
  });

  test("takes no more content than was offered", () => {
    expect(zipped(tree, [[0, "hello!"]])).rejects.toMatchObject({ code: "internal" });
  });

  test("knows its length beyond 4 GiB", () => {
    const large = [file("a", 5 * 1024 ** 3), file("b", 1)];
    expect(zipLength(large)).toBeGreaterThan(5 * 1024 ** 3);
  });

  test("tells the fault of its sink to the writes after it", () => {
    const piece = new Uint8Array(100_000);
    const files = [file("large", 10 * piece.length), file("none", 0)];
    const zip = new ZipStream(files, () => Promise.reject(new Error("no room")));
    const feed = async (): Promise<void> => {
      for (let at = 0; at < 10; at++) await zip.write(0, piece);
    };
    expect(feed()).rejects.toThrow("no room");
    expect(zip.write(0, piece)).rejects.toThrow("no room");
    expect(zip.finish()).rejects.toThrow("no room");
  });
});
