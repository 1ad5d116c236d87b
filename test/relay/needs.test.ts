/** What the receivers of one worker say that they need. */
import { expect, test } from "bun:test";
import type { RecordReader } from "../../relay/log.ts";
import type { PartyNeed } from "../../relay/messages.ts";
import { Needs } from "../../relay/needs.ts";

/** A log that has these records. */
function logOf(...records: number[]): RecordReader {
  const has = (index: number): boolean => records.includes(index);
  return { capacity: 64, has, open: () => undefined, close: () => undefined };
}

function stage() {
  const said: PartyNeed[] = [];
  const needs = new Needs(100, (more) => said.push(...more));
  const take = (): string[] => {
    needs.flush();
    return said
      .splice(0)
      .map(
        ({ party, runs }) =>
          `${party}: ${runs.map((run) => `${run.first}+${run.count}`).join(",")}`,
      );
  };
  return { needs, take };
}

test("a party says what was in the log when it said the rest, though another asked for it meanwhile", () => {
  const { needs, take } = stage();
  const [taker, jumper] = [needs.newParty(), needs.newParty()];
  needs.readAhead(taker, { from: 3, end: 8, proven: true }, logOf(5), 0);
  expect(take()).toEqual(["0: 3+2,6+2"]);
  // Record 5 left the log. Another asks for it, and goes elsewhere before it is its turn.
  needs.readAhead(jumper, { from: 5, end: 6, proven: false }, logOf(), 10);
  needs.readAhead(jumper, { from: 50, end: 51, proven: false }, logOf(), 20);
  expect(take()).toEqual(["1: 5+1", "1: 50+1"]);
  needs.came(3);
  needs.came(4);
  needs.readAhead(taker, { from: 5, end: 8, proven: true }, logOf(), 30);
  expect(take()).toEqual(["0: 5+1"]);
  // It said all by now, and waits for it.
  needs.readAhead(taker, { from: 5, end: 8, proven: true }, logOf(), 40);
  expect(take()).toEqual([]);
});

test("a party that dropped what it needs says it again", () => {
  const { needs, take } = stage();
  const party = needs.newParty();
  needs.readAhead(party, { from: 0, end: 2, proven: false }, logOf(), 0);
  needs.drop(party);
  expect(take()).toEqual(["0: 0+2", "0: "]);
  needs.readAhead(party, { from: 0, end: 2, proven: false }, logOf(), 10);
  expect(take()).toEqual(["0: 0+2"]);
});
