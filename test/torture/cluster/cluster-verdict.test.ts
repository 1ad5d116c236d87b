/** Made-up histories of a cluster: of a round in which all went well, and what each wrong turn is called. */
import { describe, expect, test } from "bun:test";
import type { ClientEvent } from "../../../cli/mod.ts";
import type { Entry, Happening } from "../history.ts";
import type { Content } from "./plan.ts";
import { clusterViolations } from "./cluster-verdict.ts";
import { BESIDE_BYTES, RELAY_MEMORY_BYTES } from "./limits.ts";

const BYTES = 1000;
const SHA256 = "5a";
const copy = { path: "/a/a.bin", bytes: BYTES, sha256: SHA256 };

const start = (who: string): Happening => ({ what: "start", who, pid: 3 });
const tell = (who: string, event: ClientEvent): Happening => ({ what: "event", who, event });
const exit = (who: string, end: Partial<Extract<Happening, { what: "exit" }>> = {}): Happening => {
  const usual = { exitCode: 0, signal: undefined, reason: undefined, stderr: "" };
  return { what: "exit", who, pid: 3, ...usual, ...end };
};
const killed = (who: string): Happening =>
  exit(who, { exitCode: undefined, signal: "SIGKILL", reason: "killed" });
const heard = (code: "going-away" | "line-stuck" | "bad-message"): Happening =>
  tell("a", { event: "relay", url: "ws://r", online: false, code, message: "" });
const reported = (event: string): Happening => ({ what: "said", who: "relay-1", line: { event } });
const crossed = (bytes: number, times: number): Happening => {
  return { what: "crossed", who: "relay-1", bytes, times };
};

const begin = (content: Content): Happening[] => {
  const receivers = [{ name: "a", limit: undefined, from: 0, tight: false }];
  const plan = { round: 1, name: "a.bin", bytes: BYTES, receivers, content };
  return [{ what: "plan", seed: "1", plan }, { what: "source", ...copy }, start("sender")];
};
const copies = (...all: (typeof copy)[]): Happening => ({ what: "copies", who: "a", copies: all });
const ended: Happening[] = [
  tell("sender", { event: "receiver", id: "a", name: "a", state: "done", records: 1, done: true }),
  tell("sender", { event: "done", bytes: BYTES, seconds: 1, receivers: 1 }),
  exit("sender"),
];
const received: Happening[] = [
  start("a"),
  tell("a", { event: "saved", path: copy.path, bytes: BYTES }),
  tell("a", { event: "done", bytes: BYTES, seconds: 1 }),
  exit("a"),
  copies(copy),
];
const good: Happening[] = [...begin("file"), ...received, ...ended];
/** It was killed, came again, and found that what it needs is gone. */
const missed = (content: Content, ...again: Happening[]): Happening[] => [
  ...begin(content),
  start("a"),
  ...again,
  tell("a", { event: "error", code: "too-late", message: "" }),
  exit("a", { exitCode: 1 }),
  copies(),
  exit("sender", { exitCode: 130, reason: "told" }),
];

const entry = (happening: Happening, at: number): Entry => ({ at, ...happening });
const verdict = (...happenings: Happening[]): string[] => clusterViolations(happenings.map(entry));

describe("nothing is wrong with", () => {
  test.each<[string, Happening[]]>([
    ["a plain share", good],
    [
      "a client that hears of faults that pass",
      [...good, heard("going-away"), heard("line-stuck")],
    ],
    ["servers that are killed", [...good, killed("relay-1"), killed("nats-2")]],
    ["relays that lose a link", [...good, reported("link-lost"), crossed(BYTES, 1)]],
    [
      "a sender that stores its share, and hears of no receiver",
      [...begin("stored"), ...received, exit("sender"), exit("revoker")],
    ],
    ["a killed receiver of a stream that is too late", missed("stream", killed("a"), start("a"))],
  ])("%s", (_, happenings) => {
    expect(verdict(...happenings)).toEqual([]);
  });
});

describe("it is wrong that", () => {
  test.each<[string, Happening[], string]>([
    ["a client hears of a broken relay", [...good, heard("bad-message")], "a heard bad-message"],
    ["a worker fails", [...good, reported("worker-failed")], "relay-1 reported worker-failed"],
    [
      "a relay ends by itself",
      [...good, exit("relay-1", { exitCode: 1 })],
      "the relay-1 ended by itself",
    ],
    ["a server of NATS does", [...good, exit("nats-0")], "the nats-0 ended by itself"],
    [
      "a share crosses too often",
      [...good, crossed(3 * BYTES + BESIDE_BYTES, 2)],
      `${3 * BYTES + BESIDE_BYTES} bytes came to relay-1`,
    ],
    [
      "a relay takes too much memory",
      [...good, { what: "memory", who: "relay-1", bytes: RELAY_MEMORY_BYTES + 1 }],
      "relay-1 has",
    ],
    [
      "a receiver of a stream is too late that was never killed",
      missed("stream"),
      "a failed with 1, too-late",
    ],
    [
      "a stored share can't be deleted",
      [...begin("stored"), ...received, exit("sender"), exit("revoker", { exitCode: 1 })],
      "revoke ended with 1",
    ],
    [
      "a sender does not store its share",
      [...begin("stored"), ...received, exit("sender", { exitCode: 1 })],
      "the sender ended with 1",
    ],
    [
      "one of a file is too late",
      missed("file", killed("a"), start("a")),
      "a failed with 1, too-late",
    ],
  ])("%s", (_, happenings, expected) => {
    expect(verdict(...happenings).some((each) => each.startsWith(expected))).toBe(true);
  });
});
