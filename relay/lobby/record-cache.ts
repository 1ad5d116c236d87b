import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import {
  decodeFrame,
  recordCipher,
  toHex,
  type OpenedRecord,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";

import type { MemoryBudget, MemoryPlace } from "../limits/memory-budget.ts";
import type { GivenFrame } from "../net/client-router.ts";
import { lobbyKeys } from "./lobby-keys.ts";
import { ShareHead } from "./share-head.ts";

/** Opened records that a worker keeps: clients that take a file at one speed want the same ones. bytes */
const OPENED_BYTES = 8 * 1024 ** 2;

/** A record as it lies in a frame, opened. */
export interface OpenedFrame extends OpenedRecord {
  readonly index: number;
}

/** A frame whose bytes can be had. */
type Readable = Pick<GivenFrame, "key" | "read">;

/** The records of all shares that were used last, within OPENED_BYTES. */
class RecordLru {
  readonly #open = new Map<string, OpenedFrame>();
  readonly #memory: MemoryPlace;
  #bytes = 0;

  constructor(memory: MemoryBudget) {
    const nothing = (): void => undefined;
    this.#memory = memory.enter({ address: undefined, room: nothing, cut: nothing }, "kept");
  }

  get(key: string): OpenedFrame | undefined {
    const opened = this.#open.get(key);
    if (opened === undefined) return undefined;
    this.#open.delete(key);
    this.#open.set(key, opened);
    return opened;
  }

  add(key: string, opened: OpenedFrame): void {
    this.#open.set(key, opened);
    this.#bytes += opened.data.length;
    for (const oldest of this.#open.keys()) {
      if (this.#bytes <= OPENED_BYTES || oldest === key) break;
      this.#drop(oldest);
    }
    this.#memory.hold(this.#bytes);
  }

  clear(): void {
    this.#open.clear();
    this.#bytes = 0;
    this.#memory.hold(0);
  }

  #drop(key: string): void {
    this.#bytes -= this.#open.get(key)?.data.length ?? 0;
    this.#open.delete(key);
  }
}

/** Opens each record of a share once for all clients that take it at about the same time. */
export class RecordCache {
  readonly head: ShareHead;
  readonly #cipher: SyncRecordCipher;
  readonly #records: RecordLru;

  constructor(share: Uint8Array, records: RecordLru, memory: MemoryBudget) {
    this.head = new ShareHead(memory);
    this.#cipher = recordCipher(lobbyKeys().content, share, primitives);
    this.#records = records;
  }

  /** @throws FaultError `corrupt-record`, `bad-message` */
  open({ key, read }: Readable): OpenedFrame {
    const known = this.#records.get(key);
    if (known !== undefined) return known;
    const { index, ciphertext } = decodeFrame(read());
    const opened = { ...this.#cipher.openAny(index, ciphertext), index };
    this.#records.add(key, opened);
    return opened;
  }
}

/** The caches of the shares that lobby clients take. */
export class RecordCaches {
  readonly #caches = new Map<string, { readonly cache: RecordCache; users: number }>();
  readonly #memory: MemoryBudget;
  readonly #records: RecordLru;

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
    this.#records = new RecordLru(memory);
  }

  /** Pair it with `release`. */
  take(share: Uint8Array): RecordCache {
    const key = toHex(share);
    const known = this.#caches.get(key) ?? { cache: this.#newCache(share), users: 0 };
    known.users++;
    this.#caches.set(key, known);
    return known.cache;
  }

  release(share: Uint8Array): void {
    const key = toHex(share);
    const known = this.#caches.get(key);
    if (known === undefined || --known.users > 0) return;
    this.#caches.delete(key);
    known.cache.head.leave();
    if (this.#caches.size === 0) this.#records.clear();
  }

  #newCache(share: Uint8Array): RecordCache {
    return new RecordCache(share, this.#records, this.#memory);
  }
}
