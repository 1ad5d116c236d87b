/** The codes that a sender may have: anyone who guesses a code can read the share. */
import { describe, expect, test } from "bun:test";
import { hostname } from "node:os";
import { send } from "fileshare";

import { checkSenderCode } from "../../../cli/send/sender-code.ts";
import type { SendWhat } from "../../../cli/job/jobs.ts";
import { LOBBY_CODE, makeCode, parseSenderCode } from "../../../protocol/code/code.ts";
import { OWN_CODE_BITS } from "../../../cli/send/code-strength.ts";
import { faultOf } from "../../support/faults.ts";

const TEXT: SendWhat = { from: "text", text: "hello" };

const detailOf = (code: string, what: SendWhat = TEXT): string =>
  faultOf(() => checkSenderCode(parseSenderCode(code), what), "weak-code").detail ?? "";

describe("a code that is a pattern is refused, and the error says which", () => {
  test.each([
    ["12345678901234567890", "a repeat"],
    ["abcdefghij1234567890", "a run"],
    ["13579246801357924680", "a repeat"],
    ["aaaaaaaabbbbbbbbccccccccdefgh1", "a repeat"],
    ["0123456789abcdef0123456789abcdef", "a repeat"],
    ["password-password-1234", "a repeat"],
    ["p4ssw0rd-p4ssw0rd-1234", "a repeat"],
    ["drowssap-letmein-123456", "a common word or password"],
    ["qwertyuiop1234567890", "a common word or password"],
    ["1qaz2wsx3edc4rfv5tgb", "a common word or password"],
    ["zxcvbnmasdfghjklqwertyuiop1", "a common word or password"],
    ["2024-01-31-2025-12-31-x", "a date or year"],
    ["january-february-march-2024", "a run"],
    ["amused-amused-amused-amused-1", "a repeat"],
    ["junk-code-1234567890abc", "a common word or password"],
  ])("%s", (code, reason) => {
    const detail = detailOf(code);
    expect(detail).toContain(reason);
    expect(detail).toContain(`2^${OWN_CODE_BITS}`);
  });
});

test("a code that is made of names that others know is refused", () => {
  const { USER } = process.env;
  process.env["USER"] = "wilhelmina";
  try {
    const own = `wilhelmina-${hostname()}-wilhelmina-1`.toLowerCase().replaceAll(/[^a-z0-9-]/g, "");
    expect(detailOf(own)).toContain("a name that others know");
    const paths = ["/srv/zebrafish-quarterly/krzyzewski-invoices.pdf"];
    const named = "krzyzewski-zebrafish-2024";
    checkSenderCode(parseSenderCode(named), TEXT);
    expect(detailOf(named, { from: "paths", paths })).toContain("a name that others know");
    expect(detailOf(named, { from: "stdin", name: "krzyzewski zebrafish" })).toContain("2^");
  } finally {
    if (USER === undefined) delete process.env["USER"];
    else process.env["USER"] = USER;
  }
});

test("words of the list that nobody drew are refused", () => {
  expect(detailOf("zoo-zoo-zoo-zoo-zoo-zoo")).toBe("its words repeat");
  expect(detailOf("zoo-velvet-crisp-zoo-velvet-crisp")).toBe("its words repeat");
  expect(detailOf("aban-abil-able-abou-abov-abse")).toContain("follow each other");
  expect(detailOf("zoo-zone-zero-zebra-youth-young")).toContain("follow each other");
  expect(detailOf("amused-oyster-velvet-crisp-lunar-solid")).toContain("printed");
  // Two that are alike, or side by side, come by chance.
  checkSenderCode(parseSenderCode("zoo-zoo-velvet-velvet-crisp-lunar"), TEXT);
  checkSenderCode(parseSenderCode("abandon-ability-velvet-zone-zoo-crisp"), TEXT);
});

test("a code that fileshare makes is never refused, nor is the lobby", () => {
  for (let i = 0; i < 10_000; i++) {
    checkSenderCode(
      makeCode((length) => crypto.getRandomValues(new Uint8Array(length))),
      TEXT,
    );
  }
  checkSenderCode(LOBBY_CODE, TEXT);
});

test("random letters and digits pass, and long sentences do", () => {
  for (const code of [
    "3f9a7c21d04be58866aa",
    "k7x2m9qp4w8r3t6y1z5v",
    "our-garden-party-of-1987",
    "mysecretpass-for-2-of-us-harbour",
    "9e107d9d372bb6826bd81d3542a419d6",
  ]) {
    checkSenderCode(parseSenderCode(code), TEXT);
  }
});

test("a source of random numbers that repeats itself makes no code", () => {
  faultOf(() => makeCode((length) => new Uint8Array(length)), "internal");
});

test("the library refuses a weak code before anything starts", () => {
  const work = (): unknown => send({ what: TEXT, code: "password-password-1234" });
  expect(faultOf(work, "weak-code").message).toContain("random words");
});
