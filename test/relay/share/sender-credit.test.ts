import { expect, test } from "bun:test";

import { CREDIT_MOST_RECORDS, CREDIT_RECORDS } from "../../../protocol/mod.ts";
import {
  CREDIT_BUDGET_RECORDS,
  CreditBudget,
  SenderCredit,
} from "../../../relay/share/sender-credit.ts";

const ROUND_TRIP_MS = 300;

/** A sender at the end of a path that carries more than any credit. */
class Sender {
  readonly told: number[] = [];
  readonly credit: SenderCredit;

  constructor(budget = new CreditBudget(), most = CREDIT_MOST_RECORDS) {
    this.credit = new SenderCredit(budget, most, (records) => void this.told.push(records));
  }

  /** All that may be asked for comes a round trip later. */
  rounds(count: number): this {
    for (let round = 1; round <= count; round++) {
      const now = round * ROUND_TRIP_MS;
      for (let left = this.credit.records; left > 0; left--) {
        this.credit.came(now - ROUND_TRIP_MS, now);
      }
    }
    return this;
  }
}

test("The credit of a far sender doubles up to the most, and lanes hear of it in steps", () => {
  const { credit, told } = new Sender().rounds(4);
  expect(credit.records).toBe(CREDIT_MOST_RECORDS);
  expect(told.at(-1)).toBe(CREDIT_MOST_RECORDS);
  expect(told.every((records) => records % 8 === 0)).toBe(true);
});

test("A sender that keeps few records has the credit that it keeps", () => {
  const { credit, told } = new Sender(new CreditBudget(), CREDIT_RECORDS).rounds(4);
  expect([credit.records, told]).toEqual([CREDIT_RECORDS, []]);
});

test("Another line of a sender begins with the first credit", () => {
  const { credit, told } = new Sender().rounds(4);
  credit.reset();
  expect([credit.records, told.at(-1)]).toEqual([CREDIT_RECORDS, CREDIT_RECORDS]);
});

test("Senders beyond the budget of a worker have the first credit until others give theirs back", () => {
  const budget = new CreditBudget();
  const beyond = CREDIT_MOST_RECORDS - CREDIT_RECORDS;
  const first = Array.from({ length: CREDIT_BUDGET_RECORDS / beyond }, () => {
    return new Sender(budget).rounds(4);
  });
  const late = new Sender(budget).rounds(4);
  expect(late.credit.records).toBe(CREDIT_RECORDS);
  first[0]!.credit.reset();
  expect(late.rounds(4).credit.records).toBe(CREDIT_MOST_RECORDS);
});
