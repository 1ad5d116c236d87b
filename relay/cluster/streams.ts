/**
 * The streams by which an edge reads one share from its owner. The origin of the edge names runs of records that it
 * wants, and each stream gives records in their order, as a receiver gets them: a run that goes on where a stream ends
 * moves its window, another one takes a stream that has nothing to do, and at most STREAMS_MOST are open.
 *
 *   opening --welcomed--> idle --run--> reading --its last record--> idle
 *      \_______________broken: its runs are wanted again_______________/
 *
 * A stream may lose a record on its way, as any receiver may: it joins again at the first one that is missing.
 * `UplinkShare` owns it. No I/O.
 */
import { FaultError, WINDOW_MOST_RECORDS } from "../../protocol/mod.ts";

import type { RecordRun } from "../store/record-store.ts";

/** Receivers of an edge read at few places at once: the head, and one for each that came late. */
export const STREAMS_MOST = 4;

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
  /** It joined anew because a record was missing; frames other than `next` are late ones. */
  isJoiningAgain: boolean;
}

export class Streams {
  readonly #lines: StreamLines;
  readonly #most: number;
  readonly #streams = new Map<number, Stream>();
  /** Runs that no stream reads yet; the origin's credit bounds them. */
  #waiting: RecordRun[] = [];
  #ids = 0;

  /** @param most one for a share that can't be read again: its records come in their order */
  constructor(lines: StreamLines, most = STREAMS_MOST) {
    this.#lines = lines;
    this.#most = most;
  }

  get size(): number {
    return this.#streams.size;
  }

  want(run: RecordRun): void {
    this.#waiting.push({ ...run });
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
   * @throws FaultError `bad-message` for a record that was not wanted
   */
  came(id: number, index: number): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined || index < stream.next) return false;
    if (index >= stream.end) throw new FaultError("bad-message", `record ${index} was not wanted`);
    if (index > stream.next) {
      if (!stream.isJoiningAgain) this.#join(stream, true);
      return false;
    }
    stream.isJoiningAgain = false;
    stream.next++;
    this.#lines.ack(id, stream.next, stream.end - stream.next);
    if (stream.next === stream.end || this.#waiting.length > 0) this.#assign();
    return true;
  }

  /** The line of a stream is gone. */
  broken(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    const { next, end } = stream;
    if (next < end) this.#waiting.unshift({ first: next, count: end - next });
    this.#assign();
  }

  /** The origin wants nothing any more of what it asked for. */
  forget(): void {
    this.#waiting = [];
    for (const { id } of this.#streams.values()) this.#lines.close(id);
    this.#streams.clear();
  }

  #assign(): void {
    this.#waiting = this.#waiting.filter((run) => !this.#take(run));
    const opening = [...this.#streams.values()].filter(({ isOpen }) => !isOpen).length;
    if (this.#waiting.length <= opening || this.#streams.size >= this.#most) return;
    const id = this.#ids++;
    const stream = { id, isOpen: false, next: 0, end: 0, isJoiningAgain: false };
    this.#streams.set(id, stream);
    this.#lines.open(id);
  }

  /** @returns whether a stream reads all of the run */
  #take(run: RecordRun): boolean {
    const open = [...this.#streams.values()].filter(({ isOpen }) => isOpen);
    const going = open.find(({ next, end }) => end === run.first && next < end);
    const stream = going ?? open.find(({ next, end }) => next === end);
    if (stream === undefined) return false;
    const goesOn = stream.end === run.first && stream.end > 0;
    if (!goesOn) {
      stream.next = run.first;
      stream.end = run.first;
    }
    // What a window cannot hold waits for it to move on.
    const count = Math.min(run.count, stream.next + WINDOW_MOST_RECORDS - stream.end);
    stream.end += count;
    if (goesOn) this.#lines.ack(stream.id, stream.next, stream.end - stream.next);
    else this.#join(stream, false);
    run.first += count;
    run.count -= count;
    return run.count === 0;
  }

  #join(stream: Stream, isAgain: boolean): void {
    stream.isJoiningAgain = isAgain;
    this.#lines.join(stream.id, stream.next, stream.end - stream.next);
  }
}
