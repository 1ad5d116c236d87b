/** Offers for tests of saving. */
import type { Offer, OfferedFile } from "../../../web/job/receive-messages.ts";

export function file(path: string, size: number, modified?: number): OfferedFile {
  return { path, type: "file", size, modified, dangers: [] };
}

export function folder(path: string): OfferedFile {
  return { path, type: "folder", size: 0, dangers: [] };
}

export function offerOf(...files: readonly OfferedFile[]): Offer {
  return {
    share: "5a".repeat(16),
    receiver: "3c".repeat(16),
    kind: "files",
    files,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    open: false,
  };
}
