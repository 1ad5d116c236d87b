/**
 * A sender that speaks the protocol as the real one does and lies in what it seals: manifests that
 * nobody checked, records of any content.
 */
import {
  concat,
  encodeFrame,
  MANIFEST_LENGTH_BYTES,
  recordCipher,
  recordCount,
  shareIdFromProof,
  toHex,
  u32,
  verifyReceipt,
  type Code,
  type Keys,
  type Message,
  type SyncRecordCipher,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import type { Options } from "msgpackr";
import { Packr } from "msgpackr/pack";
import { RawClient } from "../relay/raw-client.ts";
import { keysOf } from "../clients/known-codes.ts";

export const HOSTILE_RECORD_SIZE = 65_536;
const DATA = HOSTILE_RECORD_SIZE - 17;

/** An entry of a manifest as the wire has it: anything. */
export type Entry = Readonly<Record<string, unknown>>;

export interface Lie {
  /** Entries of the manifest; a `size` is added where none is given. */
  readonly files?: readonly Entry[];
  /** The bytes after the manifest, those of the files. */
  readonly content?: Uint8Array;
  /** Over the manifest that would be right. */
  readonly manifest?: Entry;
  /** In the packed manifest these bytes come in the place of the mark. */
  readonly raw?: { readonly mark: string; readonly bytes: readonly number[] };
  /** The plaintext with the manifest and all, in place of what follows from the above. */
  readonly plain?: Uint8Array;
  /** Over the offer that would be right. */
  readonly offer?: {
    readonly records?: number;
    readonly bytes?: number;
    readonly seekable?: boolean;
  };
  /** Plaintext of a record, in place of the right one. */
  readonly record?: (index: number, right: Uint8Array) => Uint8Array;
  /** Whether a record says in its sealed part that it is the last one; its frame tells the truth. */
  readonly last?: (index: number, right: boolean) => boolean;
  /** Zero bytes after the data of a record. */
  readonly padding?: (index: number) => number;
  /** Records from this one on wait for `release`. */
  readonly held?: number;
}

/** A share that was made up. */
export class HostileSender implements AsyncDisposable {
  readonly share: Uint8Array;
  /** Records that were asked for. */
  readonly wanted: number[] = [];
  /** Receipts that verify. */
  readonly receipts: number[] = [];
  readonly #client: RawClient;
  readonly #cipher: SyncRecordCipher;
  readonly #plain: Uint8Array;
  readonly #records: number;
  readonly #lie: Lie;
  /** Before this one records leave when they are wanted. */
  #held: number;
  /** Records wanted of the others; the relay asks for no more than its credit. */
  #waiting: number[] = [];

  private constructor(client: RawClient, keys: Keys, proof: Uint8Array, lie: Lie) {
    this.#client = client;
    this.#lie = lie;
    this.#held = lie.held ?? Infinity;
    this.share = shareIdFromProof(proof, nodePrimitives);
    this.#cipher = recordCipher(keys.content, this.share, nodePrimitives);
    const { plain, records } = this.#describe(lie);
    this.#plain = plain;
    this.#records = lie.offer?.records ?? records;
    client.onMessage = (message) => this.#answer(message, keys);
  }

  /** @param url of the relay, path included */
  static async start(url: string, code: Code, lie: Lie): Promise<HostileSender> {
    const keys = keysOf(code);
    const client = await RawClient.greeted(url, "sender", keys);
    const proof = nodePrimitives.randomBytes(32);
    const sender = new HostileSender(client, keys, proof, lie);
    const offer = {
      share: sender.share,
      recordSize: HOSTILE_RECORD_SIZE,
      records: sender.#records,
      bytes: lie.offer?.bytes ?? sender.#plain.length,
      seekable: lie.offer?.seekable ?? true,
    };
    client.send({ t: "offer", ...offer, proof });
    await client.when("accepted");
    return sender;
  }

  /** Takes the share back, so that the relay has room for the next. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.send({ t: "end", share: this.share });
    this.#client.socket.close();
    await this.#client.closed;
  }

  /** Until so many receivers have agreed, and would take records. */
  async agreed(receivers: number): Promise<void> {
    const agreed = new Set<string>();
    await this.#client.when("receivers", ({ list }) => {
      for (const { id, state } of list) if (state !== "waiting") agreed.add(toHex(id));
      return agreed.size >= receivers;
    });
  }

  /** Lets the records go that were held. */
  release(): void {
    this.#held = Infinity;
    for (const index of this.#waiting.splice(0)) this.#client.send(this.#frame(index));
  }

  #describe(lie: Lie): { plain: Uint8Array; records: number } {
    if (lie.plain !== undefined) {
      return { plain: lie.plain, records: recordCount(lie.plain.length, HOSTILE_RECORD_SIZE) };
    }
    const content = lie.content ?? new Uint8Array();
    const usual = { size: content.length, mode: 0, mtime: 0 };
    const files = (lie.files ?? []).map((file) => Object.assign({}, usual, file));
    const sizes = files.map(({ size }) => (typeof size === "number" ? size : 0));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const share = this.share;
    const known = { version: 1, share, recordSize: HOSTILE_RECORD_SIZE, bytes, files };
    let records = lie.offer?.records ?? 1;
    for (;;) {
      const sound = packAny({ ...known, records, ...lie.manifest });
      const packed = lie.raw === undefined ? sound : withRaw(sound, lie.raw);
      const plainBytes = MANIFEST_LENGTH_BYTES + packed.length + bytes;
      const countable = Number.isSafeInteger(plainBytes) && bytes >= 0;
      const needed = countable ? recordCount(plainBytes, HOSTILE_RECORD_SIZE) : 1;
      if (lie.offer?.records !== undefined || needed === records) {
        return { plain: concat(u32(packed.length), packed, content), records };
      }
      records = needed;
    }
  }

  #answer(message: Message, keys: Keys): void {
    if (message.t === "want") {
      for (let index = message.first; index < message.first + message.count; index++) {
        this.wanted.push(index);
        if (index < this.#held) this.#client.send(this.#frame(index));
        else this.#waiting.push(index);
      }
    } else if (message.t === "receipt") {
      const { receiver, records, mac, share } = message;
      if (verifyReceipt(mac, keys, nodePrimitives, share, receiver, records)) {
        this.receipts.push(records);
        this.#client.send({ t: "receipted", share, receiver });
      }
    }
  }

  #frame(index: number): Uint8Array {
    const { record, last, padding } = this.#lie;
    const truth = index === this.#records - 1;
    let right = this.#plain.subarray(index * DATA, (index + 1) * DATA);
    // Zeros stand for bytes that the manifest claims and the sender does not have.
    if (!truth && right.length < DATA) right = concat(right, new Uint8Array(DATA - right.length));
    const plain = record?.(index, right) ?? right;
    const says = last?.(index, truth) ?? truth;
    // A relay passes on frames of the right length only; padding is what it can't see through.
    const fill = truth ? 0 : DATA - plain.length;
    const ciphertext = this.#cipher.seal(index, [plain], says, padding?.(index) ?? fill);
    return encodeFrame(this.share, index, truth, ciphertext);
  }
}

const packing: Options & { skipValues: unknown[] } = {
  useRecords: false,
  variableMapSize: true,
  skipValues: [undefined],
};
const packr = new Packr(packing);

/** Unlike `packMap` it takes what no manifest may hold. */
function packAny(map: object): Uint8Array {
  return new Uint8Array(packr.pack(map));
}

/** Puts bytes that no string has in the place of others, as many, which a name holds. */
function withRaw(packed: Uint8Array, { mark, bytes }: NonNullable<Lie["raw"]>): Uint8Array {
  const at = Buffer.from(packed).indexOf(mark);
  if (at === -1 || mark.length !== bytes.length) throw new Error(`no ${mark}`);
  packed.set(bytes, at);
  return packed;
}
