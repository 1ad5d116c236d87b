/**
 * Sends that can go on after a reload, with the tag of each record that they sealed.
 *
 * One key and nonce must never meet two contents. So a record's tag is stored before the record
 * leaves, in one transaction with the comparison and with the check that this worker still owns the
 * send. A worker that claims a send takes it from the one before: `owner` is a fencing token.
 */
import { AEAD_TAG_BYTES } from "../../protocol/crypto/crypto.ts";
import { equalBytes } from "../../protocol/wire/bytes.ts";
import type { StoreWish } from "../../protocol/wire/control.ts";
import type { Store, Table, TableName, Tables } from "./store.ts";

/** Sends that are kept at once; the oldest is forgotten first. Each may have tags of MiB. items */
const KEPT_SENDS = 8;
/** A send that no worker touched for so long is forgotten: its receivers are gone. ms */
export const KEPT_SENDS_MS = 24 * 60 * 60 * 1000;
/** Records whose tags share one entry, so that a share of 1 TiB has 4096 entries of 4 KiB. items */
const BLOCK_RECORDS = 256;
const BLOCK_BYTES = BLOCK_RECORDS * AEAD_TAG_BYTES;

/** A send as a person left it. */
export interface KeptSend {
  /** In hex; the key. */
  readonly share: string;
  /** In hex: shows the relay that the share is ours. */
  readonly proof: string;
  readonly code: string;
  readonly relay: string;
  readonly kind: "files" | "text";
  /** Of a text, which no file holds. */
  readonly text?: string | undefined;
  /** The first name of several, for people. */
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
  readonly receivers: number;
  readonly stay: boolean;
  readonly startWhen: number;
  readonly ask: boolean;
  readonly toStore?: StoreWish | undefined;
  /** The manifest has records of its own. */
  readonly apart: boolean;
  /** ms since 1970 */
  readonly since: number;
}

interface Row {
  readonly send: KeptSend;
  readonly owner: string;
  readonly touchedAt: number;
}

/** Another version of the page, or a fault of the browser, may have left anything under the key. */
function isRow(value: unknown, share: string): value is Row {
  if (typeof value !== "object" || value === null) return false;
  const { send, owner, touchedAt } = value as Partial<Row>;
  if (typeof send !== "object" || send === null) return false;
  const { proof, code, relay, kind, name, files, bytes, receivers, startWhen, since } = send;
  const texts: readonly unknown[] = [owner, proof, code, relay, name];
  const numbers: readonly unknown[] = [touchedAt, files, bytes, receivers, startWhen, since];
  return (
    send.share === share &&
    (kind === "files" || (kind === "text" && typeof send.text === "string")) &&
    texts.every((text) => typeof text === "string") &&
    numbers.every((number) => Number.isFinite(number))
  );
}

/** A kept send with all that a worker needs to go on with it. */
export interface ClaimedSend {
  readonly send: KeptSend;
  readonly head: Uint8Array;
  readonly tags: SealedTags;
  /** Receivers that have everything, in hex. */
  readonly done: readonly string[];
}

export interface SealedTag {
  readonly index: number;
  readonly tag: Uint8Array;
}

/** `differs`: another content left under one of these indexes before. `taken`: another worker owns the send. */
export type Noted = "noted" | "differs" | "taken" | "forgotten";

/** The tags of sealed records: 16 bytes each, in blocks. */
export class SealedTags {
  readonly #blocks = new Map<number, Uint8Array>();

  has(index: number): boolean {
    return this.#at(index)?.some((byte) => byte !== 0) === true;
  }

  /** Whether a record may leave: nothing left in its place before, or the very same. */
  allows({ index, tag }: SealedTag): boolean {
    const before = this.#at(index);
    return before === undefined || before.every((byte) => byte === 0) || equalBytes(before, tag);
  }

  set({ index, tag }: SealedTag): void {
    const number = blockOf(index);
    const block = this.#blocks.get(number) ?? new Uint8Array(BLOCK_BYTES);
    block.set(tag, placeOf(index));
    this.#blocks.set(number, block);
  }

  setBlock(number: number, block: Uint8Array): void {
    this.#blocks.set(number, block);
  }

  /** The first record after all that were sealed. */
  get end(): number {
    let last = 0;
    for (const number of this.#blocks.keys()) last = Math.max(last, number);
    for (let index = (last + 1) * BLOCK_RECORDS - 1; index >= last * BLOCK_RECORDS; index--) {
      if (this.has(index)) return index + 1;
    }
    return 0;
  }

  #at(index: number): Uint8Array | undefined {
    const at = placeOf(index);
    return this.#blocks.get(blockOf(index))?.subarray(at, at + AEAD_TAG_BYTES);
  }
}

const ALL_TABLES: readonly TableName[] = [
  "sends",
  "send-heads",
  "send-tags",
  "send-done",
  "send-handles",
];

export class KeptSends {
  readonly #store: Store;
  readonly #now: () => number;

  /** @param now ms since 1970 */
  constructor(store: Store, now: () => number = () => Date.now()) {
    this.#store = store;
    this.#now = now;
  }

  /** The newest first. Those that are too old are forgotten. */
  list(): Promise<readonly KeptSend[]> {
    return this.#store.change(ALL_TABLES, async (tables) => {
      const rows = await this.#prune(tables);
      return rows.map(({ send }) => send);
    });
  }

  /** @param owner a worker's own random id */
  create(send: KeptSend, head: Uint8Array, owner: string): Promise<void> {
    return this.#store.change(ALL_TABLES, async (tables) => {
      const rows = await this.#prune(tables);
      for (const old of rows.slice(KEPT_SENDS - 1)) await forgetIn(tables, old.send.share);
      await tables("sends").put(send.share, { send, owner, touchedAt: this.#now() });
      await tables("send-heads").put(send.share, head);
    });
  }

  /** Takes a send from the worker that had it. Undefined: nothing of it is kept. */
  claim(share: string, owner: string): Promise<ClaimedSend | undefined> {
    return this.#store.change(ALL_TABLES, async (tables) => {
      const rows = await this.#prune(tables);
      const row = rows.find(({ send }) => send.share === share);
      const head = await tables("send-heads").get(share);
      if (row === undefined || !(head instanceof Uint8Array)) return undefined;
      const tags = new SealedTags();
      for (const [key, block] of await tables("send-tags").within(`${share}/`)) {
        // A lost tag may be of a record that left, so no other content may take its nonce.
        if (!(block instanceof Uint8Array) || block.length !== BLOCK_BYTES) return undefined;
        tags.setBlock(Number.parseInt(key.slice(share.length + 1), 16), block);
      }
      await tables("sends").put(share, { ...row, owner, touchedAt: this.#now() });
      const done = await tables("send-done").within(`${share}/`);
      return { send: row.send, head, tags, done: done.map(([key]) => key.slice(share.length + 1)) };
    });
  }

  /** Stores the tags of records before these leave. Nothing is stored unless all may leave. */
  note(share: string, owner: string, sealed: readonly SealedTag[]): Promise<Noted> {
    return this.#store.change(["sends", "send-tags"], async (tables) => {
      const row = (await tables("sends").get(share)) as Row | undefined;
      if (row === undefined) return "forgotten";
      if (row.owner !== owner) return "taken";
      const blocks = await loadBlocks(tables("send-tags"), share, sealed);
      if (blocks === undefined) return "differs";
      for (const [number, block] of blocks) {
        await tables("send-tags").put(blockKey(share, number), block);
      }
      await tables("sends").put(share, { ...row, touchedAt: this.#now() });
      return "noted";
    });
  }

  /** So that a send that waits for receivers is not taken for an old one. */
  async touch(share: string, owner: string): Promise<void> {
    await this.#store.change(["sends"], async (tables) => {
      const row = (await tables("sends").get(share)) as Row | undefined;
      if (row?.owner !== owner) return;
      await tables("sends").put(share, { ...row, touchedAt: this.#now() });
    });
  }

  /** @param receiver in hex; it has everything */
  async done(share: string, owner: string, receiver: string): Promise<void> {
    await this.#store.change(["sends", "send-done"], async (tables) => {
      const row = (await tables("sends").get(share)) as Row | undefined;
      if (row?.owner === owner) await tables("send-done").put(`${share}/${receiver}`, true);
    });
  }

  /** @param owner only while this worker owns it; undefined: a person asks for it */
  async forget(share: string, owner?: string): Promise<void> {
    await this.#store.change(ALL_TABLES, async (tables) => {
      const row = (await tables("sends").get(share)) as Row | undefined;
      if (owner === undefined || row?.owner === owner) await forgetIn(tables, share);
    });
  }

  /** @param handles as the browser gave them; it can store them */
  async keepHandles(share: string, handles: unknown): Promise<void> {
    await this.#store.change(["sends", "send-handles"], async (tables) => {
      if ((await tables("sends").get(share)) === undefined) return;
      await tables("send-handles").put(share, handles);
    });
  }

  handles(share: string): Promise<unknown> {
    return this.#store.change(["send-handles"], (tables) => tables("send-handles").get(share));
  }

  /** The manifest of a kept send, with its length before it. */
  async head(share: string): Promise<Uint8Array | undefined> {
    const head = await this.#store.change(["send-heads"], (tables) =>
      tables("send-heads").get(share),
    );
    return head instanceof Uint8Array ? head : undefined;
  }

  /** @returns what is left, the newest first */
  async #prune(tables: Tables): Promise<readonly Row[]> {
    const now = this.#now();
    const left: Row[] = [];
    for (const [share, value] of await tables("sends").within("")) {
      if (isRow(value, share) && Math.abs(now - value.touchedAt) < KEPT_SENDS_MS) left.push(value);
      else await forgetIn(tables, share);
    }
    return left.toSorted((one, other) => other.send.since - one.send.since);
  }
}

/** The blocks of these tags with them in place; undefined: another tag is there. */
async function loadBlocks(
  table: Table,
  share: string,
  sealed: readonly SealedTag[],
): Promise<ReadonlyMap<number, Uint8Array> | undefined> {
  const blocks = new Map<number, Uint8Array>();
  const tags = new SealedTags();
  for (const each of sealed) {
    const number = blockOf(each.index);
    let block = blocks.get(number);
    if (block === undefined) {
      const stored = (await table.get(blockKey(share, number))) as Uint8Array | undefined;
      block = stored ?? new Uint8Array(BLOCK_BYTES);
      blocks.set(number, block);
      tags.setBlock(number, block);
    }
    if (!tags.allows(each)) return undefined;
    tags.set(each);
  }
  return blocks;
}

async function forgetIn(tables: Tables, share: string): Promise<void> {
  await tables("sends").delete(share);
  await tables("send-heads").delete(share);
  await tables("send-handles").delete(share);
  await tables("send-tags").deleteWithin(`${share}/`);
  await tables("send-done").deleteWithin(`${share}/`);
}

function blockKey(share: string, number: number): string {
  return `${share}/${number.toString(16).padStart(8, "0")}`;
}

function blockOf(index: number): number {
  return Math.floor(index / BLOCK_RECORDS);
}

function placeOf(index: number): number {
  return (index % BLOCK_RECORDS) * AEAD_TAG_BYTES;
}
