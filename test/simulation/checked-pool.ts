import { BlockPool, type PoolBuffers } from "../../relay/log/block-pool.ts";
import { Violation } from "./world.ts";

/** The holders of each block of a pool, kept apart from the pool to check it. */
export class Ledger {
  readonly #owners = new Map<number, number>();
  /** By worker and block. */
  readonly #pins = new Map<string, { generation: number; count: number }>();

  take(block: number, worker: number): void {
    const owner = this.#owners.get(block);
    if (owner !== undefined) throw new Violation(`block ${block} of ${owner} taken by ${worker}`);
    for (const pin of this.#pins.keys()) {
      if (pin.endsWith(`:${block}`)) throw new Violation(`block ${block} taken while pinned`);
    }
    this.#owners.set(block, worker);
  }

  giveBack(block: number, worker: number): void {
    if (this.#owners.get(block) !== worker) {
      throw new Violation(`block ${block} given back by ${worker}, which does not hold it`);
    }
    this.#owners.delete(block);
  }

  adopt(block: number, worker: number, from: number): void {
    if (this.#owners.get(block) !== from) {
      throw new Violation(`block ${block} adopted by ${worker}, and ${from} does not hold it`);
    }
    this.#owners.set(block, worker);
  }

  pin(block: number, worker: number, generation: number): void {
    const key = `${worker}:${block}`;
    const pin = this.#pins.get(key) ?? { generation, count: 0 };
    if (pin.generation !== generation) {
      throw new Violation(`block ${block} pinned in two generations by ${worker}`);
    }
    pin.count++;
    this.#pins.set(key, pin);
  }

  unpin(block: number, worker: number): void {
    const key = `${worker}:${block}`;
    const pin = this.#pins.get(key);
    if (pin === undefined)
      throw new Violation(`block ${block} unpinned by ${worker} without a pin`);
    if (--pin.count === 0) this.#pins.delete(key);
  }

  /** Whether this worker may look at the block; one that is pinned stays, given back or not. */
  checkRead(block: number, worker: number): void {
    if (this.#owners.get(block) === worker || this.#pins.has(`${worker}:${block}`)) return;
    throw new Violation(`block ${block} read by ${worker} without right`);
  }

  checkWrite(block: number, worker: number): void {
    if (this.#owners.get(block) === worker) return;
    throw new Violation(`block ${block} written by ${worker} without right`);
  }

  workerDied(worker: number): void {
    for (const [block, owner] of this.#owners) if (owner === worker) this.#owners.delete(block);
    for (const pin of this.#pins.keys()) if (pin.startsWith(`${worker}:`)) this.#pins.delete(pin);
  }

  get held(): number {
    return this.#owners.size;
  }
}

/** A pool that notices every use without right. */
export class CheckedPool extends BlockPool {
  readonly #ledger: Ledger;
  readonly #worker: number;

  constructor(buffers: PoolBuffers, worker: number, ledger: Ledger) {
    super(buffers, worker);
    this.#ledger = ledger;
    this.#worker = worker;
  }

  override take(): number | undefined {
    const block = super.take();
    if (block !== undefined) this.#ledger.take(block, this.#worker);
    return block;
  }

  override giveBack(block: number): void {
    this.#ledger.giveBack(block, this.#worker);
    super.giveBack(block);
  }

  override adopt(block: number, generation: number, from: number): boolean {
    const adopted = super.adopt(block, generation, from);
    if (adopted) this.#ledger.adopt(block, this.#worker, from);
    return adopted;
  }

  override write(block: number, offset: number, frame: Uint8Array): boolean {
    this.#checkEnd(block, offset + frame.length);
    this.#ledger.checkWrite(block, this.#worker);
    return super.write(block, offset, frame);
  }

  override view(block: number, offset: number, length: number): Uint8Array {
    this.#checkEnd(block, offset + length);
    this.#ledger.checkRead(block, this.#worker);
    return super.view(block, offset, length);
  }

  #checkEnd(block: number, end: number): void {
    if (end > this.blockBytes) throw new Violation(`beyond the end of block ${block}`);
  }

  override pin(block: number, generation: number): boolean {
    const pinned = super.pin(block, generation);
    if (pinned) this.#ledger.pin(block, this.#worker, generation);
    return pinned;
  }

  override unpin(block: number): void {
    this.#ledger.unpin(block, this.#worker);
    super.unpin(block);
  }
}
