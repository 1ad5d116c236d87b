/**
 * One share that comes in: the states of a receive between its first record and its last. It owns the
 * manifest, the survey of the destination and the store; `Receiving` gives it records.
 */
import {
  FaultError,
  MANIFEST_LENGTH_BYTES,
  dataPerRecord,
  decodeManifest,
  isOpen,
  manifestLength,
  receiptMac,
  recordCipher,
  toHex,
  type Keys,
  type Manifest,
  type OfferSeen,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";

import { diskUse, findPartial, openPartial } from "./find-partial.ts";
import type { Unsound } from "../job/event-schema.ts";
import { FormerEdition } from "./former-edition.ts";
import { Folder } from "../system/folder.ts";
import { namesHere } from "./names-here.ts";
import { OutputStore, type Reader } from "./output-store.ts";
import { PartialShare, type Saved } from "./partial.ts";
import { isSingle } from "./partial-file.ts";
import { PartialTree } from "./partial-tree.ts";
import type { OnExists, Policy } from "../job/jobs.ts";
import { ReceiverId } from "./receiver-ids.ts";
import { ShareSums } from "./share-sums.ts";
import { NothingLeft, TextStore, type Store } from "./store.ts";
import { DestinationSurvey } from "./destination-survey.ts";
import { collectGarbage } from "../system/runtime.ts";

/** Above this size of a manifest, a receiver frees memory before it reads the manifest. */
const LONG_MANIFEST_BYTES = 1024 ** 2;

/**
 * Where an incoming share stands on this machine: first only records in memory until they hold the
 * manifest, then, agreed to, in a store.
 */
type Stage =
  | { readonly at: "preview" }
  | {
      readonly at: "known";
      readonly manifest: Manifest;
      readonly head: Uint8Array;
      /** The comparison with the destination; undefined where nothing is saved. */
      readonly survey: DestinationSurvey | undefined;
      /** The share whose place it takes, as far as that is here. */
      readonly former: FormerEdition | undefined;
    }
  | { readonly at: "agreed"; readonly manifest: Manifest; readonly store: Store };

/** Where shares go, as it was said before any was offered. */
export interface Destination {
  /** The folder to save in. */
  readonly dir: string;
  /** Descriptor to write the content to instead. */
  readonly output: number | undefined;
  /** The policy for taken names; undefined: none was given yet. */
  readonly onExists: OnExists | undefined;
  readonly prefix: string;
  readonly checksum: boolean;
  /** Take names that are not safe, under others. */
  readonly renameUnsafe?: boolean | undefined;
  /** Count the SHA-256 of the files; false unless given. */
  readonly checksumFile?: boolean | undefined;
}

/** A share as it arrives: decrypts its records and keeps them. */
export class Incoming {
  readonly offer: OfferSeen;
  /** Our id for this share: the same as in an earlier run, unless that is still running. */
  readonly #id: ReceiverId;
  readonly #destination: Destination;
  readonly #keys: Keys;
  readonly #cipher: SyncRecordCipher;
  /** The destination, one and the same from the first look to the last step; the store has its own. */
  #folder: Folder | undefined;
  /** A partial of this share id with other records than offered: not ours to touch or to go on with. */
  readonly #unfit: PartialShare | undefined;
  #stage: Stage = { at: "preview" };
  /** Data of the records before the agreement, and how long they are together. */
  #early: (Uint8Array | undefined)[] = [];
  #earlyRecords = 0;
  #earlyBytes = 0;
  #records: number;
  #policy: Policy;
  readonly #skipped = { files: 0, bytes: 0 };
  /** Of the record at hand, whose data the store copies: the same warm memory for each. */
  readonly #plainRoom: Uint8Array;
  #takenOver = 0;
  #sums: ShareSums | undefined;
  /** Removes the rest of the share before. */
  #parting: Promise<unknown> = Promise.resolve();

  /**
   * Takes up a share: with what an earlier run left of it at its destination, or from its beginning.
   * @throws FaultError of the disk
   */
  constructor(offer: OfferSeen, keys: Keys, destination: Destination) {
    this.offer = offer;
    this.#destination = destination;
    this.#keys = keys;
    this.#records = offer.records;
    this.#plainRoom = new Uint8Array(offer.recordSize);
    this.#cipher = recordCipher(keys.content, offer.share, primitives);
    const { dir, output, onExists, prefix, checksum } = destination;
    this.#policy = { onExists: onExists ?? "number", prefix, checksum };
    const policy = onExists === undefined ? undefined : this.#policy;
    const folder = output === undefined ? new Folder(dir) : undefined;
    const partial = folder && this.#find(folder, policy);
    if (partial !== undefined && fits(partial.manifest, offer)) {
      this.#policy = policy ?? partial.policy;
      this.#stage = { at: "agreed", manifest: partial.manifest, store: partial };
      this.#records = partial.records;
      this.#id = ReceiverId.claim(toHex(offer.share), partial.receiver);
      // Killed between the two, an earlier run left the share before.
      if (folder !== undefined) {
        this.#part(FormerEdition.find(folder, partial.manifest, policy));
        this.#sums = this.#count(folder, partial.manifest, partial);
      }
      folder?.close();
    } else {
      this.#folder = folder;
      this.#unfit = partial;
      this.#id = ReceiverId.claim(toHex(offer.share));
    }
  }

  get receiver(): Uint8Array {
    return this.#id.bytes;
  }

  /** The first record needed. */
  get next(): number {
    return this.#stage.at === "agreed" ? this.#stage.store.next : this.#earlyRecords;
  }

  /** How many there are, as far as that is known; see OfferSeen. */
  get records(): number {
    return this.#records;
  }

  /** Whether it was agreed to take it, now or by an earlier run. */
  get agreed(): boolean {
    return this.#stage.at === "agreed";
  }

  get manifest(): Manifest | undefined {
    return this.#stage.at === "preview" ? undefined : this.#stage.manifest;
  }

  /** Bytes of the files that are here. */
  get bytes(): number {
    return this.#stage.at === "agreed" ? this.#stage.store.bytes : 0;
  }

  /** Of all files; of an open share, as far as it is known. */
  get size(): number {
    const { manifest } = this;
    return manifest?.open === true ? this.bytes : (manifest?.bytes ?? 0);
  }

  /** Whether it is kept on the disk for a later run. */
  get kept(): boolean {
    return this.#stage.at === "agreed" && this.#stage.store instanceof PartialShare;
  }

  /** The entries that the agreement left out: they are here already, or stay as they are. */
  get skipped(): { readonly files: number; readonly bytes: number } {
    return this.#skipped;
  }

  /** Bytes that are here as the share before had them. */
  get takenOver(): number {
    return this.#takenOver;
  }

  /** Whether a yes to the share before covers all of this one. */
  get isAgreed(): boolean {
    if (this.#stage.at !== "known") return this.agreed;
    const { former, manifest } = this.#stage;
    return former?.covers(manifest, this.#policy.prefix) === true;
  }

  /** Before the agreement: whether something else has a name of the share, and what is the same. */
  get found(): Pick<DestinationSurvey, "exists" | "same"> {
    const survey = this.#stage.at === "known" ? this.#stage.survey : undefined;
    return survey ?? { exists: false, same: { files: 0, bytes: 0 } };
  }

  /** Bytes of the disk that all of it takes; undefined where nothing is saved, or nobody knows. */
  get diskBytes(): number | undefined {
    const stage = this.#stage;
    if (stage.at !== "known" || stage.survey === undefined || stage.manifest.open) return undefined;
    const all = new Uint8Array(stage.manifest.files.length).fill(1);
    return diskUse({ ...stage, dir: this.#folder ?? this.#destination.dir }, all).bytes;
  }

  /** After `finish`: what got which name. */
  get saved(): readonly Saved[] {
    return this.#stage.at === "agreed" ? this.#stage.store.saved : [];
  }

  /** Once all is here: fetched files that are not what they were offered as. */
  get unsound(): readonly Unsound[] {
    return this.#stage.at === "agreed" ? this.#stage.store.unsound : [];
  }

  /** After `finish`, of a share that is one. */
  get text(): string | undefined {
    const store = this.#stage.at === "agreed" ? this.#stage.store : undefined;
    return store instanceof TextStore ? store.text : undefined;
  }

  /**
   * Deciphers record `next` and keeps it.
   * @returns whether the manifest became known by it, and whether an open share ends with it
   * @throws FaultError `corrupt-record`, `bad-manifest`, `unsafe-name`, or of the disk
   */
  take(ciphertext: Uint8Array): { readonly manifestKnown: boolean; readonly last: boolean } {
    const index = this.next;
    const { data, last } = this.#open(index, ciphertext);
    if (last) this.#records = index + 1;
    if (this.#stage.at === "agreed") {
      this.#stage.store.write(index, data, last);
      return { manifestKnown: false, last };
    }
    if (this.#stage.at === "known") throw new FaultError("internal", "a record before the answer");
    this.#checkEarly(index, data);
    this.#early.push(data);
    this.#earlyBytes += data.length;
    this.#earlyRecords++;
    return { manifestKnown: this.#readManifest(), last };
  }

  /**
   * It was agreed to take it: from here on it is kept.
   * @param onExists what was answered about names that are taken
   * @throws FaultError of the disk, or of what is at the destination
   */
  begin(onExists: OnExists | undefined, reader: Reader): void {
    if (this.#stage.at !== "known") return;
    if (onExists !== undefined) this.#policy = { ...this.#policy, onExists };
    const { manifest } = this.#stage;
    const store = this.#makeStore(this.#stage, reader);
    const ended = this.#records < this.offer.records;
    const { head, survey } = this.#stage;
    if (survey !== undefined && this.#folder !== undefined) {
      this.#sums = this.#count(this.#folder, manifest, store);
    }
    this.#letGo();
    this.#stage = { at: "agreed", manifest, store };
    const size = dataPerRecord(this.offer.recordSize);
    for (let index = 0; index < this.#earlyRecords; index++) {
      if (index !== store.next) continue; // here already
      const record = this.#early[index] ?? head.subarray(index * size, (index + 1) * size);
      store.write(index, record, ended && index === this.#records - 1);
    }
    this.#early = [];
    if (head.length > LONG_MANIFEST_BYTES) collectGarbage();
  }

  /**
   * Brings what is here to the disk, and looks whether the rest fits; see PartialShare.checkpoint.
   * @throws FaultError of the disk, "disk-full" also when it will be
   */
  async checkpoint(): Promise<void> {
    this.#id.touch();
    if (this.#stage.at !== "agreed") return;
    const { store } = this.#stage;
    if (store instanceof PartialShare) store.checkSpace();
    await store.checkpoint();
  }

  /** Everything is here: gives it its names. */
  async finish(): Promise<void> {
    if (this.#stage.at !== "agreed") throw new FaultError("internal", "nothing to finish");
    await this.#parting;
    await this.#stage.store.finish(this.#policy);
  }

  /** After `finish`, once: the sums of what is saved, for the caller to close; undefined where nothing is counted. */
  takeSums(): ShareSums | undefined {
    const sums = this.#sums;
    this.#sums = undefined;
    return sums;
  }

  /** The proof for the sender, and for it alone, that this receiver decrypted all records. */
  receipt(): Uint8Array {
    return receiptMac(this.#keys, primitives, this.offer.share, this.receiver, this.#records);
  }

  /** The share is over for its sender: a later run is this receiver. Safe to call twice. */
  release(): void {
    this.#id.release();
  }

  /** Lets go of it; what is on the disk stays for the next run. @returns where that is, if it is. */
  async close(): Promise<string | undefined> {
    this.release();
    this.#letGo();
    this.takeSums()?.[Symbol.dispose]();
    if (this.#stage.at === "known") await this.#stage.former?.close();
    await this.#unfit?.close();
    await this.#parting;
    return this.#stage.at === "agreed" ? await this.#stage.store.close() : undefined;
  }

  #find(folder: Folder, policy: Policy | undefined): PartialShare | undefined {
    try {
      return findPartial({ dir: folder, share: this.offer.share, policy });
    } catch (error) {
      folder.close();
      throw error;
    }
  }

  #count(folder: Folder, manifest: Manifest, store: Store): ShareSums | undefined {
    if (this.#destination.checksumFile !== true) return undefined;
    const sums = new ShareSums(folder.holdAgain(), manifest, this.#policy.prefix);
    if (store instanceof PartialShare) store.sums = sums;
    return sums;
  }

  #part(former: FormerEdition | undefined): void {
    if (former !== undefined) this.#parting = former.discard();
  }

  #letGo(): void {
    this.#folder?.close();
    this.#folder = undefined;
  }

  #open(
    index: number,
    ciphertext: Uint8Array,
  ): { readonly data: Uint8Array; readonly last: boolean } {
    // Before the agreement the data of each record is kept, and needs an array of its own.
    const room = this.agreed ? this.#plainRoom : undefined;
    if (isOpen(this.offer)) return this.#cipher.openAny(index, ciphertext, room);
    const data = this.#cipher.open(index, ciphertext, index === this.offer.records - 1, room);
    return { data, last: false };
  }

  /** Short ones would come for ever without the end of the manifest. */
  #checkEarly(index: number, data: Uint8Array): void {
    const { recordSize, records } = this.offer;
    const full = data.length === dataPerRecord(recordSize) || index === records - 1;
    if (isOpen(this.offer) ? data.length === 0 : !full) {
      throw new FaultError("corrupt-record", `record ${index} has ${data.length} bytes`);
    }
  }

  /** A record wholly in the head need not be held twice; an open share's records have any length. */
  #dropHead(end: number): void {
    if (isOpen(this.offer)) return;
    const whole = Math.floor(end / dataPerRecord(this.offer.recordSize));
    this.#early.fill(undefined, 0, whole);
  }

  #makeStore(
    { manifest, head, survey, former }: Extract<Stage, { at: "known" }>,
    reader: Reader,
  ): Store {
    const { output } = this.#destination;
    if (output !== undefined) return new OutputStore(manifest, head.length, output, reader);
    const dir = this.#folder;
    if (survey === undefined || dir === undefined) return new TextStore(manifest, head.length);
    const wanted = survey.wanted(this.#policy);
    manifest.files.forEach(({ size, type }, i) => {
      if (wanted[i] === 1 || type === "folder") return;
      this.#skipped.files++;
      this.#skipped.bytes += size;
    });
    if (!wanted.includes(1)) {
      this.#part(former);
      return new NothingLeft(manifest);
    }
    const { receiver } = this;
    const here = former?.reusable(manifest, wanted) ?? new Uint8Array(wanted.length);
    const policy = this.#policy;
    const store = openPartial({ dir, manifest, head, receiver, policy, wanted, here });
    if (former !== undefined && store instanceof PartialTree) {
      this.#takenOver = former.giveTo(store, here);
    }
    this.#part(former);
    return store;
  }

  #readManifest(): boolean {
    const first = this.#early[0];
    if (this.#earlyBytes < MANIFEST_LENGTH_BYTES || first === undefined) return false;
    // MIN_RECORD_SIZE holds the length and more.
    const end = MANIFEST_LENGTH_BYTES + manifestLength(first);
    if (this.#earlyBytes < end) return false;
    const early = this.#early.filter((data) => data !== undefined);
    const head = new Uint8Array(Buffer.concat(early, end));
    this.#dropHead(end);
    // Also what came before it, such as the keys' derivation, left some.
    const tidy = (): void => {
      if (end > LONG_MANIFEST_BYTES) collectGarbage();
    };
    tidy();
    const naming = this.#folder && namesHere(this.#folder, this.#destination.renameUnsafe === true);
    const bytes = head.subarray(MANIFEST_LENGTH_BYTES);
    const manifest = decodeManifest(bytes, this.offer, tidy, naming);
    if (manifest.open !== isOpen(this.offer)) {
      throw new FaultError("bad-manifest", "its end differs from the offer");
    }
    const { output } = this.#destination;
    if (output !== undefined && !isSingle(manifest)) throw new FaultError("several-files");
    const folder = manifest.kind === "files" ? this.#folder : undefined;
    tidy();
    const { onExists } = this.#destination;
    const former =
      folder &&
      FormerEdition.find(folder, manifest, onExists === undefined ? undefined : this.#policy);
    if (former !== undefined && onExists === undefined) this.#policy = former.policy;
    this.#stage = {
      at: "known",
      former,
      manifest,
      head,
      survey: folder && new DestinationSurvey(folder, manifest, this.#policy),
    };
    return true;
  }
}

function fits(manifest: Manifest, offer: OfferSeen): boolean {
  return manifest.recordSize === offer.recordSize && manifest.records === offer.records;
}
