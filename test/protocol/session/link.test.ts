import { describe, expect, test } from "bun:test";
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, CONNECT_MS } from "../../../protocol/wire/limits.ts";
import { Link } from "../../../protocol/session/link.ts";
import { PROTOCOL_VERSION } from "../../../protocol/wire/version.ts";
import { faultOf } from "../../support/faults.ts";

const WELCOME = { v: PROTOCOL_VERSION };

/** Jitter always at its upper end, nearly. */
const late = (): number => 1 - 2 ** -20;

function newLink(giveUpAfterMs?: number, random = (): number => 0): Link {
  return new Link({ giveUpAfterMs, random }, 0);
}

test("a link connects, greets and is online", () => {
  const link = newLink();
  expect(link.tick(0)).toBe("connect");
  expect(link.tick(1)).toBe("nothing");
  expect(link.opened(2)).toBe("nothing");
  link.challenged();
  expect(link.online).toBe(false);
  link.welcomed(WELCOME);
  expect(link.online).toBe(true);
  expect(link.tick(10 * CONNECT_MS)).toBe("nothing");
});

test("a relay that speaks out of turn breaks the protocol", () => {
  const link = newLink();
  link.tick(0);
  faultOf(() => link.challenged(), "bad-message");
  link.opened(0);
  faultOf(() => link.welcomed(WELCOME), "bad-message");
  link.challenged();
  faultOf(() => link.challenged(), "bad-message");
  link.welcomed(WELCOME);
  faultOf(() => link.challenged(), "bad-message");
  faultOf(() => link.welcomed(WELCOME), "bad-message");
});

test("a relay that says when to come again is not asked before", () => {
  const link = newLink();
  link.tick(0);
  link.lost("too-many", 10, 60_000);
  expect(link.tick(10 + BACKOFF_MAX_MS)).toBe("nothing");
  expect(link.tick(60_009)).toBe("nothing");
  expect(link.tick(60_010)).toBe("connect");
});

test("a socket that opens when nobody waits for it any more is closed", () => {
  const link = newLink();
  expect(link.opened(0)).toBe("disconnect");
});

test.each([
  { at: "connecting", fault: "relay-unreachable" },
  { at: "greeting", fault: "not-a-relay" },
  { at: "proving", fault: "relay-unreachable" },
] as const)("T18 $at for too long times out", ({ at, fault }) => {
  const link = newLink();
  link.tick(0);
  if (at !== "connecting") link.opened(0);
  if (at === "proving") link.challenged();
  expect(link.tick(CONNECT_MS - 1)).toBe("nothing");
  expect(link.tick(CONNECT_MS)).toBe("timed-out");
  expect(link.timeoutFault).toBe(fault);
});

test.each([
  { jitter: "least", random: () => 0, part: 0.5 },
  { jitter: "most", random: late, part: 1 },
])("waits double up to a bound, at $jitter jitter", ({ random, part }) => {
  const link = newLink(undefined, random);
  let now = 0;
  const waits = Array.from({ length: 7 }, () => {
    expect(link.tick(now)).toBe("connect");
    const lostAt = now;
    link.lost("relay-unreachable", lostAt);
    while (link.state.at === "offline" && now < link.state.retryAt) now++;
    return now - lostAt;
  });
  const due = [200, 400, 800, 1600, 3200, BACKOFF_MAX_MS, BACKOFF_MAX_MS];
  expect(waits).toEqual(due.map((wait) => wait * part));
});

test("only the first failure and the loss of a line that was up are news", () => {
  const link = newLink();
  link.tick(0);
  expect(link.lost("relay-unreachable", 0)).toBe(true);
  link.tick(1000);
  expect(link.lost("relay-unreachable", 1000)).toBe(false);
  link.tick(9000);
  link.opened(9000);
  link.challenged();
  link.welcomed(WELCOME);
  expect(link.lost("connection-lost", 9500)).toBe(true);
  expect(link.tick(9500 + BACKOFF_FIRST_MS / 2)).toBe("connect");
});

test("a store that fails after each welcome is asked less and less often", () => {
  const link = newLink();
  const waits: number[] = [];
  for (let now = 0; waits.length < 8;) {
    const since = now;
    while (link.tick(now) !== "connect") now += 10;
    waits.push(now - since);
    link.opened(now);
    link.challenged();
    link.welcomed(WELCOME);
    link.lost("store-failed", now);
  }
  expect(waits.toSorted((a, b) => a - b)).toEqual(waits);
  expect(waits.at(-1)).toBeGreaterThanOrEqual(BACKOFF_MAX_MS / 2);
});

describe("patience", () => {
  test("ends with the last fault when no welcome came in time", () => {
    const link = newLink(3000);
    link.tick(0);
    link.lost("relay-unreachable", 0);
    expect(link.tick(200)).toBe("connect");
    expect(link.tick(2999)).toBe("nothing");
    expect(link.tick(3000)).toBe("timed-out");
    faultOf(() => link.lost("relay-unreachable", 3000), "relay-unreachable");
  });

  test("ends at once when trying again can't help", () => {
    const link = newLink(3000);
    link.tick(0);
    faultOf(() => link.lost("not-a-relay", 1), "not-a-relay");
  });

  test("has no end once there was a welcome, nor where none is asked for", () => {
    const welcomed = newLink(3000);
    welcomed.tick(0);
    welcomed.opened(0);
    welcomed.challenged();
    welcomed.welcomed(WELCOME);
    const lobby = newLink();
    lobby.tick(0);
    for (const link of [welcomed, lobby]) {
      link.lost("not-a-relay", 1);
      expect(link.tick(1_000_000)).toBe("connect");
    }
  });
});

describe("a link to several relays", () => {
  const several = (giveUpAfterMs?: number, random = (): number => 0): Link =>
    new Link({ giveUpAfterMs, random, further: ["b", "c"] }, 0);

  function goOnline(link: Link, now: number): void {
    expect(link.tick(now)).toBe("connect");
    link.opened(now);
    link.challenged();
    link.welcomed(WELCOME);
  }

  test("tries each in its order, and waits after the last", () => {
    const link = several();
    const tried = [0, 0, 0].map(() => {
      expect(link.tick(0)).toBe("connect");
      const { relay } = link;
      expect(link.lost("relay-unreachable", 0)).toBe(true);
      return relay;
    });
    expect(tried).toEqual([0, 1, 2]);
    expect(link.relay).toBe(0);
    expect(link.tick(BACKOFF_FIRST_MS / 2 - 1)).toBe("nothing");
    expect(link.tick(BACKOFF_FIRST_MS / 2)).toBe("connect");
    // The second round is no news.
    expect(link.lost("relay-unreachable", 200)).toBe(false);
  });

  test("waits longer with each round", () => {
    const link = several();
    let now = 0;
    const waits = [0, 1, 2].map(() => {
      for (let tried = 0; tried < 3; tried++) {
        link.tick(now);
        link.lost("relay-unreachable", now);
      }
      const from = now;
      now = link.state.at === "offline" ? link.state.retryAt : now;
      return now - from;
    });
    expect(waits).toEqual([1, 2, 4].map((factor) => (factor * BACKOFF_FIRST_MS) / 2));
  });

  test("goes back to a relay that it lost without a word, as the other side is there", () => {
    const link = several();
    goOnline(link, 0);
    link.lost("connection-lost", 1000);
    expect(link.relay).toBe(0);
    expect(link.tick(1000 + BACKOFF_FIRST_MS)).toBe("connect");
    link.lost("relay-unreachable", 1300);
    expect(link.relay).toBe(1);
  });

  test("tries the next one after 5 s when one stands still, and gives up when all were tried", () => {
    const link = several(10_000);
    for (const relay of [0, 1, 2]) {
      const now = 5000 * relay;
      expect(link.tick(now)).toBe("connect");
      expect(link.relay).toBe(relay);
      expect(link.tick(now + 4999)).toBe("nothing");
      expect(link.tick(now + 5000)).toBe("timed-out");
      if (relay < 2) link.lost(link.timeoutFault, now + 5000);
    }
    faultOf(() => link.lost(link.timeoutFault, 15_000), "relay-unreachable");
  });

  test.each(["going-away", "relay-error", "relay-unreachable", "log-full"] as const)(
    "leaves a relay that says %s for the next one",
    (fault) => {
      const link = several();
      goOnline(link, 0);
      link.lost(fault, 1000);
      expect(link.relay).toBe(1);
      expect(link.tick(1000)).toBe("connect");
    },
  );

  test("does not come to the next relay at one instant with all others", () => {
    const link = several(undefined, late);
    goOnline(link, 0);
    link.lost("going-away", 1000);
    expect(link.tick(1000 + BACKOFF_FIRST_MS / 2)).toBe("nothing");
    expect(link.tick(1000 + BACKOFF_FIRST_MS)).toBe("connect");
  });

  test("stays with the relay whose store failed, which has records of the share", () => {
    const link = several();
    goOnline(link, 0);
    link.lost("store-failed", 1000);
    expect(link.relay).toBe(0);
  });

  test("passes over a relay that asked to be left alone", () => {
    const link = several();
    link.tick(0);
    link.lost("too-many", 0, 60_000);
    for (let now = 0; now < 50_000; now += 10_000) {
      expect(link.tick(now)).toBe("connect");
      expect(link.relay).not.toBe(0);
      link.lost("relay-unreachable", now);
    }
  });

  test("fails once no relay can help, with the fault that says the most", () => {
    const link = several(60_000);
    for (const fault of ["relay-unreachable", "untrusted-certificate"] as const) {
      link.tick(0);
      link.lost(fault, 0);
    }
    link.tick(0);
    // The first one may still come up.
    link.lost("not-a-relay", 0);
    faultOf(() => link.tick(60_000), "untrusted-certificate");
  });

  test("fails at once if all relays are hopeless", () => {
    const link = several(60_000);
    for (const fault of ["not-a-relay", "wrong-relay"] as const) {
      link.tick(0);
      link.lost(fault, 0);
    }
    link.tick(0);
    faultOf(() => link.lost("no-tls", 0), "not-a-relay");
  });
});
