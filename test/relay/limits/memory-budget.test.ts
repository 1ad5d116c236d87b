import { describe, expect, test } from "bun:test";

import {
  PIECE_BYTES,
  STEADY_PIECE_BYTES,
  STEADY_PIECE_BYTES_MIN,
  pieceFor,
} from "../../../relay/lobby/body.ts";
import {
  MEMORY_SIZES,
  MemoryBudget,
  PROVEN_BYTES,
  STILL_BYTES,
  STILL_MS,
  type MemoryKind,
  type MemoryPlace,
  type MemorySizes,
} from "../../../relay/limits/memory-budget.ts";
import { FairQueue } from "../../../relay/limits/fair-queue.ts";

const SIZES = { bytes: 1000, arriving: 500, still: 100, queue: 3 };

class Play {
  now = 0;
  readonly told: string[] = [];
  readonly memory: MemoryBudget;

  constructor(sizes: MemorySizes = SIZES) {
    this.memory = new MemoryBudget(() => this.now, sizes);
  }

  enter(name: string, kind?: MemoryKind, address = name): MemoryPlace {
    const place = this.memory.enter(
      {
        address,
        room: () => this.told.push(`room ${name}`),
        cut: () => {
          this.told.push(`cut ${name}`);
          place.leave();
        },
      },
      kind,
    );
    return place;
  }

  /** One that has taken enough to count as one that takes what it is given. */
  moving(name: string): MemoryPlace {
    const place = this.enter(name);
    place.hold(1);
    place.took(PROVEN_BYTES);
    place.hold(0);
    return place;
  }

  /** The messages since the last call. */
  async heard(): Promise<string[]> {
    await Promise.resolve();
    return this.told.splice(0);
  }
}

describe("memory for clients", () => {
  test("of those who have taken nothing is a small part, which those who take something do not need", () => {
    const play = new Play();
    const [one, other] = [play.enter("one"), play.enter("other")];
    expect(one.ask(80)).toBe("room");
    one.hold(80);
    expect(other.ask(80)).toBe("wait");
    const moving = play.moving("moving");
    expect(moving.ask(900)).toBe("room");
    expect(moving.isStill).toBe(false);
    moving.hold(900);
    expect(play.moving("late").ask(100)).toBe("wait");
    expect(play.memory.measures).toMatchObject({ used: { still: 80, moving: 900 }, waiting: 2 });
  });

  test("is given to addresses in turns, however many wait of one", async () => {
    const play = new Play();
    const holder = play.enter("holder");
    holder.hold(100);
    const a = [play.enter("a1", "still", "a"), play.enter("a2", "still", "a")];
    const b = play.enter("b1", "still", "b");
    for (const place of [...a, b]) expect(place.ask(100)).toBe("wait");
    holder.hold(0);
    expect(await play.heard()).toEqual(["room a1", "room b1", "room a2"]);
  });

  test("is refused when no more may wait, and nobody is forgotten that does", () => {
    const play = new Play();
    play.enter("holder").hold(100);
    for (const name of ["a", "b", "c"]) expect(play.enter(name).ask(1)).toBe("wait");
    expect(play.memory.isFull).toBe(true);
    expect(play.enter("d").ask(1)).toBe("full");
    expect(play.memory.measures).toMatchObject({ waiting: 3, refused: 1 });
  });

  test("is taken from whom stands still the longest, once others wait", async () => {
    const play = new Play();
    const [first, second] = [play.enter("first"), play.enter("second")];
    second.hold(50);
    play.now = 1000;
    first.hold(50);
    // Takes a little of what waits for it.
    play.now = STILL_MS - 1;
    second.took(1);
    play.now = STILL_MS + 1000;
    play.memory.tick();
    expect(await play.heard()).toEqual([]);
    const late = play.enter("late");
    expect(late.ask(50)).toBe("wait");
    play.memory.tick();
    expect(await play.heard()).toEqual(["cut first", "room late"]);
    late.hold(50);
    play.memory.tick();
    expect(await play.heard()).toEqual([]);
    expect(play.memory.measures.cut).toBe(1);
  });

  test("is a small part again for who took much and then stands still", async () => {
    const play = new Play();
    const [one, other] = [play.moving("one"), play.moving("other")];
    one.hold(90);
    play.now = 1;
    other.hold(90);
    play.now = STILL_MS;
    play.memory.tick();
    expect(play.memory.measures.used).toMatchObject({ still: 90, moving: 90 });
    play.now++;
    play.memory.tick();
    expect(await play.heard()).toEqual(["cut one"]);
    expect(other.isStill).toBe(true);
  });

  test("is given in large pieces to those who take them, and in smaller ones while many wait", () => {
    const play = new Play(MEMORY_SIZES);
    expect(pieceFor(play.enter("new"))).toBe(PIECE_BYTES);
    const pieces: number[] = [];
    for (let count = 0; count < 1000; count++) {
      const place = play.moving("moving");
      pieces.push(pieceFor(place));
      place.hold(pieceFor(place));
    }
    expect(pieces.slice(0, 64)).toEqual(Array.from({ length: 64 }, () => STEADY_PIECE_BYTES));
    expect(pieces).toEqual(pieces.toSorted((one, other) => other - one));
    expect(pieces.at(-1)).toBe(STEADY_PIECE_BYTES_MIN);
    // The first ones have larger ones than they would be given now.
    const { moving } = play.memory.measures.used;
    expect(moving).toBeLessThan(5 * STILL_BYTES);
  });

  test("for what comes from clients leaves room for what goes to them, and what may stay stays", async () => {
    const play = new Play();
    const [upload, message] = [play.enter("upload", "arriving"), play.enter("message", "arriving")];
    upload.keep();
    upload.hold(300);
    message.hold(200);
    expect(play.enter("more", "arriving").ask(1)).toBe("wait");
    expect(play.moving("moving").ask(500)).toBe("room");
    play.now = STILL_MS;
    play.memory.tick();
    expect(await play.heard()).toEqual(["cut message", "room more"]);
  });
});

test("a fair queue forgets who leaves", () => {
  const queue = new FairQueue<number>();
  for (const item of [1, 2, 3]) queue.add("a", item);
  queue.add("b", 4);
  queue.add("b", 4);
  queue.delete("a", 1);
  queue.delete("a", 1);
  expect(queue.size).toBe(3);
  expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
    2,
    4,
    3,
    undefined,
  ]);
});
