/** Announcements as packets: one strict form is believed, and strangers' bytes never throw. */
import { encode, type Answer, type Packet } from "dns-packet";
import { describe, expect, test } from "bun:test";
import { array, assert, nat, property, tuple } from "fast-check";
import {
  IDS_PER_ANNOUNCEMENT,
  SERVICE,
  readAnnouncements,
  recordsOf,
  type Announced,
} from "../../../cli/discovery/announcement.ts";
import { decoded } from "../../../cli/discovery/multicast-sockets.ts";
import { relaysOf } from "../../../cli/discovery/seeker.ts";

const INSTANCE = "0011223344556677";
const NAME = `${INSTANCE}.${SERVICE}`;
const ADDRESSES = { ipv4: ["10.7.0.1"], ipv6: ["fd07::1"] };
const RULES = { ttl: 120, flush: true };

function announced(changes: Partial<Announced> = {}): Announced {
  const ids = [1, 2].map((byte) => new Uint8Array(12).fill(byte));
  return {
    port: 8000,
    tls: false,
    path: "/ws",
    nonce: new Uint8Array(16).fill(9),
    ids,
    ...changes,
  };
}

function packetOf(one: Announced, rules = RULES): Packet {
  const { pointer, others } = recordsOf(INSTANCE, one, ADDRESSES, rules);
  return { type: "response", answers: [pointer], additionals: others };
}

function read(packet: Packet): ReturnType<typeof readAnnouncements> {
  const back = decoded(encode(packet));
  return back === undefined ? [] : readAnnouncements(back);
}

/** The announcement with other strings in its TXT record. */
function withTexts(data: string[]): Packet {
  const { pointer, others } = recordsOf(INSTANCE, announced(), ADDRESSES, RULES);
  const changed = others.map((one): Answer =>
    one.type === "TXT" ? { type: "TXT", name: NAME, data } : one,
  );
  return { type: "response", answers: [pointer], additionals: changed };
}

const NONCE = "n=CQkJCQkJCQkJCQkJCQkJCQ";

describe("an announcement", () => {
  test.each([
    announced(),
    announced({ tls: true, path: "/deep/er/ws", port: 65_535 }),
    announced({ ids: [] }),
    announced({
      ids: Array.from({ length: IDS_PER_ANNOUNCEMENT }, (_, n) => new Uint8Array(12).fill(n)),
    }),
  ])("is read as it was written (%#)", (one) => {
    const addresses = ["10.7.0.1", "fd07::1"];
    expect(read(packetOf(one))).toEqual([
      { instance: INSTANCE, isGoodbye: false, addresses, ...one },
    ]);
  });

  test("of very many channels has the first ones, and fits in one packet", () => {
    const ids = Array.from({ length: 200 }, (_, n) => new Uint8Array(12).fill(n));
    const packet = packetOf(announced({ ids, tls: true }));
    const most = Array.from({ length: 4 }, (_, n) => [`10.7.0.${n}`, `fd07:1:2:3:4:5:6:${n}`]);
    const [ipv4, ipv6] = [most.map(([one]) => one!), most.map(([, one]) => one!)];
    const { pointer, others } = recordsOf(INSTANCE, announced({ ids }), { ipv4, ipv6 }, RULES);
    const whole: Packet = { type: "response", answers: [pointer, pointer], additionals: others };
    expect(encode(whole).length).toBeLessThan(1400);
    const [one] = read(packet);
    expect(one?.ids).toEqual(ids.slice(0, IDS_PER_ANNOUNCEMENT));
  });

  test("with a TTL of 0 is a goodbye", () => {
    const [one] = read(packetOf(announced(), { ttl: 0, flush: true }));
    expect(one?.isGoodbye).toBe(true);
  });

  test.each([
    [["v=2", NONCE]],
    [[NONCE]],
    [["v=1"]],
    [["v=1", "n=short"]],
    [["v=1", "n=CQkJCQkJCQkJCQkJCQkJC!"]],
    [["v=1", `${NONCE}x`]],
    [["v=1", NONCE, "p=/x"]],
    [["v=1", NONCE, "p=//evil/ws"]],
    [["v=1", NONCE, "p=@evil/ws"]],
    [["v=1", NONCE, "p=/a/b/c/d/e/ws"]],
    [["v=1", NONCE, "p=/../%2e/ws?x"]],
    [["v=2", "v=1", NONCE]],
  ])("with the texts %j is left out", (texts) => {
    expect(read(withTexts(texts))).toEqual([]);
  });

  test("T23 leads to no name, no loopback, no link-local address and no other network", () => {
    const at = {
      name: "eth0",
      ipv4: ["10.7.0.2"],
      ipv6: [],
      hasIpv6: true,
      isOnLink: (address: string) => /^10\.7\.0\.|^fe80|^fd07/.test(address),
    };
    const addresses = ["127.0.0.1", "192.0.2.1", "::1", "fe80::1", "fd07::9", "evil", "10.7.0.9"];
    const one = { ...announced(), instance: INSTANCE, isGoodbye: false, addresses };
    const relays = relaysOf(one, { address: "10.7.0.1", port: 5353 }, { at });
    expect(relays.map(({ address }) => address)).toEqual([
      "ws://10.7.0.1:8000/ws",
      "ws://[fd07::9]:8000/ws",
      "ws://10.7.0.9:8000/ws",
    ]);
  });

  test("is found, or nothing is, in any damaged packet", () => {
    const whole = encode(packetOf(announced()));
    assert(
      property(
        array(tuple(nat(whole.length - 1), nat(255)), { maxLength: 6 }),
        nat(whole.length),
        (changes, length) => {
          const bytes = Buffer.from(whole);
          for (const [at, byte] of changes) bytes[at] = byte;
          const packet = decoded(bytes.subarray(0, whole.length - length));
          for (const one of packet === undefined ? [] : readAnnouncements(packet)) {
            expect(one.path).toMatch(/^(?:\/[\w.~-]{1,32}){0,4}\/ws$/);
            expect(one.nonce.length).toBe(16);
            expect(one.port).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
