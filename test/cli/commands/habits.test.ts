/** Small habits that people bring with them from other programs. */
import { describe, expect, test } from "bun:test";

import { checkArgs } from "../../../cli/arguments/command-line.ts";
import { runCommandLine } from "../../../cli/commands/dispatcher.ts";
import { aliases, calledBy, commands } from "../../../cli/commands/registry.ts";
import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import { ownName } from "../../../cli/library/library.ts";
import { noSuchCommand } from "../../../cli/commands/no-such-command.ts";
import { asciiMarks, showsUtf8 } from "../../../cli/screen/style.ts";
import { PlainScreen, QuietScreen } from "../../../cli/screen/plain.ts";
import { unknownVariables } from "../../../cli/arguments/environment.ts";
import { variableFor } from "../../../cli/arguments/settings.ts";
import { run } from "../../support/clients/program.ts";
import { environment } from "../../support/clients/own-state.ts";
import { RECEIVER, SEND, SENDER, receiver } from "../../support/clients/stories.ts";

const MiB = 1024 * 1024;

async function settable(word: string): Promise<string[]> {
  return ((await commands[word]?.())?.settable ?? []).map(variableFor);
}

describe("names of commands", () => {
  test.each(Object.entries(aliases))("%s is %s", async (alias, name) => {
    const called = calledBy([alias, "x"]);
    expect(called?.length).toBe(1);
    expect((await called?.load())?.name).toBe(`fileshare ${name}`);
  });

  test.each([
    [["sned", "x"], /did you mean fileshare send x\?/],
    [["resv"], /did you mean recv\?/],
    [["download"], /did you mean recv\?/],
    [["no-such/big.iso"], /did you mean fileshare send no-such\/big\.iso\?/],
    [["constructor"], /there is no command "constructor"/],
    [["frobnicate"], /there is no command "frobnicate"/],
    [["big.iso"], /there is no command "big\.iso" \(did you mean fileshare send big\.iso\?\)$/],
    [["my file.txt", "b.txt"], /did you mean fileshare send 'my file\.txt' b\.txt\?/],
    [
      ["one-two-three-four-five-six-seven"],
      /^a code is no command \(did you mean fileshare recv CODE\?\)$/,
    ],
    [["one", "two", "three", "four", "five", "six", "seven"], /fileshare recv CODE\?\)$/],
    [["one", "two", "three", "four", "five", "six", "--yes"], /fileshare recv CODE\?\)$/],
    [["https://relay.example/#one-two"], /fileshare recv LINK\?\)$/],
    [["upload", "a.txt"], /did you mean fileshare send a\.txt\?/],
    [["ls"], /did you mean list\?/],
    [["rm", "2"], /did you mean fileshare forget 2\?/],
    [["version"], /fileshare --version prints the version/],
    [["fileshare", "send", "a.txt"], /begins with fileshare twice/],
    [["xyzzy", "plugh"], /fileshare send PATH sends, fileshare recv receives/],
  ])("%j leads to a command that can be run", (words, message) => {
    expect(noSuchCommand(words, Object.keys(commands))).toMatch(message);
  });
});

describe("options of one letter", () => {
  const sending = { exclude: { type: "string" }, qr: { type: "boolean" } } as const;
  const receiving = { out: { type: "string" }, yes: { type: "boolean" } } as const;

  test.each([
    [["-r", "folder"], sending, "folders are sent with all that is in them without it"],
    [["-o", "x"], receiving, "did you mean --out?"],
    [["-y"], receiving, "did you mean --yes?"],
    [["-z"], receiving, /there is no option -z(?!.*did you mean)/],
  ])("%j is explained", (raw, args, message) => {
    expect(() => checkArgs(raw, args)).toThrow(message);
  });
});

describe("variables of the environment", () => {
  test("get a warning if fileshare has no such variable, with the name that was meant", async () => {
    const env = { FILESHARE_RELY: "x", FILESHARE_LIMT: "1", FILESHARE_QQQQQQQQ: "1", HOME: "/" };
    const all = async () => [...(await settable("send")), ...(await settable("recv"))];
    expect(await unknownVariables(env, [], all)).toEqual([
      "FILESHARE_RELY is no variable of fileshare (did you mean FILESHARE_RELAY?)",
      "FILESHARE_LIMT is no variable of fileshare (did you mean FILESHARE_LIMIT?)",
      "FILESHARE_QQQQQQQQ is no variable of fileshare",
    ]);
  });

  test("of other commands, and empty ones, are none", async () => {
    const env = { FILESHARE_STAY: "1", FILESHARE_CODE: "x", FILESHARE_OLD: "" };
    expect(await unknownVariables(env, [], () => settable("send"))).toEqual([]);
  });

  test("are warned about on stderr, also with --json", async () => {
    const env = { FILESHARE_TOKN: "x" };
    const { exitCode, err } = await run(["list", "--json"], { env });
    expect(exitCode).toBe(0);
    expect(err).toBe(
      "fileshare: FILESHARE_TOKN is no variable of fileshare (did you mean FILESHARE_TOKEN?)\n",
    );
  });
});

describe("where the locale is not UTF-8", () => {
  test.each([
    [{ LANG: "C.UTF-8" }, "linux", true],
    [{ LANG: "de_DE.utf8" }, "linux", true],
    [{ LC_ALL: "C", LANG: "C.UTF-8" }, "linux", false],
    [{ LC_ALL: "", LC_CTYPE: "C.UTF-8", LANG: "C" }, "linux", true],
    [{ LANG: "de_DE.ISO-8859-1" }, "darwin", false],
    [{}, "linux", false],
    [{}, "darwin", true],
  ] as const)("%j on %s: %p", (env, platform, is) => {
    expect(showsUtf8(env, platform)).toBe(is);
  });

  test("bars and marks are ASCII, as wide", () => {
    expect(asciiMarks("a ██░░ 50 % long na…")).toBe("a ##-- 50 % long na~");
  });
});

test("--quiet prints a text once", () => {
  let out = "";
  const screen = new QuietScreen(RECEIVER, { out: (text) => (out += text), err: () => undefined });
  screen.show({ event: "text", text: "hello" });
  expect(out).toBe("hello\n");
});

test("--quiet prints which receivers a send that is stopped leaves, where errors go", () => {
  let err = "";
  const screen = new QuietScreen(SENDER, { out: () => undefined, err: (text) => (err += text) });
  screen.show({
    event: "summary",
    complete: 1,
    partial: 0,
    nothing: 0,
    receivers: [],
    more: 0,
    wanted: 2,
  });
  expect(err).toBe("1 of 2 receivers has everything, 1 did not come\n");
});

test("plain lines tell positions at most each 10 s, and what changes at once", () => {
  let now = 0;
  const lines: string[] = [];
  const screen = new PlainScreen(SENDER, {
    out: (text) => void lines.push(text.trimEnd()),
    err: () => undefined,
    now: () => now,
  });
  for (const event of SEND.slice(1, 3)) screen.show(event);
  lines.length = 0;
  for (let second = 1; second <= 60; second++) {
    now += 1000;
    const bytes = (second * 100 * MiB) / 60;
    const progress: ClientEvent = { event: "progress", bytes, size: 100 * MiB };
    screen.show(progress);
    for (const id of ["anna", "bob", "carl"]) screen.show(receiver(id, "live", second));
  }
  expect(lines.filter((line) => /^(?:anna|bob|carl): receiving, \d %$/.test(line))).toHaveLength(3);
  expect(lines.length).toBeLessThanOrEqual(3 + 6 + 1);
});

test("a receiver without a user is called as its host", () => {
  using _ = environment({ USER: undefined, LOGNAME: undefined, USERNAME: undefined });
  expect(ownName()).toMatch(/^[^@\s]+$/);
});

test("an alias runs its command", async () => {
  expect(await runCommandLine(["rx", "--no-such-option"])).toBe(2);
});
