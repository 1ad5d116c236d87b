import { describe, expect, test } from "bun:test";
import { toHex, type ReceiverEntry } from "../../../protocol/mod.ts";
import { EdgeReceivers } from "../../../relay/share/edge-receivers.ts";
import { entryOf } from "../../support/relay/edge-stage.ts";

const [A, B, C] = [1, 2, 3].map((of) => new Uint8Array(16).fill(of)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const NAMES = new Map([A, B, C].map((id, at) => [toHex(id), "ABC"[at]!]));
const nameOf = (id: Uint8Array): string => NAMES.get(toHex(id)) ?? "?";

/** Receivers with what the home and the lines hear, in order. */
function play(most = 10) {
  const heard: string[] = [];
  const said = ({ id, state, next }: ReceiverEntry): string => `${nameOf(id)} ${state} ${next}`;
  const receivers = new EdgeReceivers({
    report: (entries) => heard.push(...entries.map(said)),
    receipt: ({ receiver }) => heard.push(`${nameOf(receiver)} receipt`),
    full: (line, receiver) => heard.push(`${nameOf(receiver)} full ${line}`),
    mostReceivers: () => most,
  });
  const take = (): string[] => heard.splice(0);
  const receipt = (line: number, receiver: Uint8Array): void => {
    receivers.receipt(line, { receiver, records: 9, mac: new Uint8Array(16) });
  };
  return { receivers, take, receipt };
}

describe("receivers of other relays", () => {
  test("are lost with the line that told of them last, and no other", () => {
    const { receivers, take } = play();
    receivers.report(1, [entryOf(A, "live", 3), entryOf(B, "waiting", 2)]);
    receivers.report(2, [entryOf(A, "live", 4), entryOf(C, "behind", 1)]);
    take();
    receivers.report(1, [entryOf(A, "lost", 3)]);
    receivers.lineClosed(1);
    expect(take()).toEqual(["B lost 0"]);
    receivers.lineClosed(2);
    expect(take()).toEqual(["A lost 4", "C lost 1"]);
    expect(receivers.size).toBe(0);
  });

  test("are lost with the lines that are not about the share any more", () => {
    const { receivers, take } = play();
    receivers.report(1, [entryOf(A, "live", 3)]);
    receivers.report(2, [entryOf(B, "live", 4)]);
    take();
    receivers.keep((line) => line === 2);
    expect(take()).toEqual(["A lost 3"]);
    expect(receivers.size).toBe(1);
  });

  test("are not lost by a line once they are at a socket of this worker, nor by that", () => {
    const { receivers, take } = play();
    receivers.report(1, [entryOf(A, "live", 3)]);
    expect(receivers.reportedHere([entryOf(A, "waiting", 3)])).toHaveLength(1);
    take();
    receivers.report(1, [entryOf(A, "lost", 3)]);
    receivers.lineClosed(1);
    expect(take()).toEqual([]);
    receivers.report(2, [entryOf(A, "live", 5)]);
    expect(receivers.reportedHere([entryOf(A, "lost", 4)])).toEqual([]);
    expect(receivers.reportedHere([entryOf(B, "lost", 4)])).toHaveLength(1);
  });

  test("keep a receipt until it is answered, and are forgotten with it", () => {
    const { receivers, take, receipt } = play();
    receivers.report(1, [entryOf(A, "live", 9), entryOf(B, "live", 1)]);
    receivers.report(1, [entryOf(A, "done", 9)]);
    receipt(1, A);
    take();
    receivers.resend();
    expect(take()).toEqual(["A done 9", "B live 1", "A receipt"]);
    receivers.confirmed(A);
    receivers.resend();
    expect(take()).toEqual(["B live 1"]);
    // Its relay may say once more that it has all.
    receivers.report(1, [entryOf(A, "done", 9)]);
    expect(take()).toEqual(["A done 9"]);
    receivers.lineClosed(1);
    expect(take()).toEqual(["B lost 1"]);
  });

  test("that are told of by their receipt alone are passed on, and not called lost", () => {
    const { receivers, take, receipt } = play();
    receipt(1, A);
    receivers.lineClosed(1);
    receivers.resend();
    expect(take()).toEqual(["A receipt"]);
  });

  test("are as many as a share may have; others are told so, give receipts, and have the place of one that goes", () => {
    const { receivers, take, receipt } = play(2);
    receivers.report(1, [entryOf(A, "live"), entryOf(B, "live")]);
    receivers.report(2, [entryOf(C, "live")]);
    receipt(2, C);
    expect(take()).toEqual(["A live 0", "B live 0", "C full 2", "C receipt"]);
    // Receivers that are in go on.
    receivers.report(2, [entryOf(A, "live", 1)]);
    receivers.report(1, [entryOf(B, "left", 0)]);
    receivers.report(2, [entryOf(C, "live")]);
    expect(take()).toEqual(["A live 1", "B left 0", "C live 0"]);
  });

  test("for which the home has no room are told so by their line, and forgotten", () => {
    const { receivers, take } = play();
    receivers.report(1, [entryOf(A, "live")]);
    take();
    receivers.refused(A);
    receivers.refused(B);
    receivers.lineClosed(1);
    expect(take()).toEqual(["A full 1"]);
  });
});
