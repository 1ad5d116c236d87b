import { expect, test } from "bun:test";
import { BoundedMap, Offsets, cutUtf8 } from "../../../protocol/mod.ts";

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

test("text is cut to bytes of UTF-8 between two characters, and a lone surrogate takes three", () => {
  const cuts = (text: string): string[] =>
    [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8].map((most) => cutUtf8(text, most));
  expect(cuts("aé€")).toEqual(["", "", "a", "a", "aé", "aé", "aé", "aé€", "aé€", "aé€"]);
  expect(cuts("😀\u0000")).toEqual([
    "",
    "",
    "",
    "",
    "",
    "😀",
    "😀\u0000",
    "😀\u0000",
    "😀\u0000",
    "😀\u0000",
  ]);
  expect(cuts("\ud83dx")).toEqual([
    "",
    "",
    "",
    "",
    "\ud83d",
    "\ud83dx",
    "\ud83dx",
    "\ud83dx",
    "\ud83dx",
    "\ud83dx",
  ]);
});
