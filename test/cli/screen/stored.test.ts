/** The sentences about stored shares, for a sender and for a receiver. */
import { expect, test } from "bun:test";

import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import type { Outcome } from "../../../cli/job/jobs.ts";
import { moment } from "../../../cli/screen/format.ts";
import { PlainScreen } from "../../../cli/screen/plain.ts";
import type { Setting } from "../../../cli/screen/screen.ts";
import { RECEIVER, SENDER } from "../../support/clients/stories.ts";

const CODE = "candy-ketchup-harbor-tilt-useful-drip-subject";
const UNTIL = "2030-12-06T14:00:00.000Z";
const STORING: Setting = { ...SENDER, goal: undefined, revoke: `fileshare revoke ${CODE}` };
const begin = (kept: boolean): ClientEvent => ({ event: "code", code: CODE, channel: "00", kept });
const done = { event: "done", bytes: 4096, seconds: 2, active: 2, receivers: 0 } as const;
const INTERRUPTED: Outcome = { fault: "interrupted", exitCode: 130 };

/** The lines behind the code. */
function said(
  setting: Setting,
  events: readonly ClientEvent[],
  outcome: Outcome = { fault: undefined, exitCode: 0 },
): string[] {
  const lines: string[] = [];
  const screen = new PlainScreen(setting, {
    out: (text) => void lines.push(text.trimEnd()),
    err: (text) => void lines.push(`! ${text.trimEnd()}`),
    now: () => 0,
  });
  for (const event of events) screen.show(event);
  screen.end(outcome);
  return lines.filter((line) => !/^$|^Code|^On the|^ {2}fileshare/.test(line));
}

test("a sender is told until when its share is stored, and how to delete it before", () => {
  const stored = { event: "stored", until: UNTIL, downloads: 3 } as const;
  const way = [begin(true), { event: "storing", bytes: 2048, size: 4096 }, stored, done] as const;
  expect(said(STORING, way)).toEqual([
    `Stored until ${moment(UNTIL)}, for 3 downloads; fileshare revoke ${CODE} deletes it before`,
    "Done: 4 KiB stored in 2.0 s (2 KiB/s)",
  ]);
});

test("a sender hears that the relay allows a shorter life than it asked for", () => {
  const stored = { event: "stored", until: UNTIL } as const;
  const cut = (lifeMost: number): string | undefined =>
    said(STORING, [begin(true), { ...stored, lifeMost }, done])[1];
  expect(cut(30 * 24 * 3600)).toBe("The relay keeps a share for 30 days at most");
  expect(cut(24 * 3600)).toBe("The relay keeps a share for 1 day at most");
  expect(cut(1800)).toBe("The relay keeps a share for 30 min 0 s at most");
});

test("an empty file is stored as others are", () => {
  const stored = { event: "stored", until: UNTIL } as const;
  expect(said(STORING, [begin(true), stored, { ...done, bytes: 0 }]).at(-1)).toStartWith(
    "Done: 0 B stored",
  );
});

test("a share that was stored before is not sent again", () => {
  const resumed = { event: "resumed", bytes: 4096, size: 4096 } as const;
  const stored = { event: "stored", until: UNTIL, again: true } as const;
  expect(said(STORING, [begin(true), resumed, stored, done])).toEqual([
    "Resuming at 100 %: 4 KiB of 4 KiB were sent before",
    `Stored already, until ${moment(UNTIL)}; fileshare revoke ${CODE} deletes it before`,
    "Done: nothing was left to send",
  ]);
});

test("a sender that is stopped amid it is told how far the relay has it", () => {
  const storing = { event: "storing", bytes: 1024, size: 4096 } as const;
  expect(said(STORING, [begin(true), storing], INTERRUPTED)).toEqual([
    "Interrupted",
    "The relay has stored 25 %; the same command goes on from there within a day",
    STORING.again(),
  ]);
  expect(said(STORING, [begin(false), { ...storing, size: 0 }], INTERRUPTED)[1]).toBe(
    "The relay has stored 1 KiB; a stream cannot be read again, so another run begins anew",
  );
});

test("a sender whose state cannot be kept hears that revoke needs it", () => {
  const unkept = { event: "unkept", share: "00" } as const;
  expect(said(STORING, [begin(true), unkept])).toEqual([
    "There is no room for the state of this send, so another run cannot resume or revoke it",
  ]);
});

test.each(["files", "text"] as const)(
  "a receiver sees that what is offered is stored (%s)",
  (kind) => {
    const content = { files: 1, bytes: 1024, names: ["a.bin"], kind };
    const offer = { event: "offer", share: "00", ...content, exists: false } as const;
    const last = (stored: { until: string; downloads?: number }): string | undefined =>
      said(RECEIVER, [{ ...offer, question: false, stored }]).at(-1);
    expect(last({ until: UNTIL })).toBe(`Stored until ${moment(UNTIL)}`);
    expect(last({ until: UNTIL, downloads: 1 })).toBe(
      `Stored until ${moment(UNTIL)}, for 1 download`,
    );
  },
);

test.each(["revoked", "exhausted", "stored-expired"] as const)(
  "a receiver that kept a part is not told to resume a share that is over (%s)",
  (fault) => {
    const kept = { event: "kept", path: "a.bin", bytes: 1024, size: 4096 } as const;
    const over = said(RECEIVER, [kept], { fault, exitCode: 1 });
    expect(over[0]).toStartWith("Kept 1 KiB of 4 KiB in a.bin");
    expect(over).not.toContain(RECEIVER.again());
    expect(said(RECEIVER, [kept], { fault: "sender-gone", exitCode: 1 })).toContain(
      RECEIVER.again(),
    );
  },
);

test("a time says its day of the week in this year, and else the year", () => {
  const now = new Date(2026, 10, 29).getTime();
  expect(moment(new Date(2026, 11, 6, 14, 0).toISOString(), now)).toBe("Sun 6 Dec, 14:00");
  expect(moment(new Date(2027, 0, 6, 4, 5).toISOString(), now)).toBe("6 Jan 2027, 04:05");
});
