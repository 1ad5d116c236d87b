/** Sentences of doctor about the local network. */
import { expect, test } from "bun:test";
import { networkFindings } from "../../../cli/commands/doctor/network.ts";

const eth0 = { name: "eth0", family: 4, isBound: true, isHeard: true } as const;

test.each([
  ["a network that works", { places: [eth0, { ...eth0, family: 6 }], relays: [], troubles: [] }],
  ["relays", { places: [eth0], relays: ["ws://10.7.0.1:8000/ws"], troubles: [] }],
  ["a firewall", { places: [{ ...eth0, isHeard: false }], relays: [], troubles: [] }],
  ["a port that is taken", { places: [{ ...eth0, isBound: false }], relays: [], troubles: [] }],
  ["no network", { places: [], relays: [], troubles: [] }],
] as const)("%s", (_, survey) => {
  const lines = networkFindings(survey).map(
    ({ verdict, message, advice = "" }) => `${verdict}: ${message} | ${advice}`,
  );
  expect(lines).toMatchSnapshot();
});
