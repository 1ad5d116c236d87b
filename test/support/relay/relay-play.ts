import {
  encodeControl,
  encodeFrame,
  shareIdFromProof,
  toHex,
  type Message,
  type Offer,
  type StoreWish,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import type { Refuge } from "../../../relay/cluster/messages.ts";
import { Directory } from "../../../relay/main/directory.ts";
import { Hub } from "../../../relay/share/hub.ts";
import type { RecordPlace } from "../../../relay/log/block-log.ts";
import type { FromDirectory, ToDirectory, ToStoreBook } from "../../../relay/share/messages.ts";
import {
  SingleSends,
  type Outlet,
  type SendResult,
  type SocketId,
  type Topic,
} from "../../../relay/share/outlet.ts";
import { createPool, reclaim, type PoolBuffers } from "../../../relay/log/block-pool.ts";
import { StoreKeeper } from "../../../relay/main/store-keeper.ts";
import { LiveLimits } from "../../../relay/limits/limits.ts";
import { MemoryDisk, MemoryLedger } from "./record-stores.ts";
import { channelId, helloTo } from "./channel.ts";
import { CheckedPool, Ledger } from "../../simulation/checked-pool.ts";

const RECORD = 100;
const FRAME = 16 + RECORD;
export const STALL_MS = 20_000;
const DAY_S = 24 * 60 * 60;
/** Turns of the event loop in which the book would have said something. */
const BOOK_TURNS = 4;

/** Sockets of one worker: they take all, unless told, and their clients act on what they get. */
class Sockets implements Outlet {
  readonly pool: CheckedPool;
  readonly got = new Map<SocketId, number[]>();
  readonly told = new Map<SocketId, string[]>();
  readonly wants: number[] = [];
  readonly nonces = new Map<SocketId, Uint8Array>();

  constructor(pool: CheckedPool) {
    this.pool = pool;
  }

  noPing = (): void => undefined;
  buffered = (): number => 0;
  newTopic = (): Topic => new SingleSends(this);

  sendFrame(socket: SocketId, { block, offset, length }: RecordPlace): SendResult {
    const frame = this.pool.view(block, offset, length);
    const index = new DataView(frame.buffer, frame.byteOffset).getUint32(4);
    if (frame[length - 1] !== index % 256) throw new Error(`wrong bytes in record ${index}`);
    this.got.set(socket, [...(this.got.get(socket) ?? []), index]);
    return "sent";
  }

  send(socket: SocketId, message: Message): void {
    if (message.t === "challenge") {
      this.nonces.set(socket, message.nonce);
    } else if (message.t === "want") {
      for (let at = 0; at < message.count; at++) this.wants.push(message.first + at);
    } else {
      this.#tell(socket, message.t === "cancel" ? `cancel ${message.reason}` : message.t);
    }
  }

  fail(socket: SocketId, code: string): void {
    this.#tell(socket, `fault ${code}`);
  }

  #tell(socket: SocketId, what: string): void {
    this.told.set(socket, [...(this.told.get(socket) ?? []), what]);
  }
}

interface PlayShareOptions {
  readonly records: number;
  readonly seekable: boolean;
  readonly channel: number;
}

/** A share of a test's, and its sender wherever that is. */
export class PlayShare {
  readonly offer: Offer;
  readonly proof: Uint8Array;
  readonly channel: Uint8Array;
  readonly end: number;

  /** @param end of an open share, how many records it has in truth */
  constructor(
    number: number,
    { records = 100, seekable = false, channel = number }: Partial<PlayShareOptions> = {},
    end = records,
  ) {
    this.end = end;
    this.proof = new Uint8Array(32).fill(number);
    this.channel = new Uint8Array(16).fill(channel);
    const share = shareIdFromProof(this.proof, nodePrimitives);
    this.offer = { share, recordSize: RECORD, records, bytes: records * RECORD, seekable };
  }

  get key(): string {
    return toHex(this.offer.share);
  }
}

/** A relay of several workers over one real log, whose threads speak when they are told to. */
export class RelayPlay {
  now = 0;
  readonly buffers: PoolBuffers;
  readonly sockets: Sockets[] = [];
  readonly hubs: (Hub | undefined)[] = [];
  /** Everything asked of each sender so far, by share. */
  readonly asked = new Map<string, number[]>();
  /** Sockets of clients that came by the relay's public name. */
  readonly named = new Set<SocketId>();
  readonly #ledger = new Ledger();
  readonly #directory: Directory;
  readonly #posts: (() => void)[] = [];
  /** Comes before each message between threads. */
  onPost: () => void = () => undefined;
  /** Where shares are stored. */
  readonly disk: MemoryDisk;
  #keeper: StoreKeeper | undefined;
  #places = 0;

  constructor({ workers = 2, blocks = 8, hasStore = false } = {}) {
    this.buffers = createPool(blocks, workers, FRAME);
    this.#directory = new Directory({
      toWorker: (worker, message) => this.#posts.push(() => this.#toWorker(worker, message)),
      workers: () => this.hubs.keys(),
    });
    const post = (call: () => void): void => void this.#posts.push(call);
    this.disk = new MemoryDisk(post);
    const keeper = hasStore ? this.#keep() : undefined;
    const store = keeper && {
      openRecords: this.disk.open,
      toStoreBook: (message: ToStoreBook) => post(() => keeper.handle(message)),
      lookers: { count: 1, tell: (message: ToStoreBook) => post(() => keeper.handle(message)) },
      mayStore: () => ({ life: DAY_S, bytes: 2 ** 40 }),
    };
    for (let worker = 0; worker < workers; worker++) {
      const sockets = new Sockets(new CheckedPool(this.buffers, worker, this.#ledger));
      this.sockets.push(sockets);
      const toDirectory = (message: ToDirectory): void => {
        post(() => {
          if (message.t === "claim" && keeper?.claim(message) === true) return;
          this.#directory.handle(message, this.now);
        });
      };
      this.hubs.push(
        new Hub({
          worker,
          pool: sockets.pool,
          outlet: sockets,
          primitives: nodePrimitives,
          toDirectory,
          stallMs: STALL_MS,
          isByPublicName: (socket) => this.named.has(socket),
          ...store,
        }),
      );
    }
  }

  #keep(): StoreKeeper {
    const ledger = new MemoryLedger((place) => this.disk.files.delete(place));
    const saved = { shares: [], tombstones: [] };
    this.#keeper = new StoreKeeper({
      store: { ledger, saved, place: { kind: "disk", folder: "" }, hashOf: (address) => address },
      limits: new LiveLimits(),
      directory: this.#directory,
      toWorker: (worker, message) => {
        this.#posts.push(() => this.hubs[worker]?.storeBook(message, this.now));
      },
      workers: () => this.hubs.keys(),
      report: () => undefined,
      host: {
        wallTime: () => this.now,
        clock: () => this.now,
        soon: (run) => void setImmediate(run),
        newPlace: () => (++this.#places).toString(16).padStart(32, "0"),
      },
    });
    return this.#keeper;
  }

  /** As `settle`, and the book of stored shares has saved and said all. */
  async settled(): Promise<this> {
    for (let idle = 0; idle < BOOK_TURNS; idle++) {
      if (this.#posts.length > 0) idle = 0;
      this.settle();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this;
  }

  /** The relay ends, and clients with a refuge shall go on elsewhere. */
  drain(refuge: Refuge): this {
    this.#directory.drain();
    if (refuge !== "none") this.#directory.awaitOwners();
    for (const hub of this.hubs) hub?.drain(this.now, refuge);
    return this.settle();
  }

  get blocksHeld(): number {
    return this.#ledger.held;
  }

  /** Delivers what threads say to each other, until they have said all. */
  settle(): this {
    for (let post = this.#posts.shift(); post !== undefined; post = this.#posts.shift()) {
      this.onPost();
      post();
    }
    return this;
  }

  /** One message between threads, if there is one. */
  step(): boolean {
    const post = this.#posts.shift();
    post?.();
    return post !== undefined;
  }

  crash(worker: number): this {
    this.hubs[worker] = undefined;
    reclaim(this.buffers, worker);
    this.#ledger.workerDied(worker);
    this.#keeper?.workerLost(worker);
    const heirOf = (channel: string): number | undefined => this.#keeper?.book.askerIn(channel);
    this.#directory.workerLost(worker, this.now, heirOf);
    return this;
  }

  tick(after = 0): this {
    this.now += after;
    this.#directory.tick(this.now);
    for (const hub of this.hubs) hub?.tick(this.now);
    this.#keeper?.tick();
    return this.settle();
  }

  send(
    worker: number,
    socket: number,
    { offer, proof, channel }: PlayShare,
    first?: number,
    store?: StoreWish,
  ): this {
    this.#connect(worker, socket, "sender", channel);
    const message = { t: "offer", ...offer, proof, ...(store && { store }) } as const;
    this.say(worker, socket, first === undefined ? message : { ...message, first });
    return this.settle();
  }

  /** Joins as the receiver of that number. */
  join(
    worker: number,
    socket: number,
    share: PlayShare,
    { receiver = socket, from = 0, window = 16, name = new Uint8Array(0) } = {},
  ): this {
    this.#connect(worker, socket, "receiver", share.channel);
    const id = new Uint8Array(16).fill(receiver);
    // Unlike any of a smaller number.
    if (receiver > 255) id.set([~receiver, receiver >> 8], 14);
    const { share: key } = share.offer;
    this.say(worker, socket, { t: "join", share: key, receiver: id, name, from, window });
    return this.settle();
  }

  /** Reads by HTTP from the first record on. */
  read(worker: number, socket: number, { offer, channel }: PlayShare): this {
    const hub = this.hubs[worker];
    hub?.enter(socket, toHex(channelId(channel)), this.now);
    this.settle();
    const receiver = new Uint8Array(16).fill(256 + socket);
    const name = new Uint8Array(0);
    const { share } = offer;
    hub?.control(socket, { t: "join", share, receiver, name, from: 0, window: 1 }, this.now);
    return this.settle();
  }

  ack(worker: number, socket: number, { offer }: PlayShare, next: number, window = 16): this {
    this.say(worker, socket, { t: "ack", share: offer.share, next, window });
    return this.settle();
  }

  complete(worker: number, socket: number, { offer, end }: PlayShare): this {
    const mac = new Uint8Array(16);
    this.say(worker, socket, { t: "complete", share: offer.share, records: end, mac });
    return this.settle();
  }

  close(worker: number, socket: number): this {
    this.hubs[worker]?.closed(socket, this.now);
    return this.settle();
  }

  say(worker: number, socket: number, message: Message): void {
    this.hubs[worker]?.message(socket, encodeControl(message), this.now);
  }

  /**
   * The sender sends what it was asked for and has not sent, or as much of it as `most`.
   * @returns what that was
   */
  answer(worker: number, socket: number, { offer, end }: PlayShare, most = Infinity): number[] {
    const wants = this.sockets[worker]!.wants.splice(0, most).filter((index) => index < end);
    for (const index of wants) {
      const frame = encodeFrame(offer.share, index, index === end - 1, record(index));
      this.hubs[worker]?.message(socket, frame, this.now);
    }
    this.settle();
    return wants;
  }

  /** As `answer`, until nothing more is asked. */
  run(worker: number, socket: number, share: PlayShare): number[] {
    const asked: number[] = [];
    for (let some = this.answer(worker, socket, share); some.length > 0;) {
      asked.push(...some);
      some = this.answer(worker, socket, share);
    }
    return asked;
  }

  got(worker: number, socket: number): number[] {
    return this.sockets[worker]?.got.get(socket) ?? [];
  }

  /** Messages to a socket since the last call, offers and welcomes left out. */
  told(worker: number, socket: number): string[] {
    const told = this.sockets[worker]?.told.get(socket) ?? [];
    return told.splice(0).filter((what) => !["welcome", "offers", "receivers"].includes(what));
  }

  #connect(worker: number, socket: number, role: "sender" | "receiver", channel: Uint8Array): void {
    this.hubs[worker]?.opened(socket, this.now);
    this.hello(worker, socket, role, channel);
  }

  /** Answers the challenge that this socket got. */
  hello(worker: number, socket: number, role: "sender" | "receiver", channel: Uint8Array): void {
    const nonce = this.sockets[worker]?.nonces.get(socket);
    if (nonce !== undefined) this.say(worker, socket, helloTo({ nonce }, role, channel));
  }

  #toWorker(worker: number, message: FromDirectory): void {
    this.hubs[worker]?.directory(message, this.now);
  }
}

function record(index: number): Uint8Array {
  return new Uint8Array(RECORD).fill(index);
}

export function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, at) => first + at);
}
