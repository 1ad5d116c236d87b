import { describe, expect, test } from "bun:test";

import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import type { Outcome } from "../../../cli/job/jobs.ts";
import { JsonScreen } from "../../../cli/screen/json.ts";
import { duration, percent, shown, size, took } from "../../../cli/screen/format.ts";
import { PlainScreen, QuietScreen } from "../../../cli/screen/plain.ts";
import { Rate } from "../../../cli/screen/position.ts";
import type { OfferEvent, Setting } from "../../../cli/screen/screen.ts";
import { hasColor } from "../../../cli/screen/style.ts";
import {
  HOSTILE,
  HOSTILE_EVENTS,
  RECEIVE,
  RECEIVER,
  SEND,
  SENDER,
  UNSAFE_TEXT,
  receiver,
} from "../../support/clients/stories.ts";

const FINE: Outcome = { fault: undefined, exitCode: 0 };

/** The lines that a plain screen writes; events are one second apart. */
function plain(
  setting: Setting,
  events: readonly ClientEvent[],
  outcome: Outcome = FINE,
): { out: string[]; err: string[] } {
  let out = "";
  let err = "";
  let now = 0;
  const screen = new PlainScreen(setting, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    now: () => now,
  });
  for (const event of events) {
    now += 1000;
    screen.show(event);
  }
  screen.end(outcome);
  screen.close();
  return { out: out.split("\n").slice(0, -1), err: err.split("\n").slice(0, -1) };
}

describe("the plain screen", () => {
  test("says that a sender moved to another relay, and the web link there", () => {
    const at = (url: string, online: boolean): ClientEvent => {
      const link = { link: `http://${url.slice(5, -3)}/#code` };
      return { event: "relay", url, online, route: "option", ...(online && link) };
    };
    const [one, two] = ["ws://one.example/ws", "ws://two.example/ws"];
    const links = { [one]: "http://one.example/#code", [two]: "http://two.example/#code" };
    const events = [at(one, true), at(one, false), at(two, true), at(two, false), at(two, true)];
    const { out } = plain({ ...SENDER, link: links[one], links }, events);
    expect(out.slice(0, 7)).toEqual([
      "Or open in a browser: http://one.example/#code",
      "Using the relay ws://one.example, as --relay says",
      "The connection to the relay broke: ws://one.example/ws; trying again.",
      "Or open in a browser: http://two.example/#code",
      "Now using the relay ws://two.example, as --relay says",
      "The connection to the relay broke: ws://two.example/ws; trying again.",
      "The relay is back",
    ]);
  });

  test("does not say that a relay shuts down which cannot serve this sender yet", () => {
    const url = "ws://one.example/ws";
    const away = { event: "relay", url, online: false, code: "going-away" } as const;
    const detail = "the directory of its cluster does not answer";
    const said = (event: ClientEvent): string | undefined => plain(SENDER, [event]).out[0];
    expect([said({ ...away, detail }), said(away)]).toEqual([
      `The relay cannot serve you yet: ${url} (${detail}); trying again.`,
      `The relay is shutting down: ${url}; trying again.`,
    ]);
    const alone = { event: "alone", why: "no-relay", seconds: 20, relay: url } as const;
    expect(plain(SENDER, [{ ...away, detail }, alone]).out[1]).toBe(
      `The relay ws://one.example does not serve you for 20 s: ${detail}; Ctrl-C ends.`,
    );
    expect(plain(SENDER, [away, alone]).out[1]).toStartWith("No connection to the relay");
  });

  test("says sent of a receiver that can't say that it saved the file", () => {
    const through = (id: string, confirmed?: false): ClientEvent => ({
      event: "receiver",
      id,
      name: id,
      state: "done",
      records: 100,
      done: true,
      ...(confirmed === false && { confirmed }),
    });
    const done = { event: "done", bytes: 1000, seconds: 9, active: 4 } as const;
    const curl = [through("curl", false), { ...done, receivers: 1, unconfirmed: 1 }];
    const { out } = plain(SENDER, [...SEND.slice(0, 4), ...curl]);
    expect(out.join("\n")).toContain("curl: sent, 100 %");
    expect(out.at(-1)).toStartWith("Done: sent to 1 receiver that can't confirm it, ");
    const both = [...curl.slice(0, 1), through("anna"), { ...done, receivers: 2, unconfirmed: 1 }];
    const mixed = plain(SENDER, [...SEND.slice(0, 4), ...both]).out;
    expect(mixed.at(-1)).toStartWith("Done: 1 receiver has everything, sent to 1 receiver that ");
  });

  test("says how much was left out where too much came at once", () => {
    const url = "ws://relay/ws";
    const { out, err } = plain(SENDER, [
      { event: "relay", url, online: true },
      { event: "relay", url, online: false, code: "connection-lost", message: "", untold: 1 },
      { event: "relay", url, online: true, untold: 12 },
      { event: "relay", url, online: true, untold: 2 },
      { event: "gate", agreed: 1, wanted: 2, open: false, untold: 5 },
      { ...receiver("anna", "live", 1), untold: 7 } as ClientEvent,
      { event: "error", code: "receipt-refused", message: "12 receipts were refused.", untold: 11 },
    ]);
    expect(out.slice(1)).toMatchSnapshot();
    expect(err).toEqual(["Error: 12 receipts were refused."]);
    const { out: received } = plain(RECEIVER, [
      { event: "sender", here: false, untold: 3 },
      { event: "sender", here: true },
    ]);
    expect(received).toEqual([
      "The sender is away; waiting for its return (3 changes not shown)",
      "The sender is back",
    ]);
  });

  test("says of a send that sent nothing more how others get the files", () => {
    const done = { event: "done", bytes: 4096, seconds: 1, receivers: 1 } as const;
    const resumed = (bytes: number): ClientEvent => ({ event: "resumed", bytes, size: 4096 });
    const last = (...events: ClientEvent[]) => plain(SENDER, events).out.at(-1);
    expect(last(resumed(4096), done)).toBe(
      "Earlier runs had sent everything; --new starts a new share, for others",
    );
    expect(last(resumed(1024), done)).toStartWith("Done: 1 receiver has everything");
    expect(last(done)).toStartWith("Done: 1 receiver has everything");
  });

  test("shows the link for browsers once, when the relay says that it has a page", () => {
    const url = "ws://relay/ws";
    const link = "http://relay/#zoo-zoo-zoo-zoo-zoo-zoo-bench";
    const away: ClientEvent = {
      event: "relay",
      url,
      online: false,
      code: "connection-lost",
      message: "",
    };
    const online: ClientEvent = { event: "relay", url, online: true };
    const withPage = { ...online, link: "http://127.0.0.1/#not-for-others" };
    const said = (setting: Setting, ...events: ClientEvent[]): string[] =>
      plain(setting, events).out.filter((line) => /browser|page/.test(line));
    expect(said({ ...SENDER, link }, away, withPage, away, withPage)).toEqual([
      `Or open in a browser: ${link}`,
    ]);
    expect(said({ ...SENDER, link }, online)).toEqual([]);
    expect(said({ ...SENDER, qr: true }, withPage)).toEqual([]);
    expect(said({ ...SENDER, qr: true }, online)).toEqual([
      "This relay has no page, so the link opens nothing; use the command",
    ]);
    const carrying: ClientEvent = { event: "carrying", port: 8000, addresses: [] };
    const { out } = plain({ ...SENDER, link }, [carrying, withPage]);
    expect(out.slice(0, 2)).toEqual([
      `Or open in a browser: ${link}`,
      "This command runs a relay at port 8000, for this code alone",
    ]);
    expect(out.filter((line) => line.includes("browser"))).toHaveLength(1);
  });

  test("says what the list of checksums has, also while the next share comes", () => {
    const path = "/out/SHA256SUMS";
    const offer = RECEIVE.find(({ event }) => event === "offer") as OfferEvent;
    const { out } = plain(RECEIVER, [
      { event: "hashing", files: 2 },
      { event: "checksums", path, files: 3, unlisted: 0 },
      { event: "checksums", path, files: 1, unlisted: 1 },
      { event: "checksums", files: 0, unlisted: 1 },
    ]);
    expect(out).toEqual([
      "Reading 2 files for SHA256SUMS",
      "Listed 3 files in /out/SHA256SUMS",
      "Listed 1 file in /out/SHA256SUMS; 1 file is not whole, gone or unreadable, and not listed",
      "SHA256SUMS lists nothing: no file arrived whole",
    ]);
    const checksums = { event: "checksums", files: 0, unlisted: 0 } as const;
    const last = (kind: OfferEvent["kind"], event: ClientEvent): string | undefined =>
      plain(RECEIVER, [{ ...offer, kind }, event]).out.at(-1);
    expect(last("files", checksums)).toBe("SHA256SUMS lists nothing: the share saves no file");
    expect(last("text", { ...checksums, path, files: 3 })).toBe(
      "Listed 3 files in /out/SHA256SUMS",
    );
  });

  test("of a sender tells what changes, and each tenth", () => {
    expect(plain(SENDER, SEND, { fault: "some-failed", exitCode: 3 })).toMatchSnapshot();
  });

  test("of a receiver flags hidden names, and counts what was here before", () => {
    expect(plain(RECEIVER, RECEIVE)).toMatchSnapshot();
  });

  test("tells once that the relay is away, however often it is tried", () => {
    const away: ClientEvent = {
      event: "relay",
      url: "ws://relay/ws",
      online: false,
      code: "relay-unreachable",
      message: "",
    };
    const back: ClientEvent = { event: "relay", url: "ws://relay/ws", online: true };
    const waiting: ClientEvent = { event: "waiting" };
    const lobby = { ...RECEIVER, lobby: true };
    expect(
      plain(lobby, [away, away, away, back, waiting, away, away, back, waiting]).out,
    ).toMatchSnapshot();
  });

  test.each([
    [RECEIVER, "no-offer"],
    [SENDER, "no-receiver"],
    [RECEIVER, "no-relay"],
  ] as const)("says what may be the reason when nobody is there (%#): %s", (setting, why) => {
    const alone: ClientEvent = { event: "alone", why, seconds: 20, relay: "ws://relay/ws" };
    expect(plain(setting, [alone]).out).toMatchSnapshot();
  });

  test("says once where it looks for a relay, why a network is not searched, and what it took", () => {
    const looking: ClientEvent = { event: "search", looking: true, found: 0 };
    const note = "Relays cannot be found or announced on eth0 (EACCES). Give --relay.";
    const url = "ws://10.7.0.1:8000/ws";
    const taken: ClientEvent = { event: "search", looking: false, found: 2 };
    const online: ClientEvent = { event: "relay", url, online: true, route: "network" };
    const alone: ClientEvent = { event: "alone", why: "no-relay", seconds: 20, relay: url };
    const moved: ClientEvent = { ...online, url: "ws://10.7.0.9:8001/ws" };
    const lost: ClientEvent = { ...moved, online: false, code: "connection-lost" };
    const search = [looking, { ...looking, found: 1 }, alone, { ...looking, found: 1, note }];
    expect(plain(RECEIVER, [...search, taken, online, moved, lost, moved]).out).toMatchSnapshot();
  });

  test("tells what a sender waits for whenever that is another thing", () => {
    const sender: Setting = { ...SENDER, goal: { receivers: 2, stay: false } };
    const done = { ...receiver("anna", "done", 100), done: true } as ClientEvent;
    const online: ClientEvent = { event: "relay", url: "ws://relay/ws", online: true };
    expect(
      plain(sender, [online, online, receiver("anna", "live", 0), done]).out,
    ).toMatchSnapshot();
    const stays: Setting = { ...SENDER, goal: { receivers: 1, stay: true } };
    expect(plain(stays, [online]).out.at(-1)).toBe("Serving until Ctrl-C; 0 receivers have all");
  });

  test("calls a receiver ready, and not receiving, while the content waits for others", () => {
    const sender: Setting = { ...SENDER, goal: { receivers: 2, stay: false } };
    const gate = (agreed: number, open = false): ClientEvent => {
      return { event: "gate", agreed, wanted: 2, open };
    };
    const { out } = plain(sender, [
      gate(0),
      gate(1),
      receiver("anna", "live", 1),
      gate(2, true),
      receiver("anna", "live", 30),
    ]);
    expect(out).toMatchSnapshot();
  });

  function summary(
    complete: number,
    partial: number,
    nothing: number,
    wanted?: number,
  ): ClientEvent {
    const sum = { complete, partial, nothing, receivers: [], more: 0 };
    return { event: "summary", ...sum, ...(wanted !== undefined && { wanted }) };
  }

  test.each([
    [0, 0, 0, 3, "No receiver came"],
    [1, 0, 0, 1, "1 of 1 receiver has everything"],
    [0, 1, 0, 1, "0 of 1 receiver has everything, 1 has a part"],
    [1, 0, 0, 3, "1 of 3 receivers has everything, 2 did not come"],
    [2, 1, 1, undefined, "2 of 4 receivers have everything, 1 has a part, 1 has nothing"],
  ])("sums up %d whole, %d in part, %d without, of %p", (whole, part, nothing, wanted, says) => {
    expect(plain(SENDER, [summary(whole, part, nothing, wanted)]).out).toEqual([says]);
  });

  test("sums up what became of whom when a send is stopped", () => {
    const people = [receiver("anna", "live", 30), receiver("bob", "lost", 0)];
    const late: ClientEvent = { event: "error", code: "deadline-over", message: "It is over." };
    const outcome: Outcome = { fault: "deadline-over", exitCode: 6 };
    const { out, err } = plain(
      SENDER,
      [...SEND.slice(0, 3), ...people, summary(0, 1, 1), late],
      outcome,
    );
    expect(out.slice(-4)).toMatchSnapshot();
    expect(err).toEqual(["Error: It is over."]);
  });

  test("tells after an interruption how to go on", () => {
    const kept: ClientEvent = { event: "kept", path: "/d/a.partial", bytes: 1024, size: 4096 };
    const error: ClientEvent = { event: "error", code: "interrupted", message: "Interrupted." };
    const outcome: Outcome = { fault: "interrupted", exitCode: 130 };
    const lines = ["Kept 1 KiB of 4 KiB in /d/a.partial", "Interrupted", RECEIVER.again()];
    expect(plain(RECEIVER, [kept, error], outcome).out).toEqual(lines);
    expect(plain(RECEIVER, [kept], outcome).out).toEqual(lines);
    expect(plain(RECEIVER, [error], outcome).out).toEqual(["Interrupted"]);
    expect(plain(SENDER, [error], outcome).out).toEqual(["Interrupted", SENDER.again()]);
  });

  test("tells a sender what became of what it sent before", () => {
    const code = { event: "code", code: "zoo", channel: "00", share: "01", kept: true } as const;
    const failed: Outcome = { fault: "some-failed", exitCode: 3 };
    const events: ClientEvent[] = [
      { event: "checking", files: 1 },
      {
        event: "changed",
        share: "00",
        changes: [{ path: "a\u001b.bin", what: "content" }],
        more: 2,
      },
      code,
      { event: "resumed", bytes: 1024, size: 4096 },
    ];
    const { out } = plain(SENDER, events, failed);
    expect(out).toMatchSnapshot();
    const lost: ClientEvent = { event: "unkept", share: "01" };
    expect(plain(SENDER, [...events, lost], failed).out.at(-1)).toContain(
      "no room for the state of this send",
    );
  });

  test("gives a receiver without a name the start of its id", () => {
    const nameless = receiver("c4f3f7155a07d84a", "live", 0, " ");
    expect(plain(SENDER, [nameless]).out).toEqual(["receiver c4f3f715: receiving, 0 %"]);
  });

  const offered: OfferEvent = {
    event: "offer",
    share: "00".repeat(16),
    files: 1,
    bytes: 1,
    names: ["a"],
    exists: false,
    question: true,
    kind: "files",
    open: false,
    flagged: [],
    sizes: [1],
    same: 0,
    made: 0,
  };

  test("lists a hundred names, and every hidden one", () => {
    const names = Array.from({ length: 200 }, (_, i) => (i === 150 ? "a/.ssh/x" : `file ${i}`));
    const flagged: OfferEvent["flagged"] = [{ name: "a/.ssh/x", flags: ["hidden"] }];
    const { out } = plain(RECEIVER, [{ ...offered, files: 200, names, sizes: [], flagged }]);
    expect(out).toHaveLength(1 + 100 + 1 + 1 + 1);
    expect(out).toContain("  a/.ssh/x  (hidden)");
    expect(out.at(-2)).toBe("  and 99 files more, none of them hidden or executable");
    expect(out.at(-1)).toBe("Look twice: 1 hidden");
  });

  test("declines what nobody can be asked about", async () => {
    const output = { out: () => undefined, err: () => undefined, now: () => 0 };
    const { signal } = new AbortController();
    const lobby = { ...RECEIVER, lobby: true };
    const flagged = [{ name: ".run.sh", flags: ["hidden", "executable"] as const }];
    for (const [setting, more, what, options] of [
      [lobby, {}, "very many files come at once", "--yes"],
      [lobby, { flagged }, ".run.sh is hidden", "--yes --hidden --executables"],
      [RECEIVER, { flagged }, ".run.sh is hidden", "--hidden --executables"],
    ] as const) {
      const why = `${what}, which needs a yes, and there is no terminal for a question (${options} takes it)`;
      const screens = [
        new PlainScreen(setting, output),
        new QuietScreen(setting, output),
        new JsonScreen(setting, () => undefined),
      ];
      for (const screen of screens) {
        expect(await screen.ask({ ...offered, ...more }, signal)).toEqual({ accept: false, why });
      }
    }
  });

  test.each([SENDER, RECEIVER])("F6 F7 writes no control of a peer's (%#)", (setting) => {
    const { out, err } = plain(setting, HOSTILE_EVENTS);
    const all = [...out, ...err].join("\n");
    expect(all).not.toMatch(UNSAFE_TEXT);
    expect(all).toContain("\\u{1b}[2J");
    expect(all).toContain("\\u{202e}fdp.exe");
    expect(all).toContain("\\u{9b}31m");
  });
});

describe("the JSON screen", () => {
  function json(events: readonly ClientEvent[]): string {
    let text = "";
    const screen = new JsonScreen(RECEIVER, (piece) => void (text += piece));
    for (const event of events) screen.show(event);
    screen.end({ exitCode: 0, fault: undefined });
    screen.close();
    return text;
  }

  test("prints every event as it came, one a line", () => {
    const events = [...SEND, ...RECEIVE];
    const lines = json(events).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([...events]);
  });

  test("F6 F7 keeps hostile text as it is, in plain characters", () => {
    const text = json([...HOSTILE_EVENTS, receiver("a", "live", 0, "\u{E0001}\uD800 é 📁")]);
    expect(text).not.toMatch(UNSAFE_TEXT);
    const lines = text.trimEnd().split("\n");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ event: "source", name: HOSTILE });
    expect(lines.at(-1)).toContain('"\\udb40\\udc01\\ud800 é 📁"');
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ name: "\u{E0001}\uD800 é 📁" });
  });
});

describe("numbers", () => {
  test("are binary sizes", () => {
    expect([0, 1023, 1024, 1.5 * 1024 ** 3].map(size)).toMatchSnapshot();
  });

  test("tell no rate of a time that is too short for one", () => {
    expect(took(50 * 1024 ** 2, 0.004)).toBe("");
    expect(took(50 * 1024 ** 2, 0)).toBe("");
    expect(took(50 * 1024 ** 2, 2)).toBe(" in 2.0 s (25 MiB/s)");
    const rate = new Rate();
    rate.reached(0, 0);
    rate.reached(13 * 1024 ** 3, 1);
    expect(rate.perSecond(1)).toBeUndefined();
    expect(rate.perSecond(1000)).toBe(13 * 1024 ** 3);
  });

  test("say 100 % only when all is there", () => {
    expect(percent(999_999, 1_000_000)).toBe(99);
    expect(percent(10, 10)).toBe(100);
    expect(percent(0, 0)).toBe(100);
  });

  test.each([
    [0, "0.0 s"],
    [9.94, "9.9 s"],
    [9.96, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 min 0 s"],
    [3599.6, "1 h 0 min"],
    [7_260, "2 h 1 min"],
  ])("%d seconds", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  test("a rate looks at the last seconds, starts anew after a step back, and falls to 0", () => {
    const rate = new Rate();
    expect(rate.perSecond(0)).toBeUndefined();
    rate.reached(1000, 0);
    expect(rate.perSecond(500)).toBeUndefined();
    rate.reached(3000, 1000);
    expect(rate.perSecond(1000)).toBe(2000);
    for (let second = 2; second <= 10; second++) rate.reached(2000 + 1000 * second, 1000 * second);
    expect(rate.perSecond(10_000)).toBe(1000);
    expect(rate.perSecond(12_000)).toBe(600);
    expect(rate.perSecond(13_001)).toBe(0);
    rate.reached(5, 14_000);
    expect(rate.perSecond(14_000)).toBeUndefined();
  });

  test("names are cut by what they fill on the screen", () => {
    expect(shown("文件文件文件", 7)).toBe("文件文…");
    expect(shown("abc", 3)).toBe("abc");
    for (let columns = 1; columns < 14; columns++) {
      for (const text of ["文件文件文件", "a文b件c文件文件", "👩‍👩‍👧文件👩‍👩‍👧文件👩‍👩‍👧"]) {
        expect(Bun.stringWidth(shown(text, columns))).toBeLessThanOrEqual(columns);
      }
    }
    expect(shown("\u001B[31mred", 20)).toBe("\\u{1b}[31mred");
  });
});

test("colours follow the terminal, NO_COLOR and TERM", () => {
  expect(hasColor(true, {})).toBe(true);
  expect(hasColor(true, { NO_COLOR: "" })).toBe(true);
  expect(hasColor(true, { NO_COLOR: "0" })).toBe(false);
  expect(hasColor(true, { TERM: "dumb" })).toBe(false);
  expect(hasColor(false, {})).toBe(false);
});
