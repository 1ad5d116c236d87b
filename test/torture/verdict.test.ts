/** Made-up histories: that of a round in which all went well, and what each wrong turn is called. */
import { describe, expect, test } from "bun:test";
import type { ClientEvent } from "../../cli/mod.ts";
import { CONFIRM_MS } from "../../protocol/mod.ts";
import type { Entry, Happening } from "./history.ts";
import { violations } from "./verdict.ts";

const BYTES = 1000;
const RIGHT = "5a";
const copy = (who: string, sha256 = RIGHT) => ({ path: `/${who}/a.bin`, bytes: BYTES, sha256 });

function begin(...names: string[]): Happening[] {
  const receivers = names.map((name) => ({ name, limit: undefined, from: 0, tight: false }));
  return [
    { what: "plan", seed: "1", plan: { round: 1, name: "a.bin", bytes: BYTES, receivers } },
    { what: "source", path: "/a.bin", bytes: BYTES, sha256: RIGHT },
    { what: "start", who: "relay", pid: 1 },
    { what: "start", who: "sender", pid: 2 },
  ];
}

const start = (who: string): Happening => ({ what: "start", who, pid: 3 });
const tell = (who: string, event: ClientEvent): Happening => ({ what: "event", who, event });
const progress = (who: string, bytes: number): Happening =>
  tell(who, { event: "progress", bytes, size: BYTES });
const resumed = (who: string, bytes: number): Happening =>
  tell(who, { event: "resumed", bytes, size: BYTES });
const failed = (who: string, code: "disk-full" | "replaced" | "some-failed"): Happening =>
  tell(who, { event: "error", code, message: "" });

type Exit = Extract<Happening, { what: "exit" }>;
function exit(who: string, end: Partial<Exit> = {}): Happening {
  return {
    what: "exit",
    who,
    pid: 3,
    exitCode: 0,
    signal: undefined,
    reason: undefined,
    stderr: "",
    ...end,
  };
}
const killed = (who: string): Happening =>
  exit(who, { exitCode: undefined, signal: "SIGKILL", reason: "killed" });

const share = (id: string): Happening =>
  tell("sender", { event: "code", code: "c", channel: "00", share: id, kept: true });

const saved = (who: string): Happening =>
  tell(who, { event: "saved", path: `/${who}/a.bin`, bytes: BYTES });
const done = (who: string, receivers?: number): Happening => {
  const event = { event: "done", bytes: BYTES, seconds: 1 } as const;
  return tell(who, receivers === undefined ? event : { ...event, receivers });
};
const skipped = (who: string): Happening => tell(who, { event: "skipped", files: 1, bytes: BYTES });
const finished = (who: string): Happening[] => [saved(who), done(who), exit(who)];
const copies = (who: string): Happening => ({ what: "copies", who, copies: [copy(who)] });
const known = (name: string): Happening =>
  tell("sender", { event: "receiver", id: name, name, state: "done", records: 1, done: true });
const ended = (receivers = 1): Happening[] => [done("sender", receivers), exit("sender")];

const entry = (happening: Happening, at: number): Entry => ({ at, ...happening });
const verdict = (...happenings: (Happening | Happening[])[]): string[] =>
  violations(happenings.flat().map(entry));

describe("nothing is wrong with", () => {
  const rest = [known("a"), ended(), copies("a")];
  test.each<[string, (Happening | Happening[])[]]>([
    ["a plain share", [begin("a"), start("a"), finished("a"), ...rest]],
    [
      "a receiver that was killed and went on",
      [
        [begin("a"), start("a"), progress("a", 500), killed("a"), start("a"), resumed("a", 600)],
        [finished("a"), ...rest.flat()],
      ].flat(),
    ],
    [
      "a full disk",
      [
        [begin("a"), start("a"), { what: "disk", who: "a", full: true }],
        [failed("a", "disk-full"), exit("a", { exitCode: 1 })],
        [{ what: "disk", who: "a", full: false }, start("a"), finished("a"), ...rest.flat()],
      ].flat() as Happening[],
    ],
    [
      "one that was killed in its last moment",
      [
        [begin("a"), start("a"), saved("a"), killed("a"), { what: "placed", who: "a" }],
        [known("a"), copies("a"), failed("sender", "some-failed"), done("sender", 1)],
        [exit("sender", { exitCode: 3 })],
      ].flat() as Happening[],
    ],
    [
      "one that was killed in its last moment, and finds its file there",
      [
        [begin("a"), start("a"), saved("a"), killed("a"), { what: "placed", who: "a" }],
        [start("a"), skipped("a"), done("a"), exit("a"), ...rest.flat()],
      ].flat() as Happening[],
    ],
    [
      "a relay that was killed, and one that was told to end",
      [
        begin("a"),
        killed("relay"),
        exit("relay", { reason: "told" }),
        start("a"),
        finished("a"),
      ].concat(rest),
    ],
  ])("%s", (_, happenings) => {
    expect(verdict(...happenings)).toEqual([]);
  });

  test("a receiver whose receipt found nobody", () => {
    const happenings = [begin("a"), start("a"), finished("a"), copies("a")].flat();
    const entries = happenings.map((each, at) => entry(each, at * CONFIRM_MS));
    const end = exit("sender", { exitCode: 130, reason: "told" });
    expect(violations([...entries, entry(end, 9 * CONFIRM_MS)])).toEqual([]);
  });
});

describe("it is wrong that", () => {
  const rest = [known("a"), ended()].flat();
  const good = [begin("a"), start("a"), finished("a"), copies("a"), rest].flat();
  const without = (...left: Happening[]): Happening[] =>
    good.filter((each) => !left.some((one) => Bun.deepEquals(one, each)));
  const instead = (from: Happening, ...to: Happening[]): Happening[] =>
    good.flatMap((each) => (Bun.deepEquals(each, from) ? to : [each]));
  const wrong: Happening = { what: "copies", who: "a", copies: [copy("a", "00")] };

  test.each<[string, Happening[], string]>([
    ["a copy differs", instead(copies("a"), wrong), "a has a wrong copy: /a/a.bin, 1000 bytes"],
    [
      "a copy is missing",
      instead(copies("a"), { what: "copies", who: "a", copies: [] }),
      "a has not saved /a/a.bin",
    ],
    ["one ends well without a file", without(saved("a")), "a ended well and saved nothing"],
    [
      "one fails that was left alone",
      instead(exit("a"), failed("a", "replaced"), exit("a", { exitCode: 1 })),
      "a failed with 1, replaced",
    ],
    [
      "one says that a disk is full that is not",
      instead(exit("a"), failed("a", "disk-full"), exit("a", { exitCode: 1 })),
      "a failed with 1, disk-full",
    ],
    [
      "an exit code is none of ours",
      instead(exit("a"), exit("a", { exitCode: 7 })),
      "a ended with 7, which nothing explains",
    ],
    [
      "one dies of a signal",
      instead(exit("a"), exit("a", { exitCode: undefined, signal: "SIGSEGV" })),
      "a died of SIGSEGV",
    ],
    [
      "one writes to stderr",
      instead(exit("a"), exit("a", { stderr: "oh" })),
      "a wrote to stderr: oh",
    ],
    [
      "the relay shows a stack",
      [...good, exit("relay", { reason: "told", stderr: "x\n    at f (/a.ts:1:2)\n" })],
      "relay wrote to stderr",
    ],
    ["the relay ends", [...good, exit("relay", { exitCode: 1 })], "the relay ended by itself: 1"],
    ["one never ends", without(exit("a")), "a never ended"],
    ["one is late", [...good, { what: "late", who: "a" }], "a did not finish in time"],
    [
      "one begins anew",
      instead(
        start("a"),
        start("a"),
        progress("a", 500),
        killed("a"),
        start("a"),
        resumed("a", 400),
      ),
      "a had 500 bytes and went on from 400",
    ],
    [
      "a partial is left",
      [...good, { what: "left over", who: "a", names: ["a.partial"] }],
      "a left a.partial",
    ],
    ["the sender misses one", without(known("a")), "the sender knows nothing of a"],
    [
      "the sender fails",
      instead(exit("sender"), failed("sender", "some-failed"), exit("sender", { exitCode: 3 })),
      "the sender ended with 3, some-failed",
    ],
    [
      "the sender counts too few",
      instead(done("sender", 1), done("sender", 0)),
      "the sender ended well with 0 receivers of 1",
    ],
    [
      "a sender that was killed began anew",
      instead(
        exit("sender"),
        share("01"),
        killed("sender"),
        start("sender"),
        share("02"),
        exit("sender"),
      ),
      "the sender was run again, and began another share",
    ],
    [
      "the sender could keep nothing",
      instead(exit("sender"), tell("sender", { event: "unkept", share: "01" }), exit("sender")),
      "the sender kept nothing",
    ],
    ["the sender never ends", without(exit("sender")), "the sender never ended"],
  ])("%s", (_, happenings, expected) => {
    const found = verdict(happenings);
    expect(found.some((each) => each.startsWith(expected))).toBe(true);
  });

  test("nothing happened", () => {
    expect(violations([])).toEqual(["the round did not begin"]);
  });
});
