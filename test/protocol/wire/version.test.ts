import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { pack } from "msgpackr";
import { decodeControl, encodeControl } from "../../../protocol/wire/control.ts";
import { Link } from "../../../protocol/session/link.ts";
import {
  commonVersion,
  LEAST_VERSION,
  OUR_VERSIONS,
  PROTOCOL_VERSION,
  saidVersions,
  VERSION_MAX,
  versionMismatch,
  versionsIn,
} from "../../../protocol/wire/version.ts";
import { faultOf } from "../../support/faults.ts";

test("the newest version that both speak is taken, and none where there is none", () => {
  const version = fc.nat(20);
  const versions = fc.tuple(version, version).map(([one, other]) => ({
    v: Math.max(one, other),
    least: Math.min(one, other),
  }));
  fc.assert(
    fc.property(versions, versions, (client, relay) => {
      const both = Array.from({ length: 21 }, (_, v) => v).filter((v) =>
        [client, relay].every(({ v: most, least }) => v >= least && v <= most),
      );
      expect(commonVersion(client, relay)).toBe(both.at(-1));
      expect(commonVersion(relay, client)).toBe(both.at(-1));
    }),
  );
});

test.each([
  { client: { v: 1, least: 1 }, relay: { v: 3, least: 2 }, older: "this program" },
  { client: { v: 5, least: 4 }, relay: { v: 3, least: 2 }, older: "the relay" },
])("the fault names both versions and the older side: $older", ({ client, relay, older }) => {
  const { code, detail, message } = versionMismatch(client, relay);
  expect(code).toBe("version-mismatch");
  expect(detail).toEndWith(`, so ${older} is the older one`);
  expect(detail).toStartWith("the relay speaks versions 2 to 3 and this program version");
  expect(message).toEndWith("Update the older of the two.");
});

test.each([
  { said: { v: 7 }, versions: { v: 7, least: 7 } },
  { said: { v: 7, least: 2 }, versions: { v: 7, least: 2 } },
  { said: { v: 0 }, versions: { v: 0, least: 0 } },
  { said: { v: VERSION_MAX }, versions: { v: VERSION_MAX, least: VERSION_MAX } },
  { said: {}, versions: undefined },
  { said: { v: "7" }, versions: undefined },
  { said: { v: 1.5 }, versions: undefined },
  { said: { v: -1 }, versions: undefined },
  { said: { v: NaN }, versions: undefined },
  { said: { v: VERSION_MAX + 1 }, versions: undefined },
  { said: { v: 1, least: 2 }, versions: undefined },
  { said: { v: 1, least: null }, versions: undefined },
])("the versions in a hello are read or not: case %#", ({ said, versions }) => {
  expect(versionsIn(said)).toEqual(versions);
});

test("a version comes back as it was said", () => {
  for (const versions of [OUR_VERSIONS, { v: 3, least: 2 }]) {
    expect(versionsIn(saidVersions(versions))).toEqual(versions);
  }
  expect(saidVersions({ v: 3, least: 3 })).toEqual({ v: 3 });
});

describe("a hello of the future", () => {
  const future = {
    t: "hello",
    v: PROTOCOL_VERSION + 2,
    least: PROTOCOL_VERSION + 1,
    role: ["sender", { of: 3 }],
    key: "not 32 bytes",
    token: { kind: 7 },
    quiet: null,
    added: [1.5, "later"],
  };

  test("is told of the versions, whatever else it says", () => {
    const { detail } = faultOf(() => decodeControl(pack(future), "anyone"), "version-mismatch");
    expect(detail).toBe(
      `the relay speaks version ${PROTOCOL_VERSION} and this program versions 3 to 4, so the relay is the older one`,
    );
    faultOf(() => decodeControl(pack({ t: "hello" }), "anyone"), "version-mismatch");
    faultOf(() => decodeControl(pack({ t: "hello", v: "two" }), "anyone"), "version-mismatch");
  });

  test("is read if it goes back to a version of ours", () => {
    const proof = { key: new Uint8Array(32), signature: new Uint8Array(64) };
    const hello = { ...future, least: LEAST_VERSION, role: "sender", ...proof, token: "x" };
    faultOf(() => decodeControl(pack(hello), "anyone"), "bad-message"); // `quiet` is still none
    expect(decodeControl(pack({ ...hello, quiet: true }), "anyone")).toEqual({
      t: "hello",
      v: future.v,
      least: LEAST_VERSION,
      role: "sender",
      ...proof,
      token: "x",
      quiet: true,
    });
  });
});

describe("a welcome", () => {
  const greeting = (): Link => {
    const link = new Link({ giveUpAfterMs: undefined, random: () => 0 }, 0);
    link.tick(0);
    link.opened(0);
    link.challenged();
    return link;
  };
  const session = new Uint8Array(8);
  const limits = { frame: 1, window: 1, credit: 1 };

  test("of a version that we don't speak is none", () => {
    const link = greeting();
    const { detail } = faultOf(() => link.welcomed({ v: 9 }), "version-mismatch");
    expect(detail).toContain("the relay speaks version 9 and this program version 2, so this");
    expect(link.online).toBe(false);
  });

  test("without a version is of the first, which no relay speaks any more", () => {
    const old = decodeControl(encodeControl({ t: "welcome", session, limits }), "anyone");
    expect(old).toEqual({ t: "welcome", session, limits });
    const link = greeting();
    faultOf(() => link.welcomed({}), "version-mismatch");
  });
});
