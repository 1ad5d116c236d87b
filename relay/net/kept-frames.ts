import type { RecordPlace } from "../log/block-log.ts";
import type { MemoryBudget, MemoryPlace } from "../limits/memory-budget.ts";
import type { BlockPool } from "../log/block-pool.ts";

/** A frame that stays readable until `release`. */
export interface KeptFrame {
  /** Equal for equal frames. */
  readonly key: string;
  readonly length: number;
  /** Bytes of the frame, head included, in memory of their own. */
  read(from: number, to: number): Uint8Array;
  release(): void;
}

export interface FrameUser {
  readonly address: string | undefined;
  /** The log needs the block, and there is no memory for a copy. */
  lost(): void;
}

interface Kept {
  readonly place: RecordPlace;
  readonly user: FrameUser;
  isPinned: boolean;
  /** Of the frame, once the log needed its block. */
  copy: Uint8Array | undefined;
  memory: MemoryPlace | undefined;
}

/**
 * Frames of which a local client has a part. They stay in the log and cost no memory. When they hold up blocks
 * that their logs gave back, `tick` copies them; without memory for a copy it disconnects their client.
 */
export class KeptFrames {
  readonly #pool: BlockPool;
  readonly #memory: MemoryBudget;
  readonly #kept = new Set<Kept>();

  constructor(pool: BlockPool, memory: MemoryBudget) {
    this.#pool = pool;
    this.#memory = memory;
  }

  /** @param place that is open */
  keep(place: RecordPlace, user: FrameUser): KeptFrame {
    const { block, offset, length, generation } = place;
    const isPinned = this.#pool.pin(block, generation);
    const kept: Kept = { place, user, isPinned, copy: undefined, memory: undefined };
    // The log gave it back in this moment, and its caller still reads it.
    if (!isPinned) this.#copy(kept);
    this.#kept.add(kept);
    return {
      key: keyOf(place),
      length,
      read: (from, to) => {
        if (kept.copy !== undefined) return kept.copy.slice(from, to);
        const bytes = new Uint8Array(to - from);
        this.#pool.read(block, offset + from, bytes);
        return bytes;
      },
      release: () => this.#release(kept),
    };
  }

  tick(): void {
    const late = [...this.#kept].filter(({ place, isPinned }) => {
      return isPinned && this.#pool.generation(place.block) !== place.generation;
    });
    if (late.length === 0 || !this.#pool.isHeldUp) return;
    for (const kept of late) {
      const memory = this.#memory.enter({
        address: kept.user.address,
        room: () => undefined,
        cut: () => kept.user.lost(),
      });
      if (memory.fits(kept.place.length)) {
        kept.memory = memory;
        this.#copy(kept);
        this.#unpin(kept);
      } else {
        kept.user.lost();
      }
    }
  }

  #copy(kept: Kept): void {
    const { block, offset, length } = kept.place;
    kept.copy = new Uint8Array(length);
    this.#pool.read(block, offset, kept.copy);
    kept.memory?.hold(length);
  }

  #release(kept: Kept): void {
    if (!this.#kept.delete(kept)) return;
    this.#unpin(kept);
    kept.memory?.leave();
    kept.copy = undefined;
  }

  #unpin(kept: Kept): void {
    if (kept.isPinned) this.#pool.unpin(kept.place.block);
    kept.isPinned = false;
  }
}

export function keyOf({ block, generation, offset }: RecordPlace): string {
  return `${block}/${generation}/${offset}`;
}
