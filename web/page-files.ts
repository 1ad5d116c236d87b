/**
 * The files of the page, and the bundle of all of them that packages and binaries bring. The bundle is one stream of zstd. In the npm
 * package the compiled code and the words of codes are its dictionary: the page has much of the same, so a quarter of the bundle
 * is saved.
 * The relay unpacks it for its first browser, and compresses each file for serving. That bundle has the sources of the admin page too.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompress, constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { promisify } from "node:util";

import { WORD_LIST } from "../protocol/mod.ts";

export interface PageFile {
  /** Below the address of the page, such as `page/app-3f2a.js`; empty for the page itself. */
  readonly path: string;
  /** All headers but those of the encoding. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same compressed; undefined: it would not get smaller. */
  readonly brotli?: Uint8Array<ArrayBuffer> | undefined;
  readonly gzip?: Uint8Array<ArrayBuffer> | undefined;
}

/** The highest level of libdeflate. */
const GZIP_BEST = 12;
/** Only for a bundle. It takes a second. */
const ZSTD_BEST = 22;
/** For a file, while the first browser waits: 2 % more bytes than the best one, in half the time; 6 has 8 % more. */
const BROTLI_SERVED = 10;
/** The window of a bundle, as a power of 2: all files and the dictionary. */
const WINDOW_BITS = 22;
/** A file that a browser gets faster than it unpacks it. bytes */
const COMPRESSED_FROM_BYTES = 1024;

/** A file in a bundle: the length of its bytes, which follow in this order. */
interface BundledFile extends Pick<PageFile, "path" | "headers"> {
  readonly length: number;
}

const LINE_END = 0x0a;

/** Before the names of the files of the admin page, which only the relay itself reads. */
const ADMIN = "admin/";

/** The admin page in a bundle: its script without the chart library, and its style. */
export type AdminSources = Readonly<Record<"script" | "style", string>>;

/** Files for a bundle, beside those of the page. */
export function adminFiles(sources: AdminSources): readonly PageFile[] {
  return Object.entries(sources).map(([name, text]) => {
    return { path: `${ADMIN}${name}`, headers: {}, bytes: new TextEncoder().encode(text) };
  });
}

/**
 * All files as one: a line of JSON about them, then their bytes.
 * @param dictionary what the reader has too
 */
export function toBundle(
  files: readonly PageFile[],
  dictionary: Buffer = Buffer.alloc(0),
): Uint8Array<ArrayBuffer> {
  const index = files.map(({ path, headers, bytes: { length } }): BundledFile => {
    return { path, headers, length };
  });
  const line = new TextEncoder().encode(`${JSON.stringify(index)}\n`);
  const all = Buffer.concat([line, ...files.map(({ bytes }) => bytes)]);
  const params = {
    [constants.ZSTD_c_compressionLevel]: ZSTD_BEST,
    [constants.ZSTD_c_windowLog]: WINDOW_BITS,
    // Another dictionary is a failure then, not another page.
    [constants.ZSTD_c_checksumFlag]: 1,
  };
  return new Uint8Array(zstdCompressSync(all, { params, dictionary }));
}

/**
 * The words of codes, which never change, and the code in a folder of the npm package, in one order. The first chunks have most of
 * what the page has too. They come last, because a short way back takes fewer bits.
 */
export function dictionaryOf(folder: string): Buffer {
  const names = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const code = ["relay/worker/worker.js", ...names.toSorted().toReversed()];
  const files = code.map((name) => readFileSync(join(folder, name)));
  return Buffer.concat([Buffer.from(WORD_LIST.join("\n")), ...files]);
}

/** @throws Error if it was made with another dictionary */
export function fromBundle(
  bundle: Uint8Array<ArrayBuffer>,
  dictionary?: Buffer,
): Promise<readonly PageFile[]> {
  const files = unpacked(bundle, dictionary).filter(({ path }) => !path.startsWith(ADMIN));
  return Promise.all(files.map((file) => compressed(file)));
}

/** @throws Error if it was made with another dictionary */
export function adminSources(bundle: Uint8Array<ArrayBuffer>, dictionary?: Buffer): AdminSources {
  const files = unpacked(bundle, dictionary);
  const textOf = (name: keyof AdminSources): string =>
    new TextDecoder().decode(files.find(({ path }) => path === `${ADMIN}${name}`)?.bytes);
  return { script: textOf("script"), style: textOf("style") };
}

function unpacked(
  bundle: Uint8Array<ArrayBuffer>,
  dictionary: Buffer = Buffer.alloc(0),
): readonly PageFile[] {
  const all = new Uint8Array(zstdDecompressSync(bundle, { dictionary }));
  let at = all.indexOf(LINE_END) + 1;
  const index = new TextDecoder().decode(all.subarray(0, at));
  return (JSON.parse(index) as readonly BundledFile[]).map(({ length, ...file }) => {
    const bytes = all.slice(at, at + length);
    at += length;
    return Object.assign(file, { bytes });
  });
}

/** A file with its compressed forms, if it gets smaller. Other threads make the one of brotli, all files at a time. */
export async function compressed(file: PageFile): Promise<PageFile> {
  const { path, bytes } = file;
  if (path.endsWith(".png") || bytes.length < COMPRESSED_FROM_BYTES) return file;
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: BROTLI_SERVED,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  const brotli = new Uint8Array(await promisify(brotliCompress)(bytes, { params }));
  const gzip = new Uint8Array(Bun.gzipSync(bytes, { library: "libdeflate", level: GZIP_BEST }));
  return { ...file, brotli, gzip };
}
