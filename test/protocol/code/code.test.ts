import { describe, expect, test } from "bun:test";
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
  parseSenderCode,
  readCode,
  secretOf,
} from "../../../protocol/code/code.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { CODE_MAX_CHARACTERS, CODE_WORDS, SECRET_WORDS } from "../../../protocol/wire/limits.ts";
import { anyPoint } from "../../support/any-point.ts";
import { faultOf } from "../../support/faults.ts";

const SECRET = "amused-oyster-velvet-crisp-lunar-solid";
const CODE = `${SECRET}-worry` as Code;
const detailOf = (input: string): string => faultOf(() => parseCode(input), "bad-code").detail!;
const codes = fc
  .uint8Array({ minLength: 12, maxLength: 12 })
  .filter((bytes) => new Set(bytes).size > 8) // fewer repeat words: makeCode would draw again
  .map((bytes) => makeCode(() => bytes.slice()));

test("a new code has seven words of the list and is its own full form", () => {
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
  for (let n = 0; n < 2 ** 16; n += SECRET_WORDS) {
    const bytes = new Uint8Array(2 * SECRET_WORDS);
    for (let i = 0; i < SECRET_WORDS; i++) {
      // An odd factor reaches each number once, and words that are no neighbours in the list.
      new DataView(bytes.buffer).setUint16(2 * i, (n + i) * 40_503);
    }
    makeCode(() => bytes)
      .split("-")
      .slice(0, Math.min(SECRET_WORDS, 2 ** 16 - n))
      .forEach((word) => counts.set(word, (counts.get(word) ?? 0) + 1));
  }
  expect(counts.size).toBe(2048);
  expect([...new Set(counts.values())]).toEqual([2 ** 16 / 2048]);
});

test("a code reads alike in every form that people type", () => {
  const style = fc.record({
    cuts: fc.array(fc.nat(4), { minLength: 7, maxLength: 7 }),
    upper: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
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
  expect(abbreviateCode(CODE)).toBe("amus-oyst-velv-cris-luna-soli-worr");
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
  expect(detailOf("velvet")).toBe("it has 1 word, not 7");
  expect(detailOf("amused-oyster-velvet-crisp-lunar")).toBe("it has 5 words, not 7");
  expect(detailOf(SECRET)).toBe("it has 6 words, not 7: one is missing");
  expect(detailOf(`${CODE}-zoo`)).toBe("it has 8 words, not 7");
  expect(detailOf("lobby lobby")).toBe("it has 2 words, not 7");
});

test("W3 an unknown word is named, with the closest one", () => {
  const third = (word: string): string => detailOf(`amused-oyster-${word}-crisp-lunar-solid-worry`);
  expect(third("velvte")).toBe('word 3, "velvte", is not on the list (closest: "velvet")');
  expect(third("vel")).toBe('word 3, "vel", is not on the list (closest: "velvet")');
  expect(third("velvets")).toContain('(closest: "velvet")');
  expect(third("elvet")).toContain('(closest: "velvet")');
  expect(third("zo")).toContain('(closest: "zone")'); // three letters or fewer: whole words only
  expect(third("\u0007velvte\u001b")).toContain('word 3, "velvte"');
  expect(detailOf("amber otter velvet crisp lunar solid worry")).toContain('word 1, "amber"');
});

test("W3 a digit in a word code is a slip, not a code of one's own", () => {
  expect(detailOf("amused-oyster-velvet-crisp-lunar-so1id-worry")).toContain('(closest: "solid")');
  expect(detailOf("amus-0yst-velv-cr1s-luna-soli-worr")).toContain('word 2, "0yst"');
});

test("W3 letters that only look right are refused", () => {
  // A Cyrillic a, a dotless i, a Greek omicron, an e with an accent.
  for (const foreign of ["\u0430", "\u0131", "\u03bf", "\u00e9"]) {
    const shown = foreign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    expect(detailOf(CODE.replace("solid", `${foreign}solid`))).toContain(`U+${shown}`);
    expect(detailOf(`my-own-code-of-2024-${foreign}-plus`)).toContain(`U+${shown}`);
  }
});

test("W3 a megabyte is refused at once", () => {
  for (const input of ["a".repeat(1 << 20), `${CODE}-`.repeat(1 << 15), "1".repeat(1 << 20)]) {
    expect(detailOf(input)).toBe(`it is longer than ${CODE_MAX_CHARACTERS} characters`);
  }
});

test("W3 any input is a code in full form or our fault", () => {
  const typed = fc.oneof(
    fc.string({ unit: anyPoint, maxLength: 200 }),
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

test("the words complete in the list's order", () => {
  expect(completeWord("vel")).toEqual(["velvet"]);
  expect(completeWord("ZO")).toEqual(["zone", "zoo"]);
  expect(completeWord("xq")).toEqual([]);
  expect(completeWord("")).toEqual([]);
});

describe("the seventh word", () => {
  const apart = "the words do not belong together: one of them is mistyped or two are swapped";
  const places = fc.uniqueArray(fc.nat(CODE_WORDS - 1), { minLength: 2, maxLength: 2 });

  test("is made of the six, and is no part of the secret", () => {
    expect(secretOf(CODE)).toBe(SECRET);
    expect(secretOf(LOBBY_CODE)).toBe("lobby");
    const own = "our-garden-party-of-1987-and-more";
    expect(secretOf(parseCode(own))).toBe(own);
    // Computed by hand in another way: the sum of word * x^(7 - place), x^11 = x^2 + 1.
    expect(parseSenderCode("zoo abandon abandon abandon abandon abandon")).toBe(
      secondWay(["zoo", "abandon", "abandon", "abandon", "abandon", "abandon"]),
    );
    fc.assert(
      fc.property(codes, (code) => {
        const six = code.split("-").slice(0, SECRET_WORDS);
        expect(secondWay(six)).toBe(code);
        expect(parseSenderCode(six.join(" "))).toBe(code);
        expect(parseSenderCode(code)).toBe(code);
      }),
    );
  });

  test("tells every wrong word, in every place", () => {
    for (let place = 0; place < CODE_WORDS; place++) {
      for (const word of wordlist) {
        const parts = CODE.split("-");
        if (parts[place] === word) continue;
        expect(isTaken(parts.with(place, word))).toBe(false);
      }
    }
    fc.assert(
      fc.property(
        codes,
        fc.nat(CODE_WORDS - 1),
        fc.constantFrom(...wordlist),
        (code, place, word) => {
          const parts = code.split("-");
          fc.pre(parts[place] !== word);
          expect(detailOf(parts.with(place, word).join("-"))).toStartWith(apart);
        },
      ),
    );
  });

  test("tells any two words that are swapped", () => {
    fc.assert(
      fc.property(codes, places, (code, [one, other]) => {
        const parts = code.split("-");
        const [first, second] = [parts[one!]!, parts[other!]!];
        fc.pre(first !== second);
        const swapped = parts.with(one!, second).with(other!, first);
        expect(detailOf(swapped.join("-"))).toStartWith(apart);
      }),
    );
  });

  test("has a sentence for each side", () => {
    const wrong = CODE.replace("worry", "zoo");
    expect(detailOf(wrong)).toBe(`${apart}; compare them with the sender's screen`);
    expect(faultOf(() => parseSenderCode(wrong), "bad-code").detail).toBe(
      `${apart}; give the first 6 of a code of your own, and the last is added`,
    );
  });

  function isTaken(parts: readonly string[]): boolean {
    try {
      return parseCode(parts.join("-")) !== undefined;
    } catch {
      return false;
    }
  }

  function secondWay(six: readonly string[]): Code {
    let sum = 0;
    for (const [i, word] of six.entries()) {
      let product = wordlist.indexOf(word) << (SECRET_WORDS - i);
      for (let bit = 20; bit >= 11; bit--) {
        if ((product >> bit) & 1) product ^= 0b1000_0000_0101 << (bit - 11);
      }
      sum ^= product;
    }
    return [...six, wordlist[sum]].join("-") as Code;
  }
});

describe("a code is found in what people paste", () => {
  const spaced = CODE.replaceAll("-", " ");
  const wide = CODE.replaceAll(/[a-z]/g, (letter) => {
    return String.fromCodePoint(letter.codePointAt(0)! + 0xfee0);
  });
  test.each([
    [`"${CODE}"`],
    [`'${spaced}'`],
    [`\u201c${CODE}\u201d`],
    [`\u201e${spaced}\u201c.`],
    [`\u00ab ${CODE} \u00bb`],
    [`\u300c${CODE}\u300d`],
    [`\`${CODE}\``],
    [`\`\`\`\n${CODE}\n\`\`\``],
    [`**${CODE}**`],
    [`> ${CODE}`],
    [`(${CODE})`],
    [`${CODE}.`],
    [`${CODE}!`],
    [CODE.replaceAll("-", ", ")],
    [CODE.replaceAll("-", ",")],
    [CODE.replaceAll("-", "/")],
    [CODE.replaceAll("-", "\t")],
    [CODE.replaceAll("-", "\r\n")],
    [CODE.replaceAll("-", "-\n  ")],
    [CODE.replaceAll("-", "\u2028")],
    [CODE.replaceAll("-", "\u00a0")],
    [CODE.replaceAll("-", "\u3000")],
    [CODE.replaceAll("-", "\u2013")],
    [CODE.replaceAll("-", " \u2014 ")],
    [CODE.replaceAll("-", "\u2011")],
    [CODE.replaceAll("-", "\u2212")],
    [CODE.replaceAll("-", "\u00ad")],
    [CODE.replaceAll("-", "\u00ad-")],
    [CODE.replaceAll("-", "\u200b-\u200b")],
    [CODE.replace("velvet", "vel\u00advet").replace("solid", "so\u200blid")],
    [`\ufeff${CODE}\u200e`],
    [`\u202a${CODE}\u202c`],
    [`\u001b[1m${CODE}\u001b[0m`],
    [`\u001b[200~${CODE}\u001b[201~`],
    [CODE.toUpperCase()],
    [wide],
    [`Code: ${CODE}`],
    [`CODE=${CODE}`],
    [`The code is: ${spaced}.`],
    [`Here it is:\n\n  ${CODE}\n\nSee you at 8!`],
    [CODE.replaceAll("-", ", ").replace("worry", "and worry")],
    [`1 amused 2 oyster 3 velvet 4 crisp 5 lunar 6 solid 7 worry`],
    [`Code: ${CODE} (valid until 5 pm)`],
    [`{"event":"code","code":"${CODE}","channel":"00ff"}`],
    [`<b>${CODE}</b>`],
    [`&quot;${CODE.replaceAll("-", "&nbsp;")}&quot;`],
    [CODE.replaceAll("-", "%20")],
    [CODE.replaceAll("-", "%2D")],
    [CODE.replace("velvet", "vel\nvet")],
    [CODE.replace("velvet", "vel=\r\nvet")],
    [`> ${CODE.replace("velvet-", "vel\n> vet-")}`],
    [CODE.toUpperCase().replaceAll("I", "\u0130")],
    [`1. amused 2. oyster 3. velvet 4. crisp 5. lunar 6. solid 7. worry`],
    [`fileshare recv ${CODE}`],
    [`$ fileshare recv ${CODE}`],
    [`# fileshare recv '${spaced}' --out downloads --yes`],
    [`fileshare recv --yes --name ada ${spaced} --limit=2MiB`],
    [`fileshare recv --stdout ${CODE} | tar x`],
    [`fileshare recv ${CODE} > big.iso`],
    [`bunx fileshare recv ${CODE}`],
    [`npx -y fileshare@1.2.3 recv ${CODE};`],
    [`/usr/local/bin/fileshare key ${CODE}`],
    [`recv ${CODE}`],
    [`FILESHARE_CODE=${CODE} fileshare send big.iso`],
    [`export FILESHARE_CODE="${spaced}"`],
    [`$env:FILESHARE_CODE='${CODE}'; fileshare recv`],
    [`fileshare send --code ${CODE} big.iso`],
    [`Code: ${CODE}\n\nOn the other side, run:\n  fileshare recv ${CODE}\n\nWaiting`],
  ])("%j", (text) => {
    expect(readCode(text)).toEqual({ code: CODE, relay: undefined });
  });

  test.each([
    [`https://relay.example/#${CODE}`, "https://relay.example/"],
    [`<https://relay.example/base/#${CODE}>.`, "https://relay.example/base/"],
    [`See http://127.0.0.1:8000/#${CODE.replaceAll("-", "%20")}, please`, "http://127.0.0.1:8000/"],
    [
      `https://guard.example/?url=https%3A%2F%2Fr.example%2F%23${CODE}&data=05`,
      "https://r.example/",
    ],
    [`fileshare recv ${CODE} --relay wss://relay.example`, "wss://relay.example"],
    [`fileshare recv --relay=ws://[::1]:8000 ${spaced}`, "ws://[::1]:8000"],
    [`fileshare recv \u2014relay \u201cws://x:1\u201d ${CODE}`, "ws://x:1"],
    [`--relay ws://x:1 ${CODE}`, "ws://x:1"],
    [`FILESHARE_RELAY=ws://x:1 FILESHARE_CODE=${CODE} fileshare recv --yes`, "ws://x:1"],
  ])("%j, with its relay", (text, relay) => {
    expect(readCode(text)).toEqual({ code: CODE, relay });
  });

  test("also when it is the lobby's or a person's own", () => {
    const own = "our-garden-party-of-1987" as Code;
    for (const [text, code] of [
      ["fileshare recv --lobby", LOBBY_CODE],
      ['"Lobby".', LOBBY_CODE],
      ["https://relay.example/#lobby", LOBBY_CODE],
      [`\u201c${own}\u201d.`, own],
      [`fileshare recv ${own} --yes`, own],
      [`https://relay.example/#${own}`, own],
      [own.replaceAll("-", "\u2011"), own],
      [`our-garden-\nparty-of-1987`, own],
    ] as const) {
      expect(readCode(text).code).toBe(code);
    }
  });

  test("a person's own stands after a label of 30 characters, and a longer one is a sentence", () => {
    const own = "our-garden-party-of-1987" as Code;
    expect(readCode(`${"a".repeat(30)}: ${own}`).code).toBe(own);
    faultOf(() => readCode(`${"a".repeat(31)}: ${own}`), "bad-code");
  });

  test("the lobby or a person's own is no part of a text about other things", () => {
    const wrong = CODE.replace("worry", "zoo");
    for (const text of [`${wrong}\nlobby`, `Code: ${wrong}\nRoom: lobby`, `${wrong} or: lobby`]) {
      expect(faultOf(() => readCode(text), "bad-code").detail).not.toBe("it is empty");
    }
    // More words of the list around them, and it is not known which ones are meant.
    faultOf(() => readCode(`take ${spaced} zoo please`), "bad-code");
    faultOf(() => readCode(`${wrong}\nour-garden-party-of-1987`), "bad-code");
    // Six words of a line of it are not given their check.
    faultOf(() => parseSenderCode(`${SECRET}\nworry2`), "bad-code");
  });

  test("a command for a file names no code", () => {
    faultOf(() => readCode("fileshare send big.iso"), "bad-code");
    faultOf(() => readCode("fileshare recv"), "bad-code");
    faultOf(() => readCode("https://relay.example/"), "bad-code");
  });
});
