/** The library names a wrong option in its own words, before anything starts. */
import { describe, expect, test } from "bun:test";

import {
  FaultError,
  receive,
  revoke,
  send,
  stored,
  type ReceiveOptions,
  type SendOptions,
} from "../../../cli/mod.ts";
import { RECEIVE_OPTIONS, SEND_OPTIONS } from "../../../cli/library/library-options.ts";

/** Every option has a check: without one this does not compile. */
const CHECKED: {
  readonly send: Readonly<Record<keyof SendOptions, unknown>>;
  readonly receive: Readonly<Record<keyof ReceiveOptions, unknown>>;
} = { send: SEND_OPTIONS, receive: RECEIVE_OPTIONS };

const CODE = "candy-ketchup-harbor-tilt-useful-drip-subject";

/** As a program without types may call it. */
function faultOf(call: (options: never) => unknown, options: object): FaultError {
  try {
    call(options as never);
  } catch (error) {
    if (error instanceof FaultError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

type Row = readonly [name: string, value: unknown, said: string];

function check(name: "send" | "receive", option: string, value: unknown, said: string): void {
  const [call, base] = name === "send" ? [send, { what: ["a.bin"] }] : [receive, { code: CODE }];
  const { code, message } = faultOf(call, { ...base, [option]: value });
  expect(code).toBe("usage");
  expect(message).toStartWith(`The options of ${name}() are not valid: `);
  expect(message).toContain(said);
  expect(message).not.toContain("--");
}

const WRONG_FOR_BOTH: readonly Row[] = [
  ["limit", -5, "limit has to be at least 65536, not -5"],
  ["limit", NaN, "limit has to be a number of bytes per second"],
  ["limit", "1MiB", 'limit has to be a number of bytes per second, not "1MiB"'],
  ["connections", 9, "connections has to be a whole number from 1 to 8, not 9"],
  ["relay", 8000, "relay has to be a text, or a list of 1 to 16 texts, not 8000"],
  ["relay", [], "relay has to be a text, or a list of 1 to 16 texts, not a list"],
  ["ca", true, "ca has to be a text, not true"],
  ["token", 5, "token has to be a text"],
  ["connectTimeoutMs", 0, "connectTimeoutMs has to be more than 0"],
  ["connectTimeoutMs", -1, "connectTimeoutMs has to be more than 0"],
  ["signal", "now", "signal has to be an AbortSignal"],
  ["code", 5, "code has to be a text, not 5"],
  ["ask", "yes", 'ask has to be true or false, not "yes"'],
];

const WRONG_FOR_SEND: readonly Row[] = [
  ["receivers", 0, "receivers has to be a whole number from 1 to "],
  ["receivers", 1.5, "receivers has to be a whole number from 1 to "],
  ["receivers", "3", 'not "3"'],
  ["stay", 1, "stay has to be true or false, not 1"],
  ["what", "a.bin", "what has to be a list of one path or more"],
  ["what", [], "what has to be a list of one path or more"],
  ["what", { from: "nowhere" }, "what has to be a list of one path or more"],
  ["startWhen", { receivers: 0, minWaitMs: 0 }, "startWhen.receivers has to be a whole number"],
  ["startWhen", { receivers: 1, minWaitMs: -1 }, "startWhen.minWaitMs has to be a number of ms"],
  ["dropSlowMs", 0, "dropSlowMs has to be a number of ms from 1 to "],
  ["store", {}, "store.life is missing"],
  ["store", { life: 0 }, "store.life has to be a whole number from 1 to "],
  ["store", { life: 60, downloads: 0.5 }, "store.downloads has to be a whole number from 1 to "],
  ["store", { life: 60, expires: 5 }, "store.expires is no option"],
  ["reciever", 1, "reciever is no option"],
  ["recievers", 1, "recievers is no option (did you mean receivers?)"],
];

const WRONG_FOR_RECEIVE: readonly Row[] = [
  ["onExists", "replace", "onExists has to be one of number, overwrite, skip, fail"],
  ["out", "", "out has to be the path of a folder"],
  ["out", 1, "out has to be a text, not 1"],
  ["name", "x".repeat(65), "name has to have at most 64 characters"],
  ["checksumFile", "SUMS", 'checksumFile has to be true or false, not "SUMS"'],
  ["overwrite", true, "overwrite is no option"],
  ["what", ["a"], "what is no option"],
];

/** As a program without types may call it. */
async function laterFaultOf(call: (...given: never[]) => Promise<unknown>, ...given: unknown[]) {
  const error: unknown = await call(...(given as never[])).catch((error: unknown) => error);
  if (error instanceof FaultError) return error;
  throw new Error("it was taken");
}

test.each([
  [stored, [{ share: "0123" }], "stored() are not valid: share is no option"],
  [
    stored,
    [{ relay: 1 }],
    "stored() are not valid: relay has to be a text, or a list of 1 to 16 texts, not 1",
  ],
  [stored, [null], "stored() are not valid: what is given has to be an object, not null"],
  [revoke, [], "revoke() are not valid: code is missing"],
  [revoke, [5], "revoke() are not valid: code has to be a text, not 5"],
  [revoke, [CODE, { share: "12" }], "share has to be the id of a share, or at least its first 4"],
  [revoke, [CODE, { tokn: "x" }], "tokn is no option (did you mean token?)"],
] as const)("%p rejects wrong options %j", async (call, given, said) => {
  const { code, message } = await laterFaultOf(call, ...given);
  expect(code).toBe("usage");
  expect(message).toContain(said);
});

describe("a wrong option is named", () => {
  test.each([...WRONG_FOR_BOTH, ...WRONG_FOR_SEND])("send: %s, %p", (option, value, said) => {
    check("send", option, value, said);
  });

  test.each([...WRONG_FOR_BOTH, ...WRONG_FOR_RECEIVE])("receive: %s, %p", (option, value, said) => {
    check("receive", option, value, said);
  });

  test("also one that is missing, and options that are no object", () => {
    expect(faultOf(send, {}).message).toContain("what is missing");
    expect(faultOf(receive, {}).message).toContain("code is missing");
    expect(faultOf(send, ["a.bin"]).code).toBe("usage");
  });

  test("also two of which one makes no sense beside the other", () => {
    const both = { code: CODE, stdout: true, checksumFile: true };
    expect(faultOf(receive, both).message).toContain("stdout saves none");
  });

  test("and every option has a check", () => {
    for (const options of Object.values(CHECKED)) {
      expect(Object.keys(options).length).toBeGreaterThan(10);
    }
  });
});

test.each([{ receivers: 2 }, { ask: true }, { dropSlowMs: 9 }, { code: "lobby" }])(
  "a share that is to be stored does not go with %j",
  (rival) => {
    const { code, message } = faultOf(send, { what: ["a.bin"], store: { life: 60 }, ...rival });
    expect(code).toBe("usage");
    expect(message).toContain("store");
  },
);
