import type { RecordPlace } from "../log/block-log.ts";
import type { MemoryBudget, MemoryPlace } from "../limits/memory-budget.ts";
import type { BlockPool } from "../log/block-pool.ts";

/** A frame that stays readable in the log until it is let go. */
export interface KeptFrame {
  /** Frames with the same one are the same. */
  readonly key: string;
  readonly length: number;
  /** Bytes of the frame, head included, in memory of their own. */
  read(from: number, to: number): Uint8Array;
  release(): void;
}

/** Whose a kept frame is. */
export interface FrameUser {
  readonly address: string | undefined;
  /** The log needs the room, and there is no memory for it either. */
  lost(): void;
}

interface Kept {
  readonly place: RecordPlace;
  readonly user: FrameUser;
  isPinned: boolean;
  /** What was in the log, once that needed the room. */
  copy: Uint8Array | undefined;
  memory: MemoryPlace | undefined;
}

/**
 * Frames of which a client of HTTP or of the original app has a part: they stay in the log, and cost no
 * memory. As with what the kernel sends by itself: when blocks that logs gave back are held up in this
 * way, what is left is copied, and where there is no memory for that its client has to come again.
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
    // Given back in this moment, while whoever gave it to us still reads it.
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
