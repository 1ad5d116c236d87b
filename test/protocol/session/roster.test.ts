import { expect, test } from "bun:test";
import { NameBook, Roster } from "../../../protocol/session/roster.ts";
import { RECEIVERS_PER_SHARE, u32, type ReceiverEntry } from "../../../protocol/mod.ts";

function id(number: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(u32(number));
  return bytes;
}

function entry(number: number, state: ReceiverEntry["state"], next = 5): ReceiverEntry {
  return { id: id(number), name: new Uint8Array(60), state, next };
}

/** The receivers of a roster, as numbers, and those that proved to have every record. */
function standing(roster: Roster): { all: number[]; verified: number[] } {
  const receivers = [...roster.all.values()];
  const numberOf = ({ id: bytes }: { id: Uint8Array }): number =>
    new DataView(bytes.buffer).getUint32(0);
  return {
    all: receivers.map(numberOf),
    verified: receivers.filter(({ verified }) => verified).map(numberOf),
  };
}

const records = 10;

test("a receiver that proves to have everything takes the place of one that proved nothing, the gone first", () => {
  const roster = new Roster(4);
  for (const [number, state] of [
    [1, "live"],
    [2, "live"],
    [3, "lost"],
    [4, "left"],
  ] as const) {
    roster.update(entry(number, state), "");
  }
  const displaced = [5, 6, 7, 8].map((number) => {
    const { displaced: gone } = roster.verify({ receiver: id(number), records }) ?? {};
    return gone && [new DataView(gone.id.buffer).getUint32(0), gone.state];
  });
  expect(displaced).toEqual([
    [3, "left"],
    [4, "left"],
    [1, "left"],
    [2, "left"],
  ]);
  expect(standing(roster)).toEqual({ all: [5, 6, 7, 8], verified: [5, 6, 7, 8] });
});

test("a receiver that proved it is never displaced, by news or by others' receipts", () => {
  const roster = new Roster(3);
  for (const number of [1, 2, 3]) roster.verify({ receiver: id(number), records });
  expect(roster.update(entry(4, "live"), "")).toBeUndefined();
  expect(roster.update(entry(1, "left"), "")).toBeUndefined();
  expect(roster.verify({ receiver: id(5), records })).toBeUndefined();
  expect(roster.verify({ receiver: id(2), records })?.displaced).toBeUndefined();
  expect(roster.loseAll()).toEqual([]);
  expect(standing(roster)).toEqual({ all: [1, 2, 3], verified: [1, 2, 3] });
  expect(roster.counts).toEqual({ verified: 3, attached: 0, lost: 0, left: 0 });
});

test("a receiver that proves it keeps its own place", () => {
  const roster = new Roster(2);
  roster.update(entry(1, "live"), "anna");
  roster.update(entry(2, "live"), "bob");
  expect(roster.verify({ receiver: id(2), records })).toMatchObject({
    receiver: { name: "bob", verified: true },
    displaced: undefined,
  });
});

test("a flood of names that do not open makes none be forgotten that did", () => {
  const book = new NameBook();
  const good = entry(1, "live");
  book.note("good", good, "anna");
  for (let at = 0; at < RECEIVERS_PER_SHARE + 10; at++) {
    book.note(`junk ${at}`, { ...good, name: new Uint8Array(60).fill(1) }, undefined);
  }
  expect(book.find("good", good)).toMatchObject({ is: "opened", name: "anna" });
  const junk = { ...good, name: new Uint8Array(60).fill(1) };
  // As many as there may be receivers are known for what they are; the oldest is looked at again.
  expect(book.find("junk 9", junk)).toEqual({ is: "unknown" });
  expect(book.find("junk 10", junk)).toMatchObject({ is: "refused" });
});
