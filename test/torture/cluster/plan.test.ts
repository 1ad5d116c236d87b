import { describe, expect, test } from "bun:test";
import { AWAY_MS, GENTLE_MS, OWNER_STOP_MS, STOP_MS } from "./limits.ts";
import { COUNT, planClusterRound } from "./plan.ts";

const size = { receivers: 30, steps: 100, bytes: 48 * 1024 ** 2, longestMs: STOP_MS[1] };
const plans = Array.from({ length: 30 }, (_, round) => planClusterRound("a", round + 1, size));

describe("the plan of a round with a cluster", () => {
  test("is the same each time for a seed, and another for another seed or round", () => {
    expect(planClusterRound("a", 1, size)).toEqual(planClusterRound("a", 1, size));
    expect(planClusterRound("a", 1, size).steps).not.toEqual(planClusterRound("b", 1, size).steps);
    expect(planClusterRound("a", 1, size).steps).not.toEqual(planClusterRound("a", 4, size).steps);
  });

  test("has every kind of fault and of content", () => {
    const kinds = new Set(plans.flatMap(({ steps }) => steps.map(({ fault }) => fault.kind)));
    expect([...kinds].toSorted()).toEqual([
      "cut-nats",
      "cut-relay-from-clients",
      "cut-relay-from-nats",
      "cut-relays",
      "drain-relay",
      "kill-nats",
      "kill-receiver",
      "kill-relay",
      "kill-sender",
      "stop-nats",
      "stop-relay",
    ]);
    expect(
      plans
        .slice(0, 4)
        .map(({ content }) => content)
        .toSorted(),
    ).toEqual(["file", "folder", "stored", "stream"]);
  });

  test("stops the owner of each share that can be read again for a minute", () => {
    for (const { content, steps } of plans) {
      if (content === "stream") continue;
      const long = steps.some(
        ({ fault }) =>
          fault.kind === "stop-relay" && fault.relay === "owner" && fault.forMs >= OWNER_STOP_MS[0],
      );
      expect(long).toBe(true);
    }
  });

  test("takes no more from a stream than its relays and its sender can make good", () => {
    for (const { content, steps, receivers } of plans) {
      if (content !== "stream") continue;
      expect(Math.max(...steps.map(({ fault }) => fault.forMs))).toBeLessThanOrEqual(GENTLE_MS);
      expect(steps.some(({ fault }) => fault.kind === "kill-sender")).toBe(false);
      expect(receivers.some(({ from }) => from > 0)).toBe(false);
    }
  });

  test("gives clients all relays in each order, and some receivers one alone", () => {
    const senders = plans.map(({ senderRelays }) => senderRelays);
    for (const order of senders) expect(order).toHaveLength(COUNT);
    const receivers = plans.flatMap((plan) => plan.receivers.map(({ relays }) => relays));
    for (const orders of [senders, receivers.filter(({ length }) => length > 1)]) {
      expect(new Set(orders.map(String)).size).toBe(6);
    }
    expect(new Set(receivers.filter(({ length }) => length === 1).map(String)).size).toBe(COUNT);
  });

  test("cuts its faults to the longest that is wanted", () => {
    const { steps } = planClusterRound("a", 1, { ...size, longestMs: AWAY_MS[0] });
    for (const { fault } of steps) expect(fault.forMs).toBe(AWAY_MS[0]);
  });
});
