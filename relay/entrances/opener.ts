import { nodePrimitives as primitives } from "../../protocol/crypto-node.ts";
import {
  decodeFrame,
  recordCipher,
  toHex,
  type OpenedRecord,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";

import type { GivenFrame } from "./insiders.ts";
import { lobbyKeys } from "./lobby.ts";

/** Opened records that are kept for each share: those who take it at one speed want the same ones. */
const KEPT_BYTES = 4 * 1024 ** 2;

/** A record as it lies in a frame, opened. */
export interface OpenedFrame extends OpenedRecord {
  readonly index: number;
}

/** A share whose records are opened once for all that take them at about the same time. */
export class Opener {
  readonly #cipher: SyncRecordCipher;
  readonly #open = new Map<string, OpenedFrame>();
  #bytes = 0;

  constructor(share: Uint8Array) {
    this.#cipher = recordCipher(lobbyKeys().content, share, primitives);
  }

  /** @throws FaultError `corrupt-record`, `bad-message` */
  open({ key, read }: GivenFrame): OpenedFrame {
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const { index, ciphertext } = decodeFrame(read());
    const opened = { ...this.#cipher.openAny(index, ciphertext), index };
    this.#open.set(key, opened);
    this.#bytes += opened.data.length;
    for (const [oldest, { data }] of this.#open) {
      if (this.#bytes <= KEPT_BYTES || oldest === key) break;
      this.#open.delete(oldest);
      this.#bytes -= data.length;
    }
    return opened;
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
