/**
 * The sessions of clients with the least around them: real keys and ciphers, no socket, disk or
 * clock. Mirrors cli/send/sending.ts and cli/receive/receiving.ts.
 */
import {
  concat,
  dataPerRecord,
  capabilityOf,
  decodeControl,
  decodeFrame,
  decodeManifest,
  encodeControl,
  encodeFrame,
  encodeManifest,
  FaultError,
  fromHex,
  isFrame,
  isOfShare,
  MANIFEST_LENGTH_BYTES,
  manifestLength,
  openName,
  parseSafePath,
  ReceiverSession,
  receiptMac,
  recordCipher,
  signerOf,
  sealName,
  SenderSession,
  shareIdFromProof,
  verifyReceipt,
  type FaultCode,
  type Keys,
  type Manifest,
  type ManifestFile,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
  type SenderEffect,
  type SenderEvent,
  type SyncPrimitives,
  type SyncRecordCipher,
} from "../../protocol/mod.ts";
import type { GoldenFile, ReceiverPart, SenderPart } from "./conversation.ts";

/** The actions of a client on its line. */
export interface LineHooks {
  connect(): void;
  say(bytes: Uint8Array): void;
  close(): void;
}

export interface SessionClient {
  readonly finished: boolean;
  /** How it ended: a fault, or nothing. */
  readonly fault: FaultCode | undefined;
  start(now: number): void;
  opened(now: number): void;
  received(bytes: Uint8Array, now: number): void;
  lost(now: number): void;
  tick(now: number): void;
  /** "budget N": send N frames more at most; "stall": take no more frames; "interrupt"; "fail CODE". */
  act(what: string, now: number): void;
}

export interface ClientSetting {
  readonly keys: Keys;
  readonly primitives: SyncPrimitives;
  readonly hooks: LineHooks;
}

const MTIME = 1_700_000_000_000;
/** Jitter of no chance. */
const random = (): number => 0.5;

export function contentOf(files: readonly GoldenFile[]): Uint8Array[] {
  return files.map(({ size }, n) =>
    Uint8Array.from({ length: size }, (_, i) => (31 * n + i) % 251),
  );
}

function manifestFile({ path, type, size, mode = 0 }: GoldenFile): ManifestFile {
  return { path: parseSafePath(path), type: type ?? "file", size, mode, mtime: MTIME };
}

/** The share of a sender: its manifest, its records and its proof. */
export class GoldenShare {
  readonly id: Uint8Array;
  readonly proof: Uint8Array;
  readonly manifest: Manifest;
  readonly head: Uint8Array;
  /** Plaintext of each record. */
  readonly records: Uint8Array[];
  readonly #cipher: SyncRecordCipher;

  constructor(part: SenderPart, { keys, primitives }: Pick<ClientSetting, "keys" | "primitives">) {
    const { recordSize, files, kind = "files", pieces } = part;
    this.proof = fromHex(part.proof) ?? new Uint8Array();
    this.id = shareIdFromProof(this.proof, primitives);
    this.#cipher = recordCipher(keys.content, this.id, primitives);
    const { manifest, head } = encodeManifest({
      share: this.id,
      recordSize,
      files: files.map(manifestFile),
      kind,
      open: pieces !== undefined,
    });
    this.manifest = manifest;
    this.head = head;
    if (pieces !== undefined) {
      const sum = pieces.reduce((all, length) => all + length, 0);
      const content = Uint8Array.from({ length: sum }, (_, i) => i % 251);
      this.records = [head];
      let at = 0;
      for (const length of pieces) this.records.push(content.subarray(at, (at += length)));
    } else {
      const plain = concat(head, ...contentOf(files));
      const size = dataPerRecord(recordSize);
      this.records = Array.from({ length: manifest.records }, (_, i) =>
        plain.subarray(i * size, (i + 1) * size),
      );
    }
  }

  frame(index: number): Uint8Array | undefined {
    const data = this.records[index];
    if (data === undefined) return undefined;
    const { open, recordSize } = this.manifest;
    const last = index === this.records.length - 1;
    const padding = open && !last ? dataPerRecord(recordSize) - data.length : 0;
    return encodeFrame(this.id, index, last, this.#cipher.seal(index, [data], last, padding));
  }
}

export class GoldenSender implements SessionClient {
  readonly share: GoldenShare;
  fault: FaultCode | undefined;
  /** Names of those whose receipts verified. */
  readonly verified: string[] = [];
  readonly #part: SenderPart;
  readonly #setting: ClientSetting;
  #session: SenderSession | undefined;
  #isOnline = false;
  #budget = Infinity;

  constructor(part: SenderPart, setting: ClientSetting) {
    this.#part = part;
    this.#setting = setting;
    this.share = new GoldenShare(part, setting);
  }

  get finished(): boolean {
    return this.#session?.finished === true;
  }

  start(now: number): void {
    const { id, proof, manifest } = this.share;
    const { receivers, admits, dropSlowMs, store } = this.#part;
    const { keys, primitives } = this.#setting;
    const { recordSize, records, bytes, open } = manifest;
    const offer = { share: id, recordSize, records, bytes, seekable: !open };
    this.#session = new SenderSession(
      {
        signer: signerOf(keys, primitives),
        offer: admits === undefined ? offer : { ...offer, admit: true },
        proof,
        capability: capabilityOf(keys, primitives, id),
        goal: { receivers, stay: false },
        dropSlowMs,
        giveUpAfterMs: undefined,
        random,
        store,
      },
      now,
    );
    this.tick(now);
  }

  opened(now: number): void {
    this.#isOnline = true;
    this.#handle({ type: "opened" }, now);
  }

  received(bytes: Uint8Array, now: number): void {
    try {
      this.#handle({ type: "message", message: decodeControl(bytes, "relay-to-sender") }, now);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#handle({ type: "failed", fault: error.code }, now);
    }
  }

  lost(now: number): void {
    this.#isOnline = false;
    this.#handle({ type: "lost", fault: "connection-lost" }, now);
  }

  tick(now: number): void {
    this.#handle({ type: "tick" }, now);
  }

  act(what: string, now: number): void {
    const [word, value = ""] = what.split(" ");
    if (word === "budget") this.#budget = Number(value);
    else if (word === "interrupt") this.#handle({ type: "interrupted" }, now);
    else if (word === "fail") this.#handle({ type: "failed", fault: value as FaultCode }, now);
    else throw new Error(`a sender can't ${what}`);
    this.#upload(now);
  }

  #handle(event: SenderEvent, now: number): void {
    for (const effect of this.#session?.handle(event, now) ?? []) this.#do(effect, now);
    this.#upload(now);
  }

  #do(effect: SenderEffect, now: number): void {
    const { hooks, keys, primitives } = this.#setting;
    switch (effect.type) {
      case "connect":
        hooks.connect();
        return;
      case "disconnect":
        this.#isOnline = false;
        hooks.close();
        return;
      case "send":
        if (this.#isOnline) hooks.say(encodeControl(effect.message));
        return;
      case "open-name": {
        const { entry } = effect;
        const of = { share: this.share.id, receiver: entry.id };
        const name = openName(entry.name, of, keys, primitives);
        this.#handle({ type: "name-opened", entry, name }, now);
        return;
      }
      case "check-receipt": {
        const { receipt } = effect;
        const { receiver, records, mac } = receipt;
        const valid =
          records === this.share.records.length &&
          verifyReceipt(mac, keys, primitives, this.share.id, receiver, records);
        this.#handle({ type: "receipt-checked", receipt, valid }, now);
        return;
      }
      case "receiver":
        if (effect.receiver.verified) this.verified.push(effect.receiver.name);
        return;
      case "ask": {
        const { id, name } = effect.receiver;
        const admit = this.#part.admits?.includes(name) === true;
        this.#handle({ type: "judged", receiver: id, admit }, now);
        return;
      }
      case "finish":
        this.fault = effect.outcome.fault;
        this.#isOnline = false;
        hooks.close();
        return;
      case "link":
      case "storing":
      case "stored":
      case "dismissed":
      case "gate":
      case "refused-receipt":
        return;
    }
  }

  #upload(now: number): void {
    while (this.#isOnline && this.#budget > 0) {
      const index = this.#session?.wanted();
      if (index === undefined) return;
      const frame = this.share.frame(index);
      // Beyond the end of an open share.
      if (frame === undefined) return;
      this.#budget--;
      this.#setting.hooks.say(frame);
      this.#session?.handle({ type: "sent", index }, now);
    }
  }
}

export class GoldenReceiver implements SessionClient {
  fault: FaultCode | undefined;
  /** Plaintext of each record. */
  readonly records: Uint8Array[] = [];
  manifest: Manifest | undefined;
  saved = false;
  readonly #part: ReceiverPart;
  readonly #setting: ClientSetting;
  #session: ReceiverSession | undefined;
  #isOnline = false;
  #offer: OfferSeen | undefined;
  #cipher: SyncRecordCipher | undefined;
  #ciphertext: Uint8Array | undefined;
  #stalls = false;

  constructor(part: ReceiverPart, setting: ClientSetting) {
    this.#part = part;
    this.#setting = setting;
  }

  get finished(): boolean {
    return this.#session?.finished === true;
  }

  /** The bytes after the manifest. */
  get content(): Uint8Array {
    const plain = concat(...this.records);
    return this.manifest === undefined ? plain : plain.subarray(headLength(plain));
  }

  start(now: number): void {
    const { keys, primitives } = this.#setting;
    const signer = signerOf(keys, primitives);
    this.#session = new ReceiverSession(
      { signer, lobby: false, giveUpAfterMs: undefined, window: 16, confirmMs: 10_000, random },
      now,
    );
    this.tick(now);
  }

  opened(now: number): void {
    this.#isOnline = true;
    this.#handle({ type: "opened" }, now);
  }

  received(bytes: Uint8Array, now: number): void {
    try {
      if (isFrame(bytes)) this.#frame(bytes, now);
      else
        this.#handle({ type: "message", message: decodeControl(bytes, "relay-to-receiver") }, now);
    } catch (error) {
      this.#failed(error, now);
    }
  }

  lost(now: number): void {
    this.#isOnline = false;
    this.#handle({ type: "lost", fault: "connection-lost" }, now);
  }

  tick(now: number): void {
    this.#handle({ type: "tick" }, now);
  }

  act(what: string, now: number): void {
    if (what === "stall") this.#stalls = true;
    else if (what === "interrupt") this.#handle({ type: "interrupted" }, now);
    else throw new Error(`a receiver can't ${what}`);
  }

  #frame(bytes: Uint8Array, now: number): void {
    const { tag, index, ciphertext } = decodeFrame(bytes);
    if (this.#stalls || this.#offer === undefined || !isOfShare(tag, this.#offer.share)) return;
    this.#ciphertext = ciphertext;
    this.#handle({ type: "frame", index }, now);
    this.#ciphertext = undefined;
  }

  #handle(event: ReceiverEvent, now: number): void {
    for (const effect of this.#session?.handle(event, now) ?? []) this.#do(effect, now);
  }

  #do(effect: ReceiverEffect, now: number): void {
    const { hooks, keys, primitives } = this.#setting;
    switch (effect.type) {
      case "connect":
        hooks.connect();
        return;
      case "disconnect":
        this.#isOnline = false;
        hooks.close();
        return;
      case "send":
        if (this.#isOnline) hooks.say(encodeControl(effect.message));
        return;
      case "open-share": {
        const { id, name: text } = this.#part;
        this.#offer = effect.offer;
        this.#cipher = recordCipher(keys.content, effect.offer.share, primitives);
        const receiver = fromHex(id) ?? new Uint8Array();
        const name = sealName(text, { share: effect.offer.share, receiver }, keys, primitives);
        this.#handle({ type: "share-opened", receiver, name, next: 0, agreed: false }, now);
        return;
      }
      case "take":
        this.#take(now);
        return;
      case "ask":
        this.#handle({ type: this.#part.declines === true ? "declined" : "accepted" }, now);
        return;
      case "save": {
        this.saved = true;
        const { share } = this.#offer ?? { share: new Uint8Array(16) };
        const receiver = fromHex(this.#part.id) ?? new Uint8Array();
        const mac = receiptMac(keys, primitives, share, receiver, this.records.length);
        this.#handle({ type: "saved", mac }, now);
        return;
      }
      case "finish":
        this.fault = effect.fault;
        this.#isOnline = false;
        hooks.close();
        return;
      case "share-over":
      case "passed-over":
      case "link":
      case "sender":
      case "waiting":
        return;
    }
  }

  #take(now: number): void {
    const offer = this.#offer;
    if (offer === undefined || this.#cipher === undefined || this.#ciphertext === undefined) return;
    const index = this.records.length;
    let last = false;
    let manifestKnown = false;
    try {
      if (offer.seekable) {
        const isLast = index === offer.records - 1;
        this.records.push(this.#cipher.open(index, this.#ciphertext, isLast));
      } else {
        const opened = this.#cipher.openAny(index, this.#ciphertext);
        this.records.push(opened.data);
        last = opened.last;
      }
      manifestKnown = this.manifest === undefined && this.#readManifest(offer);
    } catch (error) {
      if (error instanceof FaultError && error.code === "corrupt-record") {
        this.#handle({ type: "corrupt" }, now);
      } else this.#failed(error, now);
      return;
    }
    this.#handle({ type: "stored", last }, now);
    if (manifestKnown) this.#handle({ type: "manifest-known" }, now);
    else if (this.manifest === undefined) {
      for (const effect of this.#session?.previewMore() ?? []) this.#do(effect, now);
    }
  }

  #readManifest({ share, recordSize, records }: OfferSeen): boolean {
    const plain = concat(...this.records);
    if (plain.length < MANIFEST_LENGTH_BYTES) return false;
    const end = headLength(plain);
    if (plain.length < end) return false;
    const bytes = plain.subarray(MANIFEST_LENGTH_BYTES, end);
    this.manifest = decodeManifest(bytes, { share, recordSize, records });
    return true;
  }

  #failed(error: unknown, now: number): void {
    if (!(error instanceof FaultError)) throw error;
    this.#handle({ type: "failed", fault: error.code }, now);
  }
}

function headLength(plain: Uint8Array): number {
  return MANIFEST_LENGTH_BYTES + manifestLength(plain);
}
