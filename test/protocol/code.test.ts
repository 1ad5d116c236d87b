import { expect, test } from "bun:test";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import * as fc from "fast-check";
import {
  abbreviateCode,
  type Code,
  completeWord,
  isLobby,
  LOBBY_CODE,
  makeCode,
  parseCode,
} from "../../protocol/code.ts";
import { FaultError } from "../../protocol/faults.ts";
import { CODE_MAX_CHARACTERS, CODE_WORDS } from "../../protocol/limits.ts";
import { faultOf } from "./faults.ts";

const CODE = "amused-oyster-velvet-crisp-lunar-solid" as Code;
const detailOf = (input: string): string => faultOf(() => parseCode(input), "bad-code").detail!;
const codes = fc
  .uint8Array({ minLength: 12, maxLength: 12 })
  .filter((bytes) => new Set(bytes).size > 8) // fewer repeat words: makeCode would draw again
  .map((bytes) => makeCode(() => bytes.slice()));

test("a new code has six words of the list and is its own full form", () => {
  fc.assert(
    fc.property(codes, (code) => {
      const words = code.split("-");
      expect(words.length).toBe(CODE_WORDS);
      for (const word of words) expect(wordlist).toContain(word);
      expect(parseCode(code)).toBe(code);
    }),
  );
});

test("every word is drawn equally often: each 16-bit number maps to its lowest 11 bits", () => {
  const counts = new Map<string, number>();
  for (let n = 0; n < 2 ** 16; n += CODE_WORDS) {
    const bytes = new Uint8Array(2 * CODE_WORDS);
    for (let i = 0; i < CODE_WORDS; i++) {
      // An odd factor reaches each number once, and words that are no neighbours in the list.
      new DataView(bytes.buffer).setUint16(2 * i, (n + i) * 40_503);
    }
    makeCode(() => bytes)
      .split("-")
      .slice(0, 2 ** 16 - n)
      .forEach((word) => counts.set(word, (counts.get(word) ?? 0) + 1));
  }
  expect(counts.size).toBe(2048);
  expect([...new Set(counts.values())]).toEqual([2 ** 16 / 2048]);
});

test("a code reads alike in every form that people type", () => {
  const style = fc.record({
    cuts: fc.array(fc.nat(4), { minLength: 6, maxLength: 6 }),
    upper: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    separator: fc.constantFrom(" ", "-", "_", ".", "  ", " - ", "\t"),
    around: fc.constantFrom("", " ", "\n", "-"),
  });
  fc.assert(
    fc.property(codes, style, (code, { cuts, upper, separator, around }) => {
      const typed = code.split("-").map((word, i) => {
        const cut = word.slice(0, 4 + cuts[i]!);
        return upper[i]! ? cut.toUpperCase() : cut;
      });
      expect(parseCode(around + typed.join(separator) + around)).toBe(code);
    }),
  );
});

test("an abbreviated code reads as the whole", () => {
  expect(abbreviateCode(CODE)).toBe("amus-oyst-velv-cris-luna-soli");
  expect(abbreviateCode("act-add-zoo-abandon-zone-able" as Code)).toBe(
    "act-add-zoo-aban-zone-able",
  );
  fc.assert(fc.property(codes, (code) => expect(parseCode(abbreviateCode(code))).toBe(code)));
});

test("the lobby is one word", () => {
  for (const input of ["lobby", "Lobby", " LOBBY\n"]) expect(parseCode(input)).toBe(LOBBY_CODE);
  expect(isLobby(LOBBY_CODE)).toBe(true);
  expect(isLobby(CODE)).toBe(false);
  expect(abbreviateCode(LOBBY_CODE)).toBe("lobby");
  expect(wordlist).not.toContain("lobby");
});

test("W3 the wrong number of words is told", () => {
  expect(detailOf("")).toBe("it is empty");
  expect(detailOf(" - ")).toBe("it is empty");
  expect(detailOf("velvet")).toBe("it has 1 word, not 6");
  expect(detailOf("amused-oyster-velvet-crisp-lunar")).toBe("it has 5 words, not 6");
  expect(detailOf(`${CODE}-zoo`)).toBe("it has 7 words, not 6");
  expect(detailOf("lobby lobby")).toBe("it has 2 words, not 6");
});

test("W3 an unknown word is named, with the closest one", () => {
  const third = (word: string): string => detailOf(`amused-oyster-${word}-crisp-lunar-solid`);
  expect(third("velvte")).toBe('word 3, "velvte", is not on the list (closest: "velvet")');
  expect(third("vel")).toBe('word 3, "vel", is not on the list (closest: "velvet")');
  expect(third("velvets")).toContain('(closest: "velvet")');
  expect(third("elvet")).toContain('(closest: "velvet")');
  expect(third("zo")).toContain('(closest: "zone")'); // three letters or fewer: whole words only
  expect(third("\u001b[2j")).toContain('"\\u{1b}[2j"');
  expect(detailOf("amber otter velvet crisp lunar solid")).toContain('word 1, "amber"');
});

test("W3 a digit in a word code is a slip, not a code of one's own", () => {
  expect(detailOf("amused-oyster-velvet-crisp-lunar-so1id")).toContain('(closest: "solid")');
  expect(detailOf("amus-0yst-velv-cr1s-luna-soli")).toContain('word 2, "0yst"');
});

test("W3 letters that only look right are refused", () => {
  // A Cyrillic a, full-width letters, an en dash, a dotless i, the Kelvin sign (lower case: k).
  for (const foreign of ["\u0430", "\uff41", "\u2013", "\u0131", "\u212a"]) {
    const shown = foreign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    expect(detailOf(`amused-oyster-velvet-crisp-lunar-${foreign}solid`)).toContain(`U+${shown}`);
    expect(detailOf(`my-own-code-of-2024-${foreign}-plus`)).toContain(`U+${shown}`);
  }
  expect(detailOf("\u202elobby")).toContain('"\\u{202e}" (U+202E)');
});

test("W3 a megabyte is refused at once", () => {
  for (const input of ["a".repeat(1 << 20), `${CODE}-`.repeat(1 << 15), "1".repeat(1 << 20)]) {
    expect(detailOf(input)).toBe(`it is longer than ${CODE_MAX_CHARACTERS} characters`);
  }
});

test("W3 any input is a code in full form or our fault", () => {
  const typed = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc
      .array(fc.constantFrom(...wordlist.slice(0, 99), "-", " ", "1", "ab"))
      .map((p) => p.join("-")),
  );
  fc.assert(
    fc.property(typed, (input) => {
      let code: Code;
      try {
        code = parseCode(input);
      } catch (error) {
        expect(error).toBeInstanceOf(FaultError);
        return;
      }
      expect(parseCode(code)).toBe(code);
    }),
    { numRuns: 300 },
  );
});

test("codes of one's own need length, a digit and variety", () => {
  const own = "our-garden-party-of-1987";
  expect(String(parseCode(own))).toBe(own);
  expect(String(parseCode(` ${own.toUpperCase()}\n`))).toBe(own);
  expect(abbreviateCode(parseCode(own))).toBe(own);
  expect(String(parseCode("0123456789abcdef0123456789abcdef"))).toHaveLength(32);
  expect(detailOf("short-code-of-2024")).toBe("a code of your own needs 20 characters, not 18");
  expect(detailOf("1212121212121212121212")).toContain("8 different characters");
  expect(detailOf("our garden party of 1987")).toContain('not " " (U+0020)');
  expect(detailOf("our-garden-party-of-1987!")).toContain('not "!" (U+0021)');
  expect(detailOf("our-garden-party-without-digit")).toContain("words");
});

test("words complete in the list's order", () => {
  expect(completeWord("vel")).toEqual(["velvet"]);
  expect(completeWord("ZO")).toEqual(["zone", "zoo"]);
  expect(completeWord("xq")).toEqual([]);
  expect(completeWord("")).toEqual([]);
});
