import { describe, expect, test } from "bun:test";

import { NAME_BYTES, utf8 } from "../../../protocol/mod.ts";
import { asciiName, clearName } from "../../../relay/lobby/clear-name.ts";

describe("the name of an upload", () => {
  test.each(["a.bin", "ü.bin", "写真.jpg", "with space.tar.gz", ".hidden"])("%s stays", (name) => {
    expect(clearName(name)).toBe(name as never);
    expect(clearName(`some/folder/${name}`)).toBe(name as never);
  });

  test.each([
    ["a:b.txt", /^a_b-[0-9a-f]{6}\.txt$/],
    ["a?b.txt", /^a_b-[0-9a-f]{6}\.txt$/],
    ["end. ", /^end_-[0-9a-f]{6}$/],
    ["\ud800.bin", /^.+\.bin$/u],
  ])("%s is made safe", (name, safe) => {
    expect(clearName(name, { stay: true })).toMatch(safe);
  });

  test("of the original app is made safe as it always was", () => {
    expect(clearName("a:b.txt")).toBe("a_b.txt" as never);
  });

  test.each(["x", "ü", "写", "😀"])(
    "of many %s is cut, keeps its kind, and stays unlike others",
    (letter) => {
      const names = ["one", "two"].map((end) => clearName(`${letter.repeat(300)}${end}.tar.gz`));
      for (const name of names) {
        expect(name).toMatch(/-[0-9a-f]{6}\.tar\.gz$/);
        expect(name).toBe(name.toWellFormed() as never);
        expect(utf8(name).length).toBeLessThanOrEqual(NAME_BYTES);
        expect(utf8(name).length).toBeGreaterThan(NAME_BYTES - 8);
      }
      expect(new Set(names).size).toBe(2);
    },
  );

  test("stays another than a name that became the same when it was made safe", () => {
    const names = ["a_b.txt", "a:b.txt", "a?b.txt", "a*b.txt"].map((name) => {
      return clearName(name, { stay: true });
    });
    expect(new Set(names).size).toBe(4);
  });
});

describe("the same in ASCII", () => {
  test.each([
    ["plain name.txt", "plain name.txt"],
    ["Übergrößenträger.pdf", /^Ubergro_entrager-[0-9a-f]{6}\.pdf$/],
    ["写真一.jpg", /^___-[0-9a-f]{6}\.jpg$/],
    ["写真二.jpg", /^___-[0-9a-f]{6}\.jpg$/],
    ["😀.tar.gz", /^_-[0-9a-f]{6}\.tar\.gz$/],
    ['50%"x".txt', /^50__x_-[0-9a-f]{6}\.txt$/],
  ])("%s", (name, ascii) => {
    if (typeof ascii === "string") expect(asciiName(name)).toBe(ascii);
    else expect(asciiName(name)).toMatch(ascii);
  });

  test("of two names is two names", () => {
    const names = ["写真一.jpg", "写真二.jpg", "ü.jpg", "u.jpg", "____.jpg"].map(asciiName);
    expect(new Set(names).size).toBe(names.length);
  });
});
