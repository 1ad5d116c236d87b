import { describe, expect, test } from "bun:test";
import { AddressRanges } from "../../../relay/access/address.ts";
import { clientAddressOf, type ClientAddress } from "../../../relay/access/client-address.ts";

const PROXY = "10.0.0.1";

/** Of a request that comes from `peer`, where 10.0.0.0/8 and fd00::/8 are trusted proxies. */
function client(headers: Record<string, string>, peer: string | null = PROXY): ClientAddress {
  const trusted = new AddressRanges(["10.0.0.0/8", "fd00::/8"]);
  const url = new URL("http://inside:8000/ws");
  return clientAddressOf(new Headers(headers), url, peer ?? undefined, trusted);
}

describe("where a request comes from", () => {
  test.each([
    ["nothing is said", "", PROXY],
    ["one address", "192.0.2.1", "192.0.2.1"],
    [
      "an address that the client wrote itself, on the left",
      "198.51.100.9, 192.0.2.1",
      "192.0.2.1",
    ],
    ["a trusted address that the client wrote", "10.0.0.9, 192.0.2.1", "192.0.2.1"],
    ["through two proxies", "192.0.2.1, 10.0.0.2", "192.0.2.1"],
    ["through three, one of IPv6", "192.0.2.1, fd00::2,10.0.0.2", "192.0.2.1"],
    ["within the proxies' own network", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["IPv4 within IPv6", "::ffff:192.0.2.1", "192.0.2.1"],
    ["with a port", "192.0.2.1:4711", "192.0.2.1"],
    ["IPv6 with a port", "[2001:DB8::1]:4711", "2001:db8::1"],
    ["IPv6 in brackets", "[2001:db8::1]", "2001:db8::1"],
    ["garbage", "unknown", PROXY],
    ["garbage behind a proxy", "evil, 10.0.0.2", PROXY],
    ["garbage further left is not read", "evil, 192.0.2.1", "192.0.2.1"],
    ["a list that ends in nothing", "192.0.2.1,", PROXY],
    ["only commas", ",,,", PROXY],
    ["a name", "localhost", PROXY],
  ])("P11 %s", (_, list, address) => {
    expect(client({ "x-forwarded-for": list }).address).toBe(address);
  });

  test("P11 a client that is no trusted proxy may say anything", () => {
    const lie = { "x-forwarded-for": "192.0.2.1", "x-forwarded-host": "evil.example" };
    expect(client(lie, "::ffff:203.0.113.5")).toEqual({
      address: "203.0.113.5",
      limitKey: "203.0.113.5",
      origin: "http://inside:8000",
    });
    expect(client(lie, null).address).toBe("");
  });

  test("P11 another header for the same is not read, since a proxy passes on what it does not know", () => {
    expect(client({ forwarded: "for=192.0.2.1", "x-real-ip": "192.0.2.1" }).address).toBe(PROXY);
  });

  test("P11 the clients of a /64 count as one", () => {
    const keys = ["2001:db8::1", "2001:db8::ffff:1"].map((each) => {
      return client({ "x-forwarded-for": each }).limitKey;
    });
    expect(keys).toEqual(["2001:db8:0:0::/64", "2001:db8:0:0::/64"]);
  });
});

test.each([
  [{}, "http://inside:8000"],
  [{ "x-forwarded-proto": "https" }, "https://inside:8000"],
  [{ "x-forwarded-host": "relay.example" }, "http://relay.example"],
  [
    { "x-forwarded-proto": "HTTPS", "x-forwarded-host": "Relay.example:8443" },
    "https://relay.example:8443",
  ],
  [{ "x-forwarded-host": "evil.example, relay.example" }, "http://relay.example"],
  [{ "x-forwarded-host": "[2001:db8::1]:80" }, "http://[2001:db8::1]"],
  [{ "x-forwarded-proto": "javascript" }, "http://inside:8000"],
  [{ "x-forwarded-host": "evil/path" }, "http://inside:8000"],
  [{ "x-forwarded-host": "user@evil" }, "http://inside:8000"],
  [{ "x-forwarded-host": ":::" }, "http://inside:8000"],
])("P11 %j of a trusted proxy: the relay is reached at %s", (headers, origin) => {
  expect(client(headers).origin).toBe(origin);
});
