/** A send on the screen: its state, its receivers, and what was chosen. */
import { describe, expect, test } from "bun:test";

import { MANIFEST_FILES, TEXT_BYTES } from "../../../protocol/wire/limits.ts";
import type { ChosenFile, ReceiverRow, SendEvent } from "../../../web/job/send-messages.ts";
import {
  allFiles,
  problemOf,
  textProblem,
  totalOf,
  withFiles,
} from "../../../web/page/chosen-items.ts";
import { ReceiverRows } from "../../../web/page/receiver-rows.ts";
import { beginSend, sendStep, type SendState } from "../../../web/page/send-state.ts";

const code: SendEvent = {
  t: "code",
  code: "a-b",
  share: "aa",
  records: 4,
  bytes: 400,
  files: 2,
  toStore: false,
};

function after(...events: readonly SendEvent[]): SendState {
  return events.reduce(
    (state, event, i) => sendStep(state, { t: "event", event, now: i * 1000 }),
    beginSend(),
  );
}

describe("a send", () => {
  test("goes from its code to its end", () => {
    expect(after(code).step).toMatchObject({ at: "offering", share: { code: "a-b" } });
    expect(after(code, { t: "offered" }).step).toMatchObject({ at: "offered" });
    const ended = after(code, { t: "offered" }, { t: "end", verified: 2, failed: 0 });
    expect(ended.step).toMatchObject({ at: "ended", verified: 2, problem: undefined });
  });

  test("ends with the sentence about the file that changed", () => {
    const message = "A file changed while it was being sent: a.txt. Send it again.";
    const end: SendEvent = { t: "end", verified: 0, failed: 1, fault: "source-changed", message };
    expect(after(code, { t: "offered" }, end).step).toMatchObject({
      at: "ended",
      failed: 1,
      problem: message,
    });
  });

  test("that a person stopped has no problem, and hears nothing more", () => {
    const stopped = sendStep(after(code, { t: "offered" }), { t: "stopped", verified: 3 });
    expect(stopped.step).toMatchObject({ at: "ended", byPerson: true, verified: 3 });
    const event: SendEvent = { t: "end", verified: 0, failed: 0, fault: "interrupted" };
    expect(sendStep(stopped, { t: "event", event, now: 0 })).toBe(stopped);
  });

  test("shows the gate, and asks for a token when the relay refuses", () => {
    const gate: SendEvent = { t: "gate", agreed: 1, wanted: 3, open: false };
    expect(after(code, gate).gate).toEqual({ agreed: 1, wanted: 3, open: false });
    const begun = beginSend({ agreed: 0, wanted: 3, open: false });
    expect(sendStep(begun, { t: "event", event: code, now: 0 }).gate).toMatchObject({ agreed: 0 });
    expect(after({ t: "link", online: false, fault: "not-allowed" }).wantsToken).toBeTrue();
    const end: SendEvent = { t: "end", verified: 0, failed: 0, fault: "not-allowed" };
    expect(after(end).wantsToken).toBeTrue();
  });
});

describe("the rows of receivers", () => {
  const row = (id: string, more: Partial<ReceiverRow> = {}): ReceiverRow => ({
    id,
    name: `name of ${id}`,
    state: "live",
    records: 2,
    verified: false,
    unconfirmed: false,
    ...more,
  });

  function rows(...all: readonly ReceiverRow[]): ReceiverRows {
    const made = new ReceiverRows();
    made.source(4, 400);
    for (const each of all) made.update(each, 0);
    return made;
  }

  test("say the state in words, and 100 % only of a verified receipt", () => {
    const shown = rows(
      row("a"),
      row("b", { state: "done", records: 4 }),
      row("c", { state: "done", records: 4, verified: true }),
      row("d", { state: "done", records: 4, verified: true, unconfirmed: true }),
      row("e", { state: "lost" }),
      row("f", { state: "left", records: 0 }),
    ).slice(0, 10, false, 0);
    expect(shown.map(({ word, percent }) => [word, percent])).toEqual([
      ["receiving", 50],
      ["checking", 99],
      ["done", 100],
      ["sent", 100],
      ["lost", 50],
      ["gone", 0],
    ]);
  });

  test("show the rate of a receiver that receives, and of no other", () => {
    const all = rows(row("a", { records: 0 }), row("b", { records: 0 }));
    all.update(row("a", { records: 2 }), 1000);
    all.update(row("b", { records: 4, state: "done" }), 1000);
    expect(all.slice(0, 2, false, 1000).map(({ rate }) => rate)).toEqual([200, undefined]);
  });

  test("are ready, and at zero, while the start gate holds the content back", () => {
    const [shown] = rows(row("a")).slice(0, 1, true, 0);
    expect(shown).toMatchObject({ word: "ready", percent: 0 });
  });

  test("give the rows of one page alone", () => {
    const many = rows(...Array.from({ length: 500 }, (_, i) => row(String(i))));
    expect(many.slice(100, 103, false, 0).map(({ id }) => id)).toEqual(["100", "101", "102"]);
    expect(many.counts).toEqual({ all: 500, verified: 0, unconfirmed: 0, active: 500 });
  });

  test("call a receiver without a name by its id", () => {
    expect(rows(row("abcdef0123", { name: " " })).slice(0, 1, false, 0)[0]?.name).toBe(
      "receiver abcdef01",
    );
  });

  test("ask about a receiver until it is answered", () => {
    const all = rows();
    all.asks(row("a"));
    all.asks(row("b"));
    expect(all.asking.map(({ id }) => id)).toEqual(["a", "b"]);
    all.answered("a", true, 0);
    all.answered("b", false, 0);
    expect(all.asking).toEqual([]);
    expect(all.slice(0, 2, false, 0).map(({ word }) => word)).toEqual(["receiving", "refused"]);
  });

  test("keep the question while the relay reports the receiver that asks", () => {
    const all = rows();
    all.asks(row("a", { state: "waiting" }));
    all.update(row("a", { state: "waiting" }), 0);
    expect(all.asking).toHaveLength(1);
    expect(all.slice(0, 1, false, 0)[0]?.word).toBe("asks");
    all.update(row("a", { state: "left" }), 0);
    expect(all.asking).toEqual([]);
  });

  test("stay bounded when receivers come and leave without end", () => {
    const all = rows(row("kept", { verified: true }));
    for (let i = 0; i < 12_000; i++) all.update(row(String(i), { state: "left" }), 0);
    expect(all.length).toBe(10_000);
    expect(all.slice(0, 1, false, 0)[0]?.id).toBe("kept");
  });
});

describe("what was chosen", () => {
  const file = (path: string, bytes = 1): ChosenFile => ({
    path,
    file: new File([new Uint8Array(bytes)], path.split("/").at(-1) ?? ""),
  });

  test("is one item for each file and folder, and a second choice takes the place of the first", () => {
    const items = withFiles([], [file("a.txt", 3), file("dir/b.txt"), file("dir/c/d.txt")]);
    expect(items.map(({ name, isFolder, bytes }) => [name, isFolder, bytes])).toEqual([
      ["a.txt", false, 3],
      ["dir", true, 2],
    ]);
    const again = withFiles(items, [file("a.txt", 5)]);
    expect(again.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["dir", 2],
      ["a.txt", 5],
    ]);
    expect(allFiles(again)).toHaveLength(3);
    expect(totalOf(again)).toBe("3 files, 7 B");
  });

  test("is refused with a sentence where it is too much", () => {
    const one = file("dir/a");
    const many = Array.from({ length: MANIFEST_FILES + 1 }, (_, i) => ({
      ...one,
      path: `dir/${i}`,
    }));
    expect(problemOf(withFiles([], many))).toStartWith("One share takes 131,072 files at most");
    expect(problemOf(withFiles([], [one]))).toBeUndefined();
    expect(textProblem("x".repeat(TEXT_BYTES))).toBeUndefined();
    expect(textProblem("é".repeat(TEXT_BYTES / 2 + 1))).toContain("Send it as a file.");
    expect(textProblem(" \n")).toBe("Write a text first.");
  });
});
