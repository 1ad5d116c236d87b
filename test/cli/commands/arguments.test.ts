import { describe, expect, test } from "bun:test";

import type { ArgsDef } from "citty";

import { key } from "../../../cli/commands/local-commands.ts";
import { recv } from "../../../cli/commands/transfer-commands.ts";
import { VALUE_OPTIONS } from "../../../protocol/code/code-text.ts";
import { checkArgs, suggest } from "../../../cli/arguments/command-line.ts";
import { relayAddress } from "../../../cli/connection/relay-address.ts";
import { completeCode } from "../../../cli/commands/code-input.ts";
import { chooseRelay, receiveCommand } from "../../../cli/connection/relay-choice.ts";
import { shellLine, shellQuote } from "../../../cli/system/shell.ts";
import { parseRate, parseSeconds, parseWhole } from "../../../cli/arguments/values.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";

/** The code and detail that `call` throws; undefined when it throws nothing. */
function fault(call: () => unknown): { code: string; detail: string | undefined } | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { code: error.code, detail: error.detail };
  }
}

function wordsOf(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}

describe("the check of arguments", () => {
  const args = {
    file: { type: "positional", required: false },
    receivers: { type: "string" },
    relay: { type: "string" },
    stay: { type: "boolean" },
    "connect-timeout": { type: "string" },
  } as const satisfies ArgsDef;

  test.each([
    "",
    "a.bin",
    "a.bin --stay",
    "--stay a.bin",
    "--no-stay",
    "--receivers 3 a.bin",
    "--receivers=3",
    "--relay=",
    "--relay=-x",
    "--connect-timeout 5",
    "-",
    "-- --stay",
    "--stay -- -",
  ])("takes %j", (line) => {
    expect(fault(() => checkArgs(wordsOf(line), args))).toBeUndefined();
  });

  test.each([
    ["--recievers 3", "there is no option --recievers (did you mean --receivers?)"],
    ["--rec 3", "there is no option --rec (did you mean --receivers?)"],
    ["--recievers=3", "there is no option --recievers (did you mean --receivers?)"],
    ["--connectTimeout 3", "there is no option --connectTimeout (did you mean --connect-timeout?)"],
    ["--no-relay", "there is no option --no-relay (did you mean --relay?)"],
    ["-stay", "there is no option -stay (did you mean --stay?)"],
    ["-s", "there is no option -s"],
    ["--file x", "there is no option --file"],
    ["--constructor", "there is no option --constructor"],
    ["--__proto__", "there is no option --__proto__"],
    ["--vresion", "there is no option --vresion (did you mean --version?)"],
    ["--stay=yes", "--stay takes no value"],
    ["--receivers", "--receivers needs a value"],
    ["--receivers -1", "--receivers needs a value, not -1 (if that is the value: --receivers=-1)"],
    ["--relay --stay", "--relay needs a value, not --stay (if that is the value: --relay=--stay)"],
    ["a b", '"b" is one word too many (quote a name with spaces in it)'],
    ["a -- -b", '"-b" is one word too many (quote a name with spaces in it)'],
  ])("refuses %j", (line, detail) => {
    expect(fault(() => checkArgs(wordsOf(line), args))).toEqual({ code: "usage", detail });
  });
});

describe("suggestions", () => {
  const names = ["send", "recv", "relay"];

  test.each([
    ["sned", "send"],
    ["SEND", "send"],
    ["recvv", "recv"],
    ["realy", "relay"],
    ["rel", "relay"],
    ["re", undefined],
    ["x", undefined],
    ["", undefined],
    ["frobnicate", undefined],
    ["s".repeat(1_000_000), undefined],
  ])("for %s", (typed, meant) => {
    expect(suggest(typed, names)).toBe(meant);
  });
});

describe("values", () => {
  test.each([
    ["8MiB", 8 * 1024 ** 2],
    ["8mib", 8 * 1024 ** 2],
    ["8Mi", 8 * 1024 ** 2],
    ["500k", 500_000],
    ["500 kB/s", 500_000],
    ["1.5GB", 1_500_000_000],
    ["0.1MiB", 104_857],
    ["65536", 65_536],
    ["65536B", 65_536],
    ["2T", 2_000_000_000_000],
  ])("rate %s", (text, rate) => {
    expect(parseRate("--limit", text)).toBe(rate);
  });

  test.each(
    ["", "k", "fast", "-8M", "8MM", "8 M iB", "1e9", "NaN", "Infinity", "0", "1", "65535"]
      .concat(["9".repeat(40), "999999999999999T", "8Mbit", "8,5M", "٣M", "8M\n"])
      .map((text) => [text]),
  )("no rate: %j", (text) => {
    expect(fault(() => parseRate("--limit", text))?.code).toBe("usage");
  });

  test.each([
    ["1", 1],
    ["007", 7],
    ["10", 10],
  ])("whole number %s", (text, value) => {
    expect(parseWhole("--receivers", text, 1, 10)).toBe(value);
  });

  test.each(
    ["0", "11", "", "-1", "+1", "1.0", "1e1", "0x5", " 5", "five", "1n", "9".repeat(30)].map(
      (text) => [text],
    ),
  )("no whole number: %j", (text) => {
    expect(fault(() => parseWhole("--receivers", text, 1, 10))).toEqual({
      code: "usage",
      detail: `--receivers takes a whole number from 1 to 10, not "${text}"`,
    });
  });

  test("seconds", () => {
    expect(parseSeconds("--connect-timeout", "0.5", 60_000)).toBe(500);
    expect(parseSeconds("--connect-timeout", "60", 60_000)).toBe(60_000);
    for (const text of ["0", "61", "-1", "1e3", "", "x", ".5", "Infinity"]) {
      expect(fault(() => parseSeconds("--connect-timeout", text, 60_000))?.code).toBe("usage");
    }
  });
});

describe("the address of the relay", () => {
  test.each([
    ["ws://127.0.0.1:8000", "ws://127.0.0.1:8000/ws"],
    ["wss://relay.example", "wss://relay.example/ws"],
    ["http://relay.example:8000/", "ws://relay.example:8000/ws"],
    ["HTTPS://Relay.Example", "wss://relay.example/ws"],
    ["relay.example:9000", "ws://relay.example:9000/ws"],
    ["relay.example", "ws://relay.example/ws"],
    ["ws://[::1]:8000", "ws://[::1]:8000/ws"],
    ["ws://host/ws", "ws://host/ws"],
    ["ws://host/ws/", "ws://host/ws"],
    ["wss://host/behind/a/proxy", "wss://host/behind/a/proxy/ws"],
  ])("%s", (given, address) => {
    expect(relayAddress(given)).toBe(address);
  });

  test.each(
    ["", "ftp://host", "file:///etc/passwd", "ws://", "http://", "ws://host:99999", "ws://host?a=1"]
      .concat(["ws://host#x", "javascript://x", "ws://a b"])
      .map((given) => [given]),
  )("refuses %j", (given) => {
    expect(fault(() => relayAddress(given))?.code).toBe("bad-relay-address");
  });

  test("is part of the command for the other side unless it is the usual one", () => {
    const other = chooseRelay("http://10.0.0.5:9000");
    expect(receiveCommand("a-b", false, other)).toBe(
      "fileshare recv a-b --relay ws://10.0.0.5:9000",
    );
    const usual = chooseRelay("ws://127.0.0.1:8000/");
    expect(receiveCommand("a-b", false, usual)).toBe("fileshare recv a-b");
    expect(receiveCommand("lobby", true, usual)).toBe("fileshare recv --lobby");
    expect(receiveCommand("a-b", false, chooseRelay("ws://[::1]:8000"))).toBe(
      "fileshare recv a-b --relay 'ws://[::1]:8000'",
    );
  });
});

describe("command lines to copy", () => {
  test.each([
    ["big.iso", "big.iso"],
    ["a b", "'a b'"],
    ["it's", `'it'\\''s'`],
    ["", "''"],
    ["$(rm -rf ~)", "'$(rm -rf ~)'"],
    ["~/x", "'~/x'"],
    ["a\nb", "'a\nb'"],
  ])("%j", (word, quoted) => {
    expect(shellQuote(word)).toBe(quoted);
  });

  test("mean to a shell what they say", () => {
    const words = ["a b", "it's", "$HOME", "`id`", "*", "\\", "!!", "#", "é", "-n"];
    const { stdout } = Bun.spawnSync(["sh", "-c", `printf '%s\\0' ${shellLine(words)}`]);
    expect(stdout.toString().split("\0").slice(0, -1)).toEqual(words);
  });
});

describe("the completion of codes", () => {
  test.each([
    ["aban", ["abandon-"], "aban"],
    ["zoo-aban", ["abandon-"], "aban"],
    ["zoo zoo zoo zoo zoo zoo aban", ["abandon"], "aban"],
    ["zo", ["zone", "zoo"], "zo"],
    ["qqq", [], "qqq"],
    ["", [], ""],
    ["zoo-", [], ""],
  ])("of %j puts the next mark after a sole word", (typed, words, last) => {
    expect(completeCode(typed)).toEqual([words, last]);
  });
});

test("the options that a pasted command may hold are known, as their values are no part of a code", () => {
  for (const { args } of [recv, key]) {
    for (const [name, { type }] of Object.entries(args)) {
      if (type === "string") expect(VALUE_OPTIONS).toContain(name);
    }
  }
});
