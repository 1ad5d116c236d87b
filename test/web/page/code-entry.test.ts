/** The field `Code`: completion, and what a text means when it is handed in. */
import { describe, expect, test } from "bun:test";

import { abbreviateCode, makeCode } from "../../../protocol/code/code.ts";
import { candidatesFor, completed, entryOf, wordsLeft } from "../../../web/page/code-entry.ts";

const HERE = ["https://relay.example/prefix/", "wss://relay.example/prefix/ws"];
/** The same in every run, so that the names of tests stay. */
const code = makeCode((length) => Uint8Array.from({ length }, (_, i) => 37 * i + 11));

describe("completion", () => {
  test("two letters offer words of the list, in its order", () => {
    expect(candidatesFor("ve")).toEqual([
      "vehicle",
      "velvet",
      "vendor",
      "venture",
      "venue",
      "verb",
    ]);
  });

  test("it completes the last word alone, whatever stands between words", () => {
    for (const text of ["amused-oyster velv", "amused_oyster.velv", "AMUSED oyster VELV"]) {
      expect(candidatesFor(text)).toEqual(["velvet"]);
    }
    expect(completed("amused oyster velv", "velvet")).toBe("amused oyster velvet-");
  });

  test("one letter, a whole word and an eighth word offer nothing", () => {
    expect(candidatesFor("v")).toEqual([]);
    expect(candidatesFor("velvet")).toEqual([]);
    expect(candidatesFor("")).toEqual([]);
    expect(candidatesFor(`${code}-ve`)).toEqual([]);
    expect(candidatesFor(abbreviateCode(code))).toEqual([]);
  });

  test("the last word gets no dash, and lobby neither", () => {
    expect(completed("a b c d e f velv", "velvet")).toBe("a b c d e f velvet");
    expect(completed("lo", "lobby")).toBe("lobby");
    expect(candidatesFor("lob")).toContain("lobby");
    expect(candidatesFor("velvet-lob")).not.toContain("lobby");
  });

  test("the hint counts the words that lack", () => {
    expect(wordsLeft("velvet")).toBe("6 more words");
    expect(wordsLeft("velvet oyster crisp lunar solid amused")).toBe("1 more word");
    expect(wordsLeft(code)).toBe("The code is complete.");
    expect(wordsLeft(abbreviateCode(code))).toBe("The code is complete.");
    expect(wordsLeft(code.replace(/[a-z]+$/, "velvet"))).toBeUndefined();
    expect(wordsLeft("")).toBeUndefined();
    expect(wordsLeft("no code")).toBeUndefined();
  });
});

describe("a text that is handed in", () => {
  test.each([
    code,
    abbreviateCode(code),
    code.replaceAll("-", " ").toUpperCase(),
    `fileshare recv ${code}`,
    `fileshare recv --relay https://relay.example/prefix ${code}`,
    `fileshare recv --relay wss://relay.example/prefix/ws ${code}`,
    `https://relay.example/prefix/#${code}`,
  ])("is a code: %p", (text) => {
    expect(entryOf(text, HERE)).toEqual({ is: "code", code });
  });

  test("lobby is the lobby, by its word, its option and its link", () => {
    for (const text of ["lobby", " Lobby ", "fileshare recv --lobby"]) {
      expect(entryOf(text, HERE)).toEqual({ is: "lobby" });
    }
  });

  test("a mistake gets the sentence of the terminal", () => {
    const wrong = code.replace(/^[a-z]+/, "velvte");
    expect(problem(wrong)).toContain('word 1, "velvte", is not on the list (closest: "velvet")');
    expect(problem("velvet oyster")).toContain("it has 2 words, not 7");
    expect(problem("  ")).toStartWith("Type the code");
  });

  test("words of the documents are refused before the page waits for them", () => {
    const printed = "amused-oyster-velvet-crisp-lunar-solid-worry";
    expect(problem(printed)).toContain("it is printed in documents");
  });

  test("the code of another relay is told with the relay's name, made harmless", () => {
    expect(problem(`https://other.example/#${code}`)).toContain("another relay, other.example.");
    expect(problem(`fileshare recv --relay relay.example ${code}`)).toContain("another relay");
    const list = "wss://one.example,wss://two.example";
    expect(problem(`fileshare recv ${code} --relay ${list}`)).toContain("relay, one.example.");
    expect(problem(`fileshare recv --relay ${"x".repeat(500)} ${code}`).length).toBeLessThan(250);
  });

  test("a link to the sender's own machine says that the words alone may do", () => {
    for (const host of ["localhost:8000", "127.0.0.1", "[::1]:8000"]) {
      expect(problem(`http://${host}/#${code}`)).toContain(`${host}, which is the sender's own`);
    }
  });

  function problem(text: string): string {
    const entry = entryOf(text, HERE);
    return entry.is === "problem" ? entry.sentence : `none: ${entry.is}`;
  }
});
