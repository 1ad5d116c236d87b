/** The reports to a sender about its receivers, and the limit of receivers at once. */
import { describe, expect, test } from "bun:test";

import { type Message, type ReceiverEntry } from "../../../protocol/mod.ts";
import { ReceiverReports } from "../../../relay/share/receiver-reports.ts";

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const entry = (byte: number, state: ReceiverEntry["state"]): ReceiverEntry => ({
  id: id(byte),
  name: new Uint8Array(0),
  state,
  next: 5,
});

function stage(most: number) {
  const said: Message[] = [];
  const refused: number[] = [];
  const reports = new ReceiverReports(id(0), {
    toSender: (message) => void said.push(message),
    full: (_worker, receiver) => void refused.push(receiver[0]!),
    mostReceivers: () => most,
  });
  const complete = (byte: number): void => {
    reports.report([entry(byte, "done")], 0);
    reports.receipt({ receiver: id(byte), records: 5, mac: id(9) });
  };
  return { reports, said, refused, complete };
}

describe("The limit of receivers at once", () => {
  test("lets a receiver in when the sender took the receipt of another one", () => {
    const { reports, refused, complete } = stage(1);
    reports.report([entry(1, "live")], 0);
    complete(1);
    reports.receipted(id(1));
    reports.report([entry(2, "live")], 0);
    expect(refused).toEqual([]);
  });

  test("counts no receiver that says once more that it has all", () => {
    const { reports, refused, complete } = stage(1);
    reports.report([entry(1, "live")], 0);
    complete(1);
    reports.receipted(id(1));
    reports.report([entry(1, "done")], 0);
    reports.report([entry(2, "live")], 0);
    expect(refused).toEqual([]);
  });

  test("counts a receiver until its receipt is taken", () => {
    const { reports, refused, complete } = stage(1);
    reports.report([entry(1, "live")], 0);
    complete(1);
    reports.report([entry(2, "live")], 0);
    expect(refused).toEqual([2]);
  });

  test("tells the sender of a receiver that comes with all of it to a full share", () => {
    const { reports, said, refused, complete } = stage(1);
    reports.report([entry(1, "live")], 0);
    complete(2);
    reports.sendReceipt({ receiver: id(2), records: 5, mac: id(9) });
    expect(refused).toEqual([]);
    expect(said.map(({ t }) => t)).toEqual(["receivers", "receipt"]);
  });
});
