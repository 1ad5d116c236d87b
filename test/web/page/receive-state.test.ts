/** A receive on the screen, by the events of its worker. */
import { describe, expect, test } from "bun:test";

import type { Offer, ReceiveEvent } from "../../../web/job/receive-messages.ts";
import {
  beginReceive,
  isBusy,
  receiveStep,
  type ReceiveAction,
  type ReceiveState,
} from "../../../web/page/receive-state.ts";
import type { Choice } from "../../../web/save/saver.ts";

const offer: Offer = {
  share: "aa",
  receiver: "bb",
  kind: "files",
  files: [{ path: "a.txt", type: "file", size: 10, dangers: [] }],
  bytes: 10,
  open: false,
};
const choice: Choice = { way: "download", zip: false, name: "a.txt", note: "A download." };

function after(
  state: ReceiveState,
  ...steps: readonly (ReceiveEvent | ReceiveAction)[]
): ReceiveState {
  return steps.reduce((state, step, i) => receiveStep(state, asAction(step, i)), state);
}

const ACTIONS: ReadonlySet<string> = new Set([
  "placing",
  "not-placed",
  "settled",
  "accepted",
  "saved",
  "stopped",
]);

function asAction(step: ReceiveEvent | ReceiveAction, now: number): ReceiveAction {
  // The page tells the reducer `saved` with names; the worker never says it.
  if (ACTIONS.has(step.t)) return step as ReceiveAction;
  return { t: "event", event: step as ReceiveEvent, now: now * 1000 };
}

const online: ReceiveEvent = { t: "link", online: true };
const accepted: ReceiveAction = { t: "accepted", choice, position: 0, now: 0 };

describe("a receive", () => {
  test("F32 an offer that takes the place of another takes no answer at once", () => {
    const other = { ...offer, share: "cc" };
    const replaced = after(
      beginReceive(false),
      { t: "offer", offer },
      { t: "edition" },
      {
        t: "offer",
        offer: other,
      },
    );
    expect(replaced.step).toEqual({ at: "offer", offer: other, settling: true });
    const ofBefore = after(replaced, { t: "settled", share: offer.share });
    expect(ofBefore.step).toEqual({ at: "offer", offer: other, settling: true });
    const settled = after(replaced, { t: "settled", share: other.share });
    expect(settled.step).toEqual({ at: "offer", offer: other });
  });

  test("says that others are offered in its place, until its own is", () => {
    const elsewhere = after(beginReceive(false), { t: "ready" }, { t: "elsewhere" });
    expect(elsewhere.isElsewhere).toBeTrue();
    expect(after(elsewhere, { t: "offer", offer }).isElsewhere).toBeFalse();
  });

  test("goes from its code to what was saved", () => {
    const offered = after(
      beginReceive(false),
      { t: "ready" },
      online,
      { t: "waiting" },
      { t: "offer", offer },
    );
    expect(offered.step).toEqual({ at: "offer", offer });
    const under = after(offered, { t: "placing" }, accepted, { t: "progress", bytes: 5, size: 10 });
    expect(under.step).toMatchObject({ at: "transferring", bytes: 5, size: 10 });
    expect(isBusy(under)).toBeTrue();
    const done = after(
      under,
      { t: "save", unsound: [] },
      { t: "saved", names: ["a (2).txt"] },
      { t: "over", confirmed: true },
      { t: "end" },
    );
    expect(done.step).toMatchObject({ at: "done", names: ["a (2).txt"], confirmed: true });
    expect(isBusy(done)).toBeFalse();
  });

  test("stays at the offer when the picker was closed, and says so", () => {
    const state = after(
      beginReceive(false),
      { t: "offer", offer },
      { t: "placing" },
      { t: "not-placed", notice: "Nothing was chosen." },
    );
    expect(state.step).toEqual({ at: "offer", offer, notice: "Nothing was chosen." });
  });

  test("shows a text, which has no place", () => {
    const text: Offer = { ...offer, kind: "text", files: [] };
    const state = after(
      beginReceive(false),
      { t: "offer", offer: text },
      { ...accepted, choice: undefined },
      { t: "text", text: "hello" },
      { t: "save", unsound: [] },
      { t: "saved", names: [] },
      { t: "over", confirmed: true },
    );
    expect(state.step).toMatchObject({ at: "done", text: "hello", names: [] });
  });

  test("keeps its place while the connection or the sender is away", () => {
    const state = after(
      beginReceive(false),
      { t: "offer", offer },
      accepted,
      { t: "progress", bytes: 5, size: 10 },
      { t: "link", online: false, fault: "connection-lost" },
      { t: "sender", here: false },
      { t: "waiting" },
    );
    expect(state.step).toMatchObject({ at: "transferring", bytes: 5 });
    expect(state.link.online).toBeFalse();
    expect(state.link.message).toContain("The connection to the relay broke");
    expect(state.senderHere).toBeFalse();
  });

  test("fails with the worker's sentence, and nothing changes that", () => {
    const state = after(
      beginReceive(false),
      { t: "offer", offer },
      accepted,
      { t: "over", fault: "source-changed", message: "a.txt changed.", confirmed: false },
      { t: "end", fault: "internal" },
      { t: "waiting" },
    );
    expect(state.step).toEqual({
      at: "failed",
      fault: "source-changed",
      message: "a.txt changed.",
    });
  });

  test("is done with files that are not whole, and names them", () => {
    const state = after(
      beginReceive(false),
      { t: "offer", offer },
      accepted,
      { t: "save", unsound: [0] },
      { t: "saved", names: [] },
      { t: "over", fault: "not-whole", confirmed: true },
    );
    expect(state.step).toMatchObject({ at: "done", unsound: [0] });
  });

  test("waits for the new offer when the sender's files changed", () => {
    const state = after(beginReceive(false), { t: "offer", offer }, accepted, { t: "edition" });
    expect(state.step).toEqual({ at: "waiting", edition: true });
  });

  test("asks for a token when the relay refuses, until it is let in", () => {
    const refused = after(beginReceive(false), { t: "link", online: false, fault: "not-allowed" });
    expect(refused.wantsToken).toBeTrue();
    expect(after(refused, online).wantsToken).toBeFalse();
    expect(after(beginReceive(false), { t: "end", fault: "not-allowed" }).wantsToken).toBeTrue();
  });

  test("that was stopped hears nothing more", () => {
    const stopped = after(beginReceive(false), { t: "stopped" });
    expect(after(stopped, { t: "offer", offer }, { t: "end" })).toEqual(stopped);
  });
});

describe("a receive of the lobby", () => {
  const one = (state: ReceiveState, share: string): ReceiveState =>
    after(
      state,
      { t: "offer", offer: { ...offer, share } },
      accepted,
      { t: "save", unsound: [] },
      { t: "saved", names: [share] },
      { t: "over", confirmed: true },
    );

  test("waits for the next share after one is saved, and keeps a bounded list of them", () => {
    let state = beginReceive(true);
    for (let i = 0; i < 30; i++) state = one(state, String(i));
    expect(state.step).toEqual({ at: "waiting", edition: false });
    expect(state.before).toHaveLength(20);
    expect(state.before[0]?.names).toEqual(["29"]);
  });

  test("goes on after a share that failed, and says why", () => {
    const state = after(beginReceive(true), { t: "offer", offer }, accepted, {
      t: "over",
      fault: "sender-gone",
      confirmed: false,
    });
    expect(state.step).toEqual({ at: "waiting", edition: false });
    expect(state.problem).toStartWith("The sender has been away for too long");
  });
});
