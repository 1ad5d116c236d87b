import { expect, test } from "bun:test";
import { BoundedMap, Offsets } from "../../../protocol/mod.ts";

test("a bounded map drops its oldest entry, and an entry that is set again is the newest", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1).set("b", 2).set("a", 3).set("c", 4);
  expect([...map]).toEqual([
    ["a", 3],
    ["c", 4],
  ]);
});

test("the part at a position holds its byte: empty parts hold none, and none is behind the last", () => {
  const offsets = new Offsets([0, 3, 0, 0, 2].map((size) => ({ size })));
  expect([0, 1, 2, 3, 4, 5, 99].map((position) => offsets.at(position))).toEqual([
    1, 1, 1, 4, 4, 5, 5,
  ]);
  expect([offsets.begin(4), offsets.end(4), offsets.end(0)]).toEqual([3, 5, 0]);
  expect(new Offsets([]).at(0)).toBe(0);
});
