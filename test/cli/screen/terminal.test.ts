import { describe, expect, test } from "bun:test";

import { LINES_HELD, TerminalScreen } from "../../../cli/screen/terminal.ts";
import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import type { Answer } from "../../../cli/job/jobs.ts";
import type { OfferEvent, Setting } from "../../../cli/screen/screen.ts";
import { gridOf, makeScreen } from "../../support/clients/pty.ts";
import {
  HOSTILE_EVENTS,
  RECEIVE,
  RECEIVER,
  SEND,
  SENDER,
  UNSAFE_TEXT,
  receiver,
} from "../../support/clients/stories.ts";

const MiB = 1024 * 1024;
type EventOf<Name extends ClientEvent["event"]> = Extract<ClientEvent, { event: Name }>;
/** The sequences with which the screen itself draws: colours, cursor, erasing, and three modes. */
const OWN_SEQUENCES = /\r?\p{Cc}\[(?:[\d;]*m|\d*[ABGJK]|\?(?:7|25|2026)[hl])/gu;

interface Options {
  readonly columns?: number;
  readonly rows?: number;
  readonly color?: boolean;
  readonly ask?: (offer: OfferEvent, signal: AbortSignal) => Promise<Answer>;
}

function progress(mebibytes: number, of = 100): ClientEvent {
  return { event: "progress", bytes: mebibytes * MiB, size: of * MiB };
}

/** A terminal screen before a terminal that keeps what it gets; every event comes a second later. */
function open(setting: Setting, options: Options = {}) {
  const { color = false, ask = () => Promise.resolve({ accept: false }) } = options;
  let { columns = 60, rows = 20 } = options;
  const grid = makeScreen(columns, rows);
  const writes: string[] = [];
  let err = "";
  let now = 0;
  const write = (text: string): void => {
    writes.push(text);
    grid.write(text.replaceAll("\n", "\r\n")); // as a terminal line does
  };
  const screen = new TerminalScreen(setting, {
    surface: {
      get columns() {
        return columns;
      },
      get rows() {
        return rows;
      },
      ours: true,
      write,
    },
    err: (text) => {
      err += text;
      grid.write(text.replaceAll("\n", "\r\n"));
    },
    color,
    now: () => now,
    ask,
  });
  return {
    screen,
    writes,
    err: () => err,
    show: (...events: readonly ClientEvent[]) => {
      for (const event of events) {
        now += 1000;
        screen.show(event);
      }
    },
    pass: (ms: number) => void (now += ms),
    resize: (width: number, height: number) => {
      [columns, rows] = [width, height];
      grid.resize(width, height);
    },
    grid: async () => {
      await new Promise<void>((resolve) => grid.write("", resolve));
      return gridOf(grid);
    },
    [Symbol.dispose]: () => screen.close(),
  };
}

describe("the terminal screen of a sender", () => {
  test("shows what happened, the upload, and a line per receiver", async () => {
    using terminal = open(SENDER, { columns: 90 });
    terminal.show(...SEND.slice(0, 9));
    expect(await terminal.grid()).toMatchSnapshot();
  });

  test("leaves the table as it was last, with the last words below it", async () => {
    using terminal = open(SENDER, { columns: 90 });
    terminal.show(...SEND);
    terminal.screen.end({ fault: "some-failed", exitCode: 3 });
    expect((await terminal.grid()).slice(5)).toMatchSnapshot();
    expect(terminal.err()).toStartWith("Error: Some receivers");
    expect(terminal.writes.join("").lastIndexOf("\u001B[?25h")).toBeGreaterThan(
      terminal.writes.join("").lastIndexOf("\u001B[?25l"),
    );
  });

  test("sums up more receivers than there are lines for", async () => {
    using terminal = open(SENDER);
    terminal.show(...SEND.slice(1, 3), progress(50));
    for (let i = 0; i < 30; i++)
      terminal.show(receiver(`r${i}`, i % 3 ? "live" : "behind", 10 + i));
    terminal.show(receiver("r7", "lost", 17));
    expect(await terminal.grid()).toMatchSnapshot();
  });

  test.each([
    [3, 5],
    [12, 14],
    [13, 8],
    [300, 8],
    [3000, 8],
  ])("stays readable with %d receivers, in %d lines", async (people, lines) => {
    using terminal = open(SENDER, { rows: 40, columns: 80 });
    terminal.show(SEND[1]!, progress(90));
    for (const step of [1, 2, 3]) {
      terminal.pass(1000);
      for (let i = 0; i < people; i++) {
        terminal.screen.show(receiver(`receiver ${i}`, "live", step * (1 + (i % 29))));
      }
    }
    terminal.screen.show(receiver("receiver 1", "lost", 6));
    terminal.pass(1000);
    terminal.show(receiver("receiver 2", "live", 10));
    const grid = await terminal.grid();
    expect(grid.length).toBe(lines);
    for (const line of grid) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
    const shown = grid.join("\n");
    if (people <= 12) {
      expect(shown).toMatch(/^receiver 0 +receiving +3 %/m);
      expect(shown).toMatch(/^receiver 1 +lost +6 %/m);
    } else {
      expect(shown).toContain(`${people} receivers: ${people - 1} receiving, 1 lost\n`);
      for (const title of ["all", "fastest", "median", "slowest", "lost"]) {
        expect(shown).toMatch(new RegExp(`^${title} +[\\w█]`, "m"));
      }
    }
  });

  test("says when all have it, what fastest means, and who is lost and who left", async () => {
    using terminal = open(SENDER, { columns: 90 });
    terminal.show(...SEND.slice(1, 3), progress(50));
    for (let step = 0; step <= 10; step += 10) {
      for (let i = 0; i < 20; i++)
        terminal.screen.show(receiver(`r${i}`, "live", step * (1 + (i % 3))));
      terminal.pass(10_000);
    }
    terminal.show(receiver("r18", "lost", 10), receiver("r19", "left", 10));
    expect((await terminal.grid()).slice(3)).toMatchSnapshot();
  });

  test("says what it waits for, and how to end that", async () => {
    const goal = { receivers: 3, stay: false };
    using terminal = open({ ...SENDER, goal }, { columns: 90 });
    const last = async (): Promise<string | undefined> => (await terminal.grid()).at(-1);
    terminal.show(...SEND.slice(1, 3));
    expect(await last()).toBe("Waiting for 3 receivers; Ctrl-C ends");
    terminal.show(receiver("anna", "live", 10));
    expect(await last()).toStartWith("anna  receiving");
    terminal.show({ ...(receiver("anna", "done", 100) as EventOf<"receiver">), done: true });
    expect(await last()).toBe("Waiting for 2 of 3 receivers; Ctrl-C ends");
    terminal.show({ event: "done", bytes: 100 * MiB, seconds: 4, active: 4, receivers: 1 });
    expect((await terminal.grid()).join("\n")).not.toContain("Ctrl-C ends");
  });

  test("of 300 receivers leaves those that failed, and the others summed up", async () => {
    using terminal = open(SENDER, { rows: 60, columns: 80 });
    terminal.show(SEND[1]!, progress(100));
    for (let i = 0; i < 300; i++) terminal.screen.show(receiver(`r${i}`, "live", 0));
    for (let i = 0; i < 300; i++) {
      terminal.pass(10);
      const state = i < 30 ? "lost" : "done";
      const records = state === "done" ? 100 : 31;
      const done = state === "done";
      terminal.screen.show({ event: "receiver", id: `r${i}`, name: `r${i}`, state, records, done });
    }
    terminal.show({ event: "done", bytes: 100 * MiB, seconds: 4, receivers: 270 });
    const grid = await terminal.grid();
    expect(grid.slice(2, 4)).toEqual(["r0   lost          31 %", "r1   lost          31 %"]);
    expect(grid.slice(22)).toMatchSnapshot();
  });

  test("of a stream says no part of a whole that nobody knows", async () => {
    using terminal = open(SENDER, { columns: 60 });
    const stream = { ...(SEND[1] as EventOf<"source">), bytes: 0, records: 2 ** 28, open: true };
    terminal.show(stream, { event: "progress", bytes: 3 * MiB, size: 0 });
    terminal.show({ event: "progress", bytes: 4 * MiB, size: 0 }, receiver("anna", "live", 40));
    for (let i = 0; i < 20; i++) terminal.show(receiver(`r${i}`, "live", 40));
    expect((await terminal.grid()).slice(1)).toMatchSnapshot();
  });

  test("names the file under way where there are several", async () => {
    using terminal = open(SENDER, { columns: 60 });
    const file = { name: "deep/notes.txt", number: 3, of: 12, bytes: 1024, size: 4096 };
    terminal.show(SEND[1]!, { event: "progress", bytes: 50 * MiB, size: 100 * MiB, file });
    expect((await terminal.grid()).slice(-2)).toEqual([
      "Upload █████████████░░░░░░░░░░░░░  50 %  50 MiB of 100 MiB",
      "3/12 deep/notes.txt ████░░░░░░░░░░░░  25 %  1 KiB of 4 KiB",
    ]);
  });

  test.each([
    [5, 4],
    [12, 13],
  ])(
    "with %d receivers uses at most %d lines, and never more than the terminal has",
    async (people, lines) => {
      using terminal = open(SENDER, { rows: people === 5 ? 5 : 20 });
      terminal.show(SEND[1]!);
      for (let i = 0; i < people; i++) terminal.show(receiver(`r${i}`, "live", i));
      expect((await terminal.grid()).length).toBeLessThanOrEqual(lines + 1);
    },
  );

  test.each([2, 3, 10, 20, 39])("fits into %d columns without a broken line", async (columns) => {
    using terminal = open(SENDER, { columns, rows: 40 });
    terminal.show(SEND[1]!, SEND[4]!, SEND[5]!);
    terminal.show(receiver("anna", "live", 3, "文件".repeat(20)), receiver("bob", "live", 3));
    const live = (await terminal.grid()).slice(-3);
    expect(live).toHaveLength(3);
    for (const line of live) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  });

  test("draws what changed in one write, at most ten times per second", () => {
    using terminal = open(SENDER);
    terminal.show(...SEND.slice(0, 5));
    const before = terminal.writes.length;
    for (let i = 0; i < 50; i++) {
      terminal.pass(10);
      terminal.screen.show({ event: "progress", bytes: i * MiB, size: 100 * MiB });
    }
    expect(terminal.writes.length - before).toBeLessThanOrEqual(5);
    for (const write of terminal.writes) {
      expect(write).toStartWith("\u001B[?2026h");
      expect(write).toEndWith("\u001B[?2026l");
    }
  });

  test("leaves nothing behind when the terminal becomes narrower", async () => {
    using terminal = open(SENDER, { columns: 90 });
    terminal.show(...SEND.slice(1, 9));
    await terminal.grid();
    terminal.resize(40, 20);
    terminal.show(receiver("anna", "live", 20));
    expect(await terminal.grid()).toMatchSnapshot();
  });
});

describe("the terminal screen of a receiver", () => {
  test("shows a bar while data flows", async () => {
    using terminal = open(RECEIVER, { columns: 80 });
    terminal.show(...RECEIVE.slice(0, 6));
    terminal.show(progress(5, 10));
    expect((await terminal.grid()).at(-1)).toBe(
      ".bashrc ████████████░░░░░░░░░░░░░  50 %  5 MiB of 10 MiB  512 KiB/s  10 s left",
    );
  });

  test.each<[string, EventOf<"offer">["kind"], ClientEvent[]]>([
    ["a text", "text", [{ event: "text", text: "hello" }]],
    ["files that are here", "files", [{ event: "skipped", files: 1, bytes: 10 * MiB }]],
  ])("leaves no bar below the end of %s", async (_, kind, events) => {
    using terminal = open(RECEIVER, { columns: 80 });
    const offer = { ...(RECEIVE[3] as OfferEvent), kind };
    const whole: ClientEvent = progress(10, 10);
    const done: ClientEvent = { event: "done", bytes: 10 * MiB, seconds: 1, active: 0 };
    terminal.show(offer, ...events, whole, done, { event: "unadmitted" });
    terminal.pass(5000);
    terminal.screen.end({ fault: undefined, exitCode: 0 });
    const text = (await terminal.grid()).join("\n");
    expect(text).not.toContain("█");
    expect(text).toContain("Done: ");
  });

  test.each(["interrupted", "deadline-over", "connection-lost", "declined"] as const)(
    "leaves no bar at the end by %s",
    async (code) => {
      using terminal = open(RECEIVER, { columns: 80 });
      terminal.show(...RECEIVE.slice(0, 6));
      terminal.screen.end({ fault: code, exitCode: 1 });
      expect((await terminal.grid()).join("\n")).not.toContain("█");
    },
  );

  test("ends with sentences alone", async () => {
    using terminal = open(RECEIVER);
    terminal.show(...RECEIVE);
    terminal.screen.end({ fault: undefined, exitCode: 0 });
    expect(await terminal.grid()).toMatchSnapshot();
  });

  test("is silent while it asks, and tells afterwards what happened meanwhile", async () => {
    const answered = Promise.withResolvers<Answer>();
    using terminal = open(RECEIVER, { ask: () => answered.promise });
    const offer = { ...(RECEIVE[3] as OfferEvent), question: true };
    terminal.show(offer);
    const answer = terminal.screen.ask(offer, new AbortController().signal);
    const before = (await terminal.grid()).length;
    terminal.show({ event: "sender", here: false }, { event: "sender", here: true });
    expect(await terminal.grid()).toHaveLength(before);
    answered.resolve({ accept: true });
    expect(await answer).toEqual({ accept: true });
    expect((await terminal.grid()).slice(-2)).toEqual([
      "The sender is away; waiting for its return",
      "The sender is back",
    ]);
  });
});

describe("F6 F7 whatever a peer is called", () => {
  test.each([
    [SENDER, 200],
    [SENDER, 40],
    [RECEIVER, 200],
    [RECEIVER, 40],
  ])("only the screen's own sequences reach the terminal (%#)", (setting, columns) => {
    using terminal = open(setting, { columns, color: true });
    terminal.show(...HOSTILE_EVENTS);
    terminal.screen.end({ fault: "interrupted", exitCode: 130 });
    const all = terminal.writes.join("") + terminal.err();
    expect(all.replaceAll(OWN_SEQUENCES, "")).not.toMatch(UNSAFE_TEXT);
    expect(all).toContain("\\u{1b}[2J");
    // Nothing of ours erases the whole screen.
    expect(all).not.toContain("\u001B[2J");
  });
});

test("lines that come while a person is asked wait in a bounded number; the rest is counted", async () => {
  using terminal = open(RECEIVER, { rows: 2 * LINES_HELD });
  const answer = Promise.withResolvers<void>();
  const paused = terminal.screen.pause(() => answer.promise);
  const before = terminal.writes.length;
  for (let i = 0; i < LINES_HELD + 50; i++) terminal.screen.show({ event: "unadmitted" });
  expect(terminal.writes).toHaveLength(before);
  answer.resolve();
  await paused;
  const text = terminal.writes.join("");
  expect(text).toContain("(50 lines left out)");
  expect(text.split("Waiting for the sender to admit you")).toHaveLength(LINES_HELD + 1);
});
