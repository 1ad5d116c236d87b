import { nodePrimitives as primitives } from "../../protocol/crypto-node.ts";
import {
  decodeFrame,
  recordCipher,
  toHex,
  type OpenedRecord,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";

import { lobbyKeys } from "./lobby.ts";

/** Records kept open per share: those in the live lane all want the same one. */
const KEPT_RECORDS = 2;

/** A share whose records are opened once for all that take them at the same time. */
export class Opener {
  readonly #cipher: SyncRecordCipher;
  readonly #open = new Map<number, OpenedRecord>();

  constructor(share: Uint8Array) {
    this.#cipher = recordCipher(lobbyKeys().content, share, primitives);
  }

  /** @throws FaultError `corrupt-record`, `bad-message` */
  open(frame: Uint8Array): OpenedRecord {
    const { index, ciphertext } = decodeFrame(frame);
    const known = this.#open.get(index);
    if (known !== undefined) return known;
    const record = this.#cipher.openAny(index, ciphertext);
    this.#open.set(index, record);
    if (this.#open.size > KEPT_RECORDS) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.#open.delete(oldest);
    }
    return record;
  }
}

/** The openers of the shares that somebody takes. */
export class Openers {
  readonly #openers = new Map<string, { readonly opener: Opener; users: number }>();

  /** Pair it with `release`. */
  take(share: Uint8Array): Opener {
    const key = toHex(share);
    const known = this.#openers.get(key) ?? { opener: new Opener(share), users: 0 };
    known.users++;
    this.#openers.set(key, known);
    return known.opener;
  }

  release(share: Uint8Array): void {
    const key = toHex(share);
    const known = this.#openers.get(key);
    if (known !== undefined && --known.users === 0) this.#openers.delete(key);
  }
}
