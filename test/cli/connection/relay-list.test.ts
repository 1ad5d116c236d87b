import { describe, expect, test } from "bun:test";
import {
  chooseRelay,
  isSameRelay,
  placesOf,
  RELAYS_MOST,
  receiveCommand,
  startingAt,
} from "../../../cli/connection/relay-choice.ts";
import { relayOfCode } from "../../../cli/connection/command-relay.ts";
import { forOthers } from "../../../cli/connection/for-others.ts";
import { readCode } from "../../../protocol/code/code.ts";
import { faultOf } from "../../support/faults.ts";
import { newCode } from "../../support/clients/clients.ts";

const addresses = (named: string | readonly string[]): string[] =>
  placesOf(chooseRelay(named)).map(({ address }) => address);

describe("a list of relays", () => {
  test.each<{ named: string | string[]; all: string[] }>([
    { named: "wss://a.example,wss://b.example", all: ["wss://a.example/ws", "wss://b.example/ws"] },
    {
      named: " https://a.example , ws://b.example:9000/in ",
      all: ["wss://a.example/ws", "ws://b.example:9000/in/ws"],
    },
    {
      named: ["wss://a.example", "ws://b.example:81"],
      all: ["wss://a.example/ws", "ws://b.example:81/ws"],
    },
    {
      named: ["wss://a.example,wss://b.example", "wss://a.example/ws"],
      all: ["wss://a.example/ws", "wss://b.example/ws"],
    },
    {
      named: "wss://a.example,::1,b.example",
      all: ["wss://a.example/ws", "ws://[::1]:8000/ws", "ws://b.example:8000/ws"],
    },
  ])("$named is read in its order, each relay once", ({ named, all }) => {
    expect(addresses(named)).toEqual(all);
  });

  test("has hosts that are looked for, beside addresses", () => {
    const places = placesOf(chooseRelay("a.example,wss://b.example"));
    expect(places.map(({ host }) => host)).toEqual(["a.example", undefined]);
  });

  test.each([
    "wss://a.example,",
    ",wss://a.example",
    "wss://a.example,,ws://b.example",
    "wss://a.example,ftp://b.example",
  ])("%s has a member that is no address", (named) => {
    faultOf(() => chooseRelay(named), "bad-relay-address");
  });

  test("has a limit", () => {
    const some = Array.from({ length: RELAYS_MOST }, (_, at) => `ws://relay${at}.example:1`);
    expect(addresses(some)).toHaveLength(RELAYS_MOST);
    const { message } = faultOf(() => chooseRelay([...some, "ws://more.example:1"]), "usage");
    expect(message).toContain("--relay takes at most 16 relays");
  });

  test("goes to the other side as a whole", () => {
    const choice = chooseRelay("wss://a.example,ws://127.0.0.1:8000");
    expect(receiveCommand("a-code", false, choice)).toBe(
      "fileshare recv a-code --relay wss://a.example,ws://127.0.0.1:8000",
    );
  });

  test("is printed with addresses that other machines reach", async () => {
    const choice = chooseRelay("ws://127.0.0.1:9000,wss://b.example");
    const { relay } = await forOthers(choice, {
      addresses: () => Promise.resolve(["192.0.2.7"]),
      answers: () => Promise.resolve(true),
    });
    expect(relay.args).toEqual(["--relay", "ws://192.0.2.7:9000,wss://b.example"]);
  });
});

describe("a text with a code", () => {
  const code = newCode();
  const chosen = (relay: string, typed = false) => ({
    relay: chooseRelay(relay),
    token: "secret",
    ca: undefined,
    typed: { relay: typed, token: false },
  });

  test("that is a pasted command has the whole list", () => {
    const given = readCode(`fileshare recv ${code} --relay wss://a.example,wss://b.example`);
    const { relay } = relayOfCode(given, chosen("ws://127.0.0.1:8000"));
    expect(placesOf(relay).map(({ address }) => address)).toEqual([
      "wss://a.example/ws",
      "wss://b.example/ws",
    ]);
  });

  test("that names one relay of the list puts it first, and keeps the token", () => {
    const given = readCode(`https://b.example/#${code}`);
    const { relay, token, notes } = relayOfCode(
      given,
      chosen("wss://a.example,wss://b.example,wss://c.example"),
    );
    expect(placesOf(relay).map(({ address }) => address)).toEqual([
      "wss://b.example/ws",
      "wss://c.example/ws",
      "wss://a.example/ws",
    ]);
    expect({ token, notes }).toEqual({ token: "secret", notes: [] });
  });

  test("that names a relay beside the list gets no token of the list", () => {
    const given = readCode(`fileshare recv ${code} --relay wss://a.example,wss://stranger.example`);
    expect(relayOfCode(given, chosen("wss://a.example,wss://b.example")).token).toBe("");
  });
});

test.each([
  { one: "wss://a.example", other: "https://a.example,ws://b.example", is: true },
  { one: "ws://b.example,wss://a.example", other: "wss://a.example,ws://b.example", is: true },
  { one: "wss://a.example,ws://c.example", other: "wss://a.example,ws://b.example", is: false },
  { one: undefined, other: "wss://a.example", is: false },
])("relays $one are among $other: $is", ({ one, other, is }) => {
  expect(isSameRelay(one, other)).toBe(is);
});

test("a list begins anywhere, in the same order round", () => {
  expect(startingAt(["a", "b", "c"], (one) => one === "b")).toEqual(["b", "c", "a"]);
  expect(startingAt(["a", "b"], (one) => one === "z")).toEqual(["a", "b"]);
});
