/** `send --store`: which options it takes, and which it does not go with. */
import { expect, test } from "bun:test";

import { relayOrCarry } from "../../../cli/carry/relay-or-carry.ts";
import type { Call } from "../../../cli/commands/command.ts";
import { storePlace } from "../../../cli/commands/relay-options.ts";
import { storeOptions } from "../../../cli/commands/store-options.ts";
import { NEED_SENDER, type SendValues } from "../../../cli/commands/transfer-commands.ts";
import { FaultError, STORE_LIFE_MOST_S, parseCode } from "../../../protocol/mod.ts";

const DAY_S = 24 * 60 * 60;

/** @param typed the options that stand in the command line */
function chosen(values: Partial<SendValues>, typed: readonly string[] = Object.keys(values)) {
  const call = {
    routeOf: (option: string) => (typed.includes(option) ? "option" : "configuration"),
  };
  const none = { ask: false, lobby: false, carry: false, store: false };
  return storeOptions({ ...none, ...values } as SendValues, call as unknown as Call);
}

function refused(values: Partial<SendValues>): string | undefined {
  try {
    chosen(values);
  } catch (error) {
    if (error instanceof FaultError && error.code === "usage") return error.detail;
    throw error;
  }
  return undefined;
}

test("a share is stored for a week and for any number of downloads, unless they are given", () => {
  expect(chosen({ store: true })).toEqual({ life: 7 * DAY_S, downloads: undefined });
  expect(chosen({ store: true, expires: "90m", downloads: "3" })).toEqual({
    life: 90 * 60,
    downloads: 3,
  });
});

test("a life beyond all that a relay allows is cut to that", () => {
  expect(chosen({ store: true, expires: "9999d" })?.life).toBe(STORE_LIFE_MOST_S);
});

test("a life and downloads that are configured are for stored shares alone", () => {
  expect(chosen({ expires: "3d", downloads: "2" }, [])).toBeUndefined();
  expect(refused({ expires: "3d" })).toBe("--expires needs --store");
  expect(refused({ downloads: "2" })).toBe("--downloads needs --store");
});

test.each(NEED_SENDER)("--%s needs its sender, or a relay of its own", (option) => {
  const given = { store: true, [option]: option === "ask" || option === "carry" ? true : "2" };
  expect(refused(given)).toBe(`give either --store or --${option}`);
});

test.each([
  [{ expires: "soon" }, '--expires takes a time such as 30d, 12h, 45m or 2027-01-31, not "soon"'],
  [{ expires: "0d" }, "--expires takes a time to come, within 100 years"],
  [{ downloads: "0" }, '--downloads takes a whole number from 1 to 1000000, not "0"'],
])("%j is refused", (values, said) => {
  expect(refused({ store: true, ...values })).toBe(said);
});

test("no command starts a relay for a share that is to be stored", async () => {
  const named = {
    route: "this-machine",
    address: "ws://127.0.0.1:1/ws",
    ca: undefined,
    args: [],
  } as const;
  const code = parseCode("candy-ketchup-harbor-tilt-useful-drip-subject");
  const none = { insists: false, port: undefined, wanted: undefined, isShared: false };
  const [result] = await Promise.allSettled([relayOrCarry({ ...none, named, code, stores: true })]);
  expect(result.status === "rejected" && String(result.reason)).toContain(
    "--store needs a relay with a store, and no relay was found",
  );
});

test("a relay takes the session token of the account whose key it takes", () => {
  const aws = { AWS_ACCESS_KEY_ID: "aws", AWS_SECRET_ACCESS_KEY: "a", AWS_SESSION_TOKEN: "t" };
  expect(storePlace("s3://shares", aws)).toMatchObject({ accessKeyId: "aws", sessionToken: "t" });
  const own = { ...aws, S3_ACCESS_KEY_ID: "own", S3_SECRET_ACCESS_KEY: "o" };
  expect(storePlace("s3://shares", own)).toMatchObject({
    accessKeyId: "own",
    secretAccessKey: "o",
    sessionToken: undefined,
  });
});
