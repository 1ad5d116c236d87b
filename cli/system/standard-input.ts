import { FaultError } from "../../protocol/wire/faults.ts";
import { onInterrupt } from "./interrupts.ts";
import { reasonOf } from "./system-error.ts";

/**
 * The standard input until its end, or until enough bytes came.
 * @param mostMs the time for that; undefined: no limit
 * @throws FaultError "interrupted", "unreadable-file"
 */
export async function readInput(
  isEnough: (come: Buffer) => boolean,
  mostMs?: number,
): Promise<Buffer> {
  let come = Buffer.alloc(0);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using _ = onInterrupt(() => reject(new FaultError("interrupted")));
  const timer = mostMs === undefined ? undefined : setTimeout(resolve, mostMs);
  const read = (piece: Uint8Array): void => {
    come = Buffer.concat([come, piece]);
    if (isEnough(come)) resolve();
  };
  const fail = (error: unknown): void => reject(unreadable(error));
  try {
    listen(read, resolve, fail);
    await promise;
  } finally {
    clearTimeout(timer);
    process.stdin.off("data", read).off("end", resolve).off("error", fail).pause();
  }
  return come;
}

/** Bun opens it at the first listener, and throws there, such as for a folder. */
function listen(
  read: (piece: Uint8Array) => void,
  end: () => void,
  fail: (error: unknown) => void,
): void {
  try {
    process.stdin.on("data", read).on("end", end).on("error", fail);
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): FaultError {
  return new FaultError("unreadable-file", `the standard input (${reasonOf(error)})`);
}
