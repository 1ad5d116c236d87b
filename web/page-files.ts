/** The files of the page, and the bundle of all of them that packages and binaries bring. */
import { brotliDecompressSync } from "node:zlib";

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

/** A file in a bundle: the length of its bytes, with brotli where that is smaller. The rest follows from them. */
interface BundledFile extends Pick<PageFile, "path" | "headers"> {
  readonly bytes?: number;
  readonly brotli?: number;
}

const LINE_END = 0x0a;

/** All files as one: a line of JSON about them, then their bytes. */
export function toBundle(files: readonly PageFile[]): Uint8Array<ArrayBuffer> {
  const index = files.map(({ path, headers, bytes, brotli }): BundledFile => {
    return { path, headers, ...(brotli ? { brotli: brotli.length } : { bytes: bytes.length }) };
  });
  const line = new TextEncoder().encode(`${JSON.stringify(index)}\n`);
  return Buffer.concat([line, ...files.map(({ bytes, brotli }) => brotli ?? bytes)]);
}

export function fromBundle(bundle: Uint8Array<ArrayBuffer>): readonly PageFile[] {
  let at = bundle.indexOf(LINE_END) + 1;
  const index = new TextDecoder().decode(bundle.subarray(0, at));
  return (JSON.parse(index) as readonly BundledFile[]).map(({ path, headers, bytes, brotli }) => {
    const content = bundle.slice(at, at + (brotli ?? bytes ?? 0));
    at += content.length;
    if (brotli === undefined) return { path, headers, bytes: content };
    const plain = new Uint8Array(brotliDecompressSync(content));
    return { path, headers, bytes: plain, brotli: content, gzip: gzipped(plain) };
  });
}

/** The best one takes some ms for all files together. */
export function gzipped(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Bun.gzipSync(bytes, { library: "libdeflate", level: GZIP_BEST }));
}
