import { closeSync } from "node:fs";

import { FaultError } from "../../protocol/mod.ts";
import { BLOCK_BYTES, blocksOf, createPool, type PoolBuffers } from "./block-pool.ts";

import { isOutOfDescriptors } from "../system/guard.ts";
import { Native } from "../system/native.ts";
import { TRIED_BYTES, createLogFile } from "./store.ts";

export interface LogFileOptions {
  readonly logBytes: number;
  /** Where its file is; the file has no name and goes with the process. */
  readonly logFolder: string;
  readonly workers: number;
  /** False: frames are copied to their sockets even where the kernel could do without. */
  readonly zeroCopy: boolean;
}

/** The log of a relay, open for all its threads. */
export interface LogFile extends Disposable {
  readonly pool: PoolBuffers;
  /** Whether the kernel can send from it without a copy. */
  readonly zeroCopy: boolean;
}

/** @throws FaultError `bad-log-folder` */
export function openLogFile({ logBytes, logFolder, workers, zeroCopy }: LogFileOptions): LogFile {
  const blocks = blocksOf(logBytes);
  let file: number;
  try {
    file = createLogFile(logFolder, blocks);
  } catch (error) {
    const code = isOutOfDescriptors(error) ? "no-descriptors" : "bad-log-folder";
    throw new FaultError(code, logFolder, { cause: error });
  }
  return {
    pool: createPool(blocks, workers, BLOCK_BYTES, file),
    zeroCopy: zeroCopy && canSend(file),
    [Symbol.dispose]: () => closeSync(file),
  };
}

function canSend(file: number): boolean {
  const native = Native.open();
  if (native === undefined) return false;
  try {
    return native.works(file, TRIED_BYTES);
  } finally {
    native.dispose();
  }
}
