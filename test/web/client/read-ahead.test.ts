/** Larger reads of a file serve the records that follow one another. */
import { expect, test } from "bun:test";
import { content } from "../../support/files.ts";
import { ReadAhead } from "../../../web/client/read-ahead.ts";

const PIECE = 512 * 1024;
const PIECES = 40;

class CountedFile extends Blob {
  readonly reads: (readonly [number, number])[] = [];

  override slice(from = 0, to = this.size): Blob {
    this.reads.push([from, to]);
    return super.slice(from, to);
  }
}

const bytes = content(1, PIECES * PIECE - 7);

function fileOf(): CountedFile {
  return new CountedFile([bytes.slice()]);
}

async function readAt(ahead: ReadAhead, file: Blob, piece: number): Promise<void> {
  const [from, to] = [piece * PIECE, Math.min((piece + 1) * PIECE, bytes.length)];
  const read = await ahead.read(file, from, to);
  expect(Buffer.compare(read, bytes.subarray(from, to))).toBe(0);
}

test("pieces in a row take a sixth of the reads, also when several are asked for at once", async () => {
  const file = fileOf();
  const ahead = new ReadAhead();
  for (let piece = 0; piece < PIECES; piece += 4) {
    await Promise.all([0, 1, 2, 3].map((more) => readAt(ahead, file, piece + more)));
  }
  expect(file.reads.length).toBeLessThanOrEqual(PIECES / 6);
});

test("pieces anywhere are read as they are, and nothing more", async () => {
  const file = fileOf();
  const ahead = new ReadAhead();
  for (const piece of [7, 3, 39, 12, 0]) await readAt(ahead, file, piece);
  expect(file.reads).toEqual(
    [7, 3, 39, 12, 0].map((piece) => [piece * PIECE, Math.min((piece + 1) * PIECE, bytes.length)]),
  );
});

test("two receivers at different places get the right bytes", async () => {
  const file = fileOf();
  const ahead = new ReadAhead();
  for (let run = 0; run < 16; run += 4) {
    for (let piece = 20 + run; piece < 24 + run; piece++) await readAt(ahead, file, piece);
    for (let piece = run; piece < run + 4; piece++) await readAt(ahead, file, piece);
  }
});

test("a file that fails fails for each piece, and one that shrank gives fewer bytes", async () => {
  const broken = fileOf();
  const ahead = new ReadAhead();
  await readAt(ahead, broken, 0);
  broken.slice = () => {
    const blob = new Blob([]);
    blob.arrayBuffer = () => Promise.reject(new DOMException("changed", "NotReadableError"));
    return blob;
  };
  for (const piece of [1, 2]) {
    const read = ahead.read(broken, piece * PIECE, (piece + 1) * PIECE);
    expect(await read.catch((error: DOMException) => error.name)).toBe("NotReadableError");
  }
  const shrunk = fileOf();
  await readAt(ahead, shrunk, 0);
  shrunk.slice = () => new Blob([bytes.slice(0, 10)]);
  expect((await ahead.read(shrunk, PIECE, 2 * PIECE)).length).toBe(10);
});
