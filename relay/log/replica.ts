import { BoundedMap } from "../../protocol/mod.ts";

import { recordsPerBlock, type RecordPlace, type RecordReader } from "./block-log.ts";
import { WHOLE_WEIGHT, type BlockPool } from "./block-pool.ts";

/** Places kept per block of the pool: small records share a block, and few shares use them. */
const REPLICA_PLACES_PER_BLOCK = 16;

/** The log of a share whose home is another worker: known places, read under a pin. */
export class ReplicaLog implements RecordReader {
  readonly #pool: BlockPool;
  readonly #perBlock: number;
  /** Oldest first; never more than the pool can hold. */
  readonly #places: BoundedMap<number, RecordPlace>;
  #weight = WHOLE_WEIGHT;

  /** @param frameBytes size of every frame but the last */
  constructor(pool: BlockPool, frameBytes: number) {
    this.#pool = pool;
    this.#places = new BoundedMap(REPLICA_PLACES_PER_BLOCK * pool.blocks);
    this.#perBlock = recordsPerBlock(pool, frameBytes);
  }

  get capacity(): number {
    return this.#pool.fairShare(this.#weight) * this.#perBlock;
  }

  weigh(weight: number): void {
    this.#weight = weight;
  }

  learn(index: number, place: RecordPlace): void {
    this.#places.set(index, place);
  }

  has(index: number): boolean {
    const place = this.#places.get(index);
    if (place === undefined) return false;
    if (this.#pool.generation(place.block) === place.generation) return true;
    this.#places.delete(index);
    return false;
  }

  open(index: number): RecordPlace | undefined {
    const place = this.#places.get(index);
    if (place === undefined) return undefined;
    if (this.#pool.pin(place.block, place.generation)) return place;
    this.#places.delete(index);
    return undefined;
  }

  close({ block }: RecordPlace): void {
    this.#pool.unpin(block);
  }
}
