/** Streams of an edge with an owner that is played: its lines have queues, and the test says what moves. */
import { WINDOW_MOST_RECORDS } from "../../../protocol/mod.ts";
import { Streams } from "../../../relay/cluster/streams.ts";

interface PlayedLine {
  readonly id: number;
  isOpen: boolean;
  /** On its way to the owner. */
  readonly words: { readonly t: "join" | "ack"; readonly next: number; readonly window: number }[];
  /** On its way to the edge. */
  readonly frames: number[];
  next: number;
  acked: number;
  allowed: number;
}

export class StreamPlay {
  /** "open 0", "join 0 at 5 for 3", "ack 0 at 6 for 2", "close 0"; in order. */
  readonly told: string[] = [];
  readonly lines = new Map<number, PlayedLine>();
  readonly streams: Streams;
  /** How often each record came to the origin. */
  readonly got = new Map<number, number>();
  /** Frames that the owner sent. */
  sent = 0;
  /** The most lines that were there at once. */
  mostLines = 0;

  constructor(most?: number) {
    this.streams = new Streams(
      {
        open: (id) => {
          this.told.push(`open ${id}`);
          const line = { id, isOpen: false, words: [], frames: [], next: 0, acked: 0, allowed: 0 };
          this.lines.set(id, line);
          this.mostLines = Math.max(this.mostLines, this.lines.size);
        },
        join: (id, next, window) => this.#word(id, { t: "join", next, window }),
        ack: (id, next, window) => this.#word(id, { t: "ack", next, window }),
        close: (id) => {
          this.told.push(`close ${id}`);
          this.lines.delete(id);
        },
      },
      most,
    );
  }

  #word(id: number, word: PlayedLine["words"][number]): void {
    this.told.push(`${word.t} ${id} at ${word.next} for ${word.window}`);
    const line = this.lines.get(id);
    if (line?.isOpen !== true) throw new Error(`a word on line ${id}, which is not open`);
    if (word.window < 0 || word.window > WINDOW_MOST_RECORDS) throw new Error("a wrong window");
    line.words.push(word);
  }

  /** The words since the last call. */
  take(): string[] {
    return this.told.splice(0);
  }

  want(first: number, count: number): this {
    this.streams.want({ first, count });
    return this;
  }

  open(id: number): this {
    this.lines.get(id)!.isOpen = true;
    this.streams.welcomed(id);
    return this;
  }

  break(id: number): this {
    this.lines.delete(id);
    this.streams.broken(id);
    return this;
  }

  /** The owner hears the next word, and gives what it may. */
  hear(line: PlayedLine): void {
    const word = line.words.shift();
    if (word === undefined) return;
    line.acked = word.t === "join" ? word.next : Math.max(line.acked, word.next);
    if (word.t === "join") line.next = word.next;
    line.allowed = line.acked + word.window;
    for (; line.next < line.allowed; line.next++) {
      line.frames.push(line.next);
      this.sent++;
    }
  }

  /** The edge gets the next frame. */
  give(line: PlayedLine): void {
    const index = line.frames.shift();
    if (index !== undefined) this.frame(line.id, index);
  }

  frame(id: number, index: number): boolean {
    const isTaken = this.streams.came(id, index);
    if (isTaken) this.got.set(index, (this.got.get(index) ?? 0) + 1);
    return isTaken;
  }

  /** Moves all lines until nothing is on its way. */
  run(): this {
    for (let moves = true; moves;) {
      moves = false;
      for (const line of this.lines.values()) {
        if (!line.isOpen) this.open(line.id);
        moves ||= line.words.length > 0 || line.frames.length > 0;
        this.hear(line);
        this.give(line);
      }
    }
    return this;
  }

  /** Records that came to the origin, in their order, each as often as it came. */
  get records(): number[] {
    return [...this.got].flatMap(([index, times]) => Array.from({ length: times }, () => index));
  }
}
