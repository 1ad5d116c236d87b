import { equalBytes, toHex } from "../../protocol/mod.ts";

import type { SimShare } from "./share.ts";
import { Violation } from "./world.ts";

/** A receiver's part of a share on its disk. Outlasts the process. */
export interface Copy {
  readonly receiver: Uint8Array;
  readonly records: Uint8Array[];
  agreed: boolean;
}

/** All copies of one world, by receiver: what nobody in it could know. */
export class Copies {
  readonly #byReceiver = new Map<string, Copy>();

  add(copy: Copy): void {
    this.#byReceiver.set(toHex(copy.receiver), copy);
  }

  /** @throws Violation unless this receiver's copy is the share, byte for byte */
  mustBeWhole(receiver: Uint8Array, share: SimShare): void {
    const copy = this.#byReceiver.get(toHex(receiver));
    if (copy === undefined) throw new Violation(`${toHex(receiver)} has nothing`);
    checkWhole(copy, share);
  }
}

export function checkWhole(copy: Copy, share: SimShare): void {
  const who = toHex(copy.receiver.subarray(0, 3));
  if (copy.records.length !== share.records) {
    throw new Violation(`${who} has ${copy.records.length} of ${share.records} records`);
  }
  for (const [index, record] of copy.records.entries()) {
    if (!equalBytes(record, share.ciphertext(index))) {
      throw new Violation(`${who} has another record ${index}`);
    }
  }
}
