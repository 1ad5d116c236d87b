import { describe, expect, test } from "bun:test";
import {
  AddressRanges,
  isAddressRange,
  limitKey,
  normalAddress,
} from "../../../relay/access/address.ts";

test.each([
  ["192.0.2.1", "192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"],
  ["::FFFF:c000:0201", "192.0.2.1", "192.0.2.1"],
  ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:ffff::", "2001:db8:1:2:ffff::", "2001:db8:1:2::/64"],
  ["2001:db8:1::2:3:4", "2001:db8:1::2:3:4", "2001:db8:1:0::/64"],
  ["fe80::1%eth0", "fe80::1", "fe80:0:0:0::/64"],
  ["::1", "::1", "0:0:0:0::/64"],
  ["::", "::", "0:0:0:0::/64"],
  ["1::", "1::", "1:0:0:0::/64"],
  ["64:ff9b::192.0.2.1", "64:ff9b::c000:201", "64:ff9b:0:0::/64"],
])("P11 %s is %s and counts as %s", (given, normal, key) => {
  expect(normalAddress(given)).toBe(normal);
  expect(limitKey(normal)).toBe(key);
});

test.each([
  "",
  "unknown",
  "192.0.2",
  "192.0.2.256",
  "010.0.0.1",
  "1.2.3.4:5",
  "[::1]",
  "::1 ",
  "%",
])("P11 %j is no address", (given) => {
  expect(normalAddress(given)).toBeUndefined();
});

describe("ranges of addresses", () => {
  test.each([
    ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "::a00:1"]],
    ["10.1.2.3/8", ["10.200.0.1"], ["11.0.0.0"]],
    ["203.0.113.128/25", ["203.0.113.128"], ["203.0.113.127"]],
    ["192.0.2.7", ["192.0.2.7"], ["192.0.2.8"]],
    ["::ffff:10.0.0.0/104", ["10.1.2.3"], ["11.0.0.0"]],
    ["0.0.0.0/0", ["192.0.2.1"], ["2001:db8::1"]],
    ["::/0", ["2001:db8::1", "::1"], ["192.0.2.1"]],
    ["2001:db8:1:8000::/49", ["2001:db8:1:ffff::1"], ["2001:db8:1:7fff::1", "2001:db8:2::"]],
    ["fd00::1", ["fd00::1"], ["fd00::2", ""]],
  ])("P11 %s", (range, within, without) => {
    const ranges = new AddressRanges([range]);
    expect(within.filter((address) => !ranges.has(address))).toEqual([]);
    expect(without.filter((address) => ranges.has(address))).toEqual([]);
  });

  test.each(["", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10/8", "::/129", "host/8"])(
    "%j is none",
    (text) => {
      expect(isAddressRange(text)).toBe(false);
      expect(() => new AddressRanges([text])).toThrow(RangeError);
    },
  );
});
