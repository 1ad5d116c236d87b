import { describe, expect, test } from "bun:test";

import { loadAll } from "../../../cli/commands/registry.ts";
import { parseRelayLimits, typed } from "../../../cli/commands/relay-limits.ts";
import { FAULTS, FaultError, RETRY_AFTER_MAX_MS } from "../../../protocol/mod.ts";
import {
  DEFAULT_LIMITS,
  RELAY_LIMITS,
  RELAY_LIMIT_NAMES,
  checkLimits,
  overLimit,
  type RelayLimitName,
} from "../../../relay/limits/operator-limits.ts";
import {
  RefusalCounters,
  createRefusalCounters,
  refusalCounts,
} from "../../../relay/limits/refusal-counters.ts";

type Given = Record<RelayLimitName, string | undefined>;
const NONE = Object.fromEntries(RELAY_LIMIT_NAMES.map((name) => [name, undefined])) as Given;
const relay = (await loadAll()).find(([word]) => word === "relay")?.[1];

describe.each(RELAY_LIMIT_NAMES)("the limit %s", (name) => {
  const limit = RELAY_LIMITS[name];

  test("has a default with a reason", () => {
    expect(limit.reason).not.toBe("");
  });

  test("has an option that takes its default as it is shown, and nothing that is no number", () => {
    expect(relay?.args[name]?.type).toBe("string");
    const shown = typed(limit.default, limit.kind);
    expect(relay?.args[name]?.description).toContain(`(default: ${shown}`);
    expect(parseRelayLimits(NONE)[name]).toBe(limit.default);
    if (shown !== "none") {
      expect(parseRelayLimits({ ...NONE, [name]: shown })[name]).toBe(limit.default);
    }
    const wrong = ["", "NaN", "-1", "0", "1e9", "Infinity", "0x10", " 5", "9".repeat(17), "1,5"];
    for (const text of wrong) {
      expect(() => parseRelayLimits({ ...NONE, [name]: text }), text).toThrow(`--${name} takes`);
    }
  });

  test("is refused of a program that gives none", () => {
    for (const value of [NaN, -1, 0, -Infinity, "5", undefined, limit.most * 2]) {
      const wrong = { ...DEFAULT_LIMITS, [name]: value } as typeof DEFAULT_LIMITS;
      expect(() => checkLimits(wrong), String(value)).toThrow(`the limit ${name} can't be`);
    }
  });

  test("says which it is and for how long, by a fault that ends the line", () => {
    const { fault, after } = limit;
    if (fault === undefined) return;
    const error = overLimit(name, DEFAULT_LIMITS);
    expect(error).toBeInstanceOf(FaultError);
    expect({ code: error.code, after: error.after }).toEqual({ code: fault, after });
    expect(error.detail).toStartWith(`${name}: `);
    expect(FAULTS[fault].closeCode).toBeGreaterThan(4000);
    if (after !== undefined) {
      expect(FAULTS[fault].retry).toBe(true);
      expect(after * 1000).toBeLessThanOrEqual(RETRY_AFTER_MAX_MS);
    }
  });

  test("is counted over all threads", () => {
    const buffer = createRefusalCounters(2);
    new RefusalCounters(buffer).count(name);
    new RefusalCounters(buffer, 0).count(name);
    new RefusalCounters(buffer, 1).count(name);
    // It comes again after a crash.
    new RefusalCounters(buffer, 1).count(name);
    const counted = refusalCounts(buffer);
    expect(counted[name]).toBe(4);
    expect(Object.values(counted).reduce((sum, each) => sum + each, 0)).toBe(4);
  });
});
