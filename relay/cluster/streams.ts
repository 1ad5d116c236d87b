/**
 * The streams by which an edge reads one share from its owner. The origin of the edge names runs of records that it
 * wants, and each stream gives records in their order, as a receiver gets them: a run that goes on where a stream ends
 * moves its window, another one takes a stream that has nothing to do, and at most STREAMS_MOST are open.
 *
 *   opening --welcomed--> idle --run--> reading --its last record--> idle
 *      \_______________broken: its runs are wanted again_______________/
 *
 * `UplinkShare` owns it. No I/O.
 */
import { FaultError, WINDOW_MOST_RECORDS } from "../../protocol/mod.ts";

import type { RecordRun } from "../store/record-store.ts";

/** Receivers of an edge read at few places at once: the head, and one for each that came late. */
export const STREAMS_MOST = 4;
/** Records of runs that go on somewhere, while a run waits for a stream. Then streams end until one is free. */
export const OVERTAKEN_MOST_RECORDS = 64;

/** The lines of the streams, by number. */
export interface StreamLines {
  open(stream: number): void;
  join(stream: number, from: number, window: number): void;
  ack(stream: number, next: number, window: number): void;
  close(stream: number): void;
}

interface Stream {
  readonly id: number;
  isOpen: boolean;
  /** The next record that comes. */
  next: number;
  /** The first record that is not wanted of it. */
  end: number;
}

interface WaitingRun extends RecordRun {
  /** Records of later runs that a stream was given meanwhile. */
  overtaken: number;
}

export class Streams {
  readonly #lines: StreamLines;
  readonly #most: number;
  readonly #streams = new Map<number, Stream>();
  /** Runs that no stream reads yet, the oldest first; the origin's credit bounds them. */
  readonly #waiting: WaitingRun[] = [];
  #ids = 0;

  /** @param most one for a share that can't be read again: its records come in their order */
  constructor(lines: StreamLines, most = STREAMS_MOST) {
    this.#lines = lines;
    this.#most = most;
  }

  get size(): number {
    return this.#streams.size;
  }

  want({ first, count }: RecordRun): void {
    const before = this.#waiting.find((run) => run.first + run.count === first);
    if (before === undefined) this.#waiting.push({ first, count, overtaken: 0 });
    else before.count += count;
    this.#assign();
  }

  /** The line of a stream is there. */
  welcomed(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.isOpen = true;
    this.#assign();
  }

  /**
   * A frame came.
   * @returns whether the origin gets it
   * @throws FaultError `bad-message` for a record that was not wanted, or comes before those that are missing
   */
  came(id: number, index: number): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined || index < stream.next) return false;
    if (index > stream.next || index >= stream.end) {
      throw new FaultError("bad-message", `record ${index} was not wanted`);
    }
    stream.next++;
    this.#lines.ack(id, stream.next, stream.end - stream.next);
    if (this.#waiting.length > 0) this.#assign();
    return true;
  }

  /** The line of a stream is gone. */
  broken(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    const { next, end } = stream;
    if (next < end) this.#waiting.unshift({ first: next, count: end - next, overtaken: 0 });
    this.#assign();
  }

  /** The origin wants nothing any more of what it asked for. */
  forget(): void {
    this.#waiting.length = 0;
    const ids = [...this.#streams.keys()];
    this.#streams.clear();
    for (const id of ids) this.#lines.close(id);
  }

  #assign(): void {
    for (let at = 0; at < this.#waiting.length;) {
      const run = this.#waiting[at]!;
      this.#take(run, this.#waiting.slice(0, at));
      if (run.count === 0) this.#waiting.splice(at, 1);
      else at++;
    }
    const streams = [...this.#streams.values()];
    const opening = streams.filter(({ isOpen }) => !isOpen).length;
    // A run that goes on waits for the window of its stream.
    const lost = this.#waiting.filter(({ first }) => !streams.some(({ end }) => end === first));
    for (let more = lost.length - opening; more > 0; more--) {
      if (this.#streams.size >= this.#most) return;
      const id = this.#ids++;
      const stream = { id, isOpen: false, next: 0, end: 0 };
      this.#streams.set(id, stream);
      this.#lines.open(id);
    }
  }

  /** Gives what it can of a run to a stream. @param older runs that have waited for longer */
  #take(run: WaitingRun, older: readonly WaitingRun[]): void {
    const open = [...this.#streams.values()].filter(({ isOpen }) => isOpen);
    const going = open.find(({ end }) => end === run.first && end > 0);
    const stream = going ?? open.find(({ next, end }) => next === end);
    if (stream === undefined) return;
    if (older.some(({ overtaken }) => overtaken >= OVERTAKEN_MOST_RECORDS)) return;
    if (going === undefined) {
      stream.next = run.first;
      stream.end = run.first;
    }
    // Records beyond the window wait until it moves on.
    const count = Math.min(run.count, stream.next + WINDOW_MOST_RECORDS - stream.end);
    if (count === 0) return;
    stream.end += count;
    run.first += count;
    run.count -= count;
    for (const each of older) each.overtaken += count;
    const tell = going === undefined ? "join" : "ack";
    this.#lines[tell](stream.id, stream.next, stream.end - stream.next);
  }
}
