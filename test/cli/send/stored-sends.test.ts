/** The memory of shares that were stored at relays. */
import { expect, setSystemTime, test } from "bun:test";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  STORED_KEPT,
  forgetStored,
  rememberStored,
  storedSends,
  type StoredSend,
} from "../../../cli/send/stored-sends.ts";
import { statePath } from "../../../cli/system/state.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { environment, stateOfEachTest } from "../../support/clients/own-state.ts";

stateOfEachTest();

const DAY_MS = 24 * 60 * 60 * 1000;

function stored(number: number, more: Partial<StoredSend> = {}): StoredSend {
  return {
    share: number.toString(16).padStart(32, "0"),
    proof: "a1".repeat(32),
    code: parseCode("amused-oyster-velvet-crisp-lunar-solid-worry"),
    relay: "ws://127.0.0.1:8000/ws",
    route: "option",
    name: "a\u202eb.bin",
    bytes: 12,
    until: Date.now() + DAY_MS,
    downloads: 3,
    ...more,
  };
}

const plain = (): StoredSend[] =>
  storedSends().map(({ at, ...entry }) => (expect(at).toBeGreaterThan(0), entry));

test("a stored share is remembered for its user alone, until it is forgotten", () => {
  const one = stored(1);
  expect(rememberStored(one)).toBe(true);
  const folder = statePath("stored");
  const [name = "", ...others] = readdirSync(folder);
  expect(others).toEqual([]);
  expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(plain()).toEqual([one]);
  expect(rememberStored({ ...one, until: one.until + 1 })).toBe(true);
  expect(plain()).toEqual([{ ...one, until: one.until + 1 }]);
  forgetStored(one.share);
  expect(plain()).toEqual([]);
});

test("an expired share is listed for a week more", () => {
  const one = stored(1);
  rememberStored(one);
  try {
    setSystemTime(one.until + 6 * DAY_MS);
    expect(plain()).toEqual([one]);
    setSystemTime(one.until + 8 * DAY_MS);
    expect(plain()).toEqual([]);
  } finally {
    setSystemTime();
  }
  expect(readdirSync(statePath("stored"))).toEqual([]);
});

test("more than are kept are forgotten, and nothing else is taken for one", () => {
  const folder = statePath("stored");
  rememberStored(stored(0));
  for (let number = 1; number < STORED_KEPT; number++) {
    const entry = stored(number);
    writeFileSync(join(folder, `${entry.share}.json`), JSON.stringify(entry), { mode: 0o600 });
  }
  expect(plain()).toHaveLength(STORED_KEPT);
  rememberStored(stored(STORED_KEPT));
  expect(plain()).toHaveLength(STORED_KEPT);
  writeFileSync(join(folder, "broken.json"), "{");
  expect(plain()).toHaveLength(STORED_KEPT);
});

test("a home that cannot be written to hinders no send", () => {
  using _ = environment({ XDG_STATE_HOME: "/dev/null" });
  expect(rememberStored(stored(1))).toBe(false);
  expect(plain()).toEqual([]);
});
