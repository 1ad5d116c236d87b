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

/** A file in a bundle: its bytes in Base64, with brotli where that is smaller. The rest follows from them. */
interface BundledFile extends Pick<PageFile, "path" | "headers"> {
  readonly bytes?: string;
  readonly brotli?: string;
}

/** All files as one text. */
export function toBundle(files: readonly PageFile[]): string {
  const bundled = files.map(({ path, headers, bytes, brotli }): BundledFile => {
    const content =
      brotli === undefined ? { bytes: bytes.toBase64() } : { brotli: brotli.toBase64() };
    return { path, headers, ...content };
  });
  return JSON.stringify(bundled);
}

export function fromBundle(text: string): readonly PageFile[] {
  return (JSON.parse(text) as readonly BundledFile[]).map(({ path, headers, bytes, brotli }) => {
    if (brotli === undefined) return { path, headers, bytes: Uint8Array.fromBase64(bytes ?? "") };
    const packed = Uint8Array.fromBase64(brotli);
    const plain = new Uint8Array(brotliDecompressSync(packed));
    return { path, headers, bytes: plain, brotli: packed, gzip: gzipped(plain) };
  });
}

/** The best one takes some ms for all files together. */
export function gzipped(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Bun.gzipSync(bytes, { library: "libdeflate", level: GZIP_BEST }));
}
