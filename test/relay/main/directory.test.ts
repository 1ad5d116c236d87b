import { describe, expect, test } from "bun:test";
import { SENDER_GRACE_MS, type ShareFault, type Offer } from "../../../protocol/mod.ts";
import { LiveLimits } from "../../../relay/limits/limits.ts";
import { Directory } from "../../../relay/main/directory.ts";
import type { FromDirectory } from "../../../relay/share/messages.ts";
import type { OpenedShare, StoredFacts, StoredState } from "../../../relay/store/stored-share.ts";
import { storedShare } from "../../support/relay/stored-shares.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../relay/limits/operator-limits.ts";

const SHARES_PER_CHANNEL = DEFAULT_LIMITS["shares-per-channel"];

const offer: Offer = {
  share: new Uint8Array(16),
  recordSize: 100,
  records: 5,
  bytes: 500,
  seekable: true,
};

function describeMessage(message: FromDirectory): string {
  switch (message.t) {
    case "opened": {
      const { key, owner, epoch } = message.record;
      const after = message.previousHome === undefined ? "" : ` after ${message.previousHome}`;
      const to = message.socket === undefined ? "" : ` for socket ${message.socket}${after}`;
      return `${key} of ${owner ?? "nobody"}, epoch ${epoch}${to}`;
    }
    case "refused":
      return `socket ${message.socket} refused ${message.key}: ${message.fault}`;
    case "orphaned":
      return `${message.key} orphaned, epoch ${message.epoch}`;
    case "presence":
      return `${message.key} ${message.senderHere ? "has" : "waits for"} its sender elsewhere`;
    case "closed":
      return `${message.key} closed: ${message.fault ?? "done"}`;
    case "dismissed":
      return `${message.key} dismissed`;
    case "unloaded":
      return `${message.key} unloaded`;
    case "worker-lost":
      return `lost ${message.worker}`;
    case "peer":
      return `from ${message.from}: ${message.message.t}`;
  }
}

/** A directory with two workers that write down what they are told. */
class Play {
  now = 0;
  readonly up = new Set([0, 1]);
  readonly directory: Directory;
  #told: string[] = [];

  constructor(limits: Partial<Limits> = {}) {
    const output = {
      toWorker: (worker: number, message: FromDirectory) => {
        this.#told.push(`${worker}: ${describeMessage(message)}`);
      },
      workers: () => this.up,
    };
    this.directory = new Directory(output, new LiveLimits({ ...DEFAULT_LIMITS, ...limits }));
  }

  told(): string[] {
    return this.#told.splice(0);
  }

  claim(
    worker: number,
    socket: number,
    key = "s",
    more: Partial<Offer> = {},
    channel = "c",
  ): string[] {
    const claimed = { ...offer, ...more };
    this.directory.handle({ t: "claim", worker, socket, channel, key, offer: claimed }, this.now);
    return this.told();
  }

  orphan(worker: number, epoch: number): string[] {
    this.directory.handle({ t: "orphan", worker, key: "s", epoch }, this.now);
    return this.told();
  }

  close(worker: number, epoch: number, fault?: ShareFault): string[] {
    this.directory.handle({ t: "close", worker, key: "s", epoch, fault }, this.now);
    return this.told();
  }

  tick(after: number): string[] {
    this.now += after;
    this.directory.tick(this.now);
    return this.told();
  }
}

test("a share is opened at every worker, and its sender's socket is named to its own", () => {
  const play = new Play();
  expect(play.claim(1, 7)).toEqual(["0: s of 1, epoch 1", "1: s of 1, epoch 1 for socket 7"]);
});

test("a sender that is back, at any worker, is the owner in a new epoch", () => {
  const play = new Play();
  play.claim(0, 7);
  expect(play.orphan(0, 1)).toEqual(["0: s orphaned, epoch 1", "1: s orphaned, epoch 1"]);
  expect(play.orphan(0, 1)).toEqual([]);
  expect(play.claim(1, 3)).toEqual([
    "0: s of 1, epoch 2",
    "1: s of 1, epoch 2 for socket 3 after 0",
  ]);
  expect(play.tick(2 * SENDER_GRACE_MS)).toEqual([]);
});

test("a sender is told whom it is heir of: where the log lies, as long as that worker lives", () => {
  const play = new Play();
  const previousHome = (worker: number, socket: number): string | undefined => {
    const mine = play.claim(worker, socket).find((line) => line.includes("socket"));
    return mine?.split(" after ")[1];
  };
  expect(previousHome(0, 1)).toBeUndefined();
  expect(previousHome(0, 2)).toBeUndefined();
  expect(previousHome(1, 3)).toBe("0");
  play.orphan(1, 3);
  expect(previousHome(0, 4)).toBe("1");
  play.up.delete(0);
  play.directory.workerLost(0, 0);
  expect(previousHome(1, 5)).toBeUndefined();
});

test("a late word of an older owner changes nothing", () => {
  const play = new Play();
  play.claim(0, 7);
  play.claim(1, 3);
  expect([...play.orphan(0, 1), ...play.close(0, 1)]).toEqual([]);
  expect(play.directory.shares).toBe(1);
  expect(play.close(1, 2)).toEqual(["0: s closed: done", "1: s closed: done"]);
  expect(play.close(1, 2)).toEqual([]);
});

test("a late word about a share that ended changes nothing of the same share that came again", () => {
  const play = new Play();
  play.claim(0, 7);
  play.close(0, 1);
  play.claim(1, 3);
  expect(play.orphan(0, 1)).toEqual([]);
  expect(play.close(0, 1)).toEqual([]);
  expect(play.orphan(1, 2)).toEqual(["0: s orphaned, epoch 2", "1: s orphaned, epoch 2"]);
});

test("P2 of a hundred claims of one share one is left, and all workers agree which", () => {
  const play = new Play();
  const owners: Record<string, string> = {};
  for (let socket = 0; socket < 100; socket++) {
    const worker = (socket * 7) % 2;
    for (const line of play.claim(worker, socket)) {
      const [to, said] = line.split(": ") as [string, string];
      owners[to] = said.replace(/ for socket .*/, "");
    }
  }
  expect(owners).toEqual({ 0: "s of 1, epoch 100", 1: "s of 1, epoch 100" });
  expect(play.directory.shares).toBe(1);
});

test.each<{ what: string; more?: Partial<Offer>; channel?: string }>([
  { what: "more records", more: { records: 6 } },
  { what: "another record size", more: { recordSize: 99 } },
  { what: "more bytes", more: { bytes: 501 } },
  { what: "another way to read", more: { seekable: false } },
  { what: "another channel", channel: "d" },
])("P2 a share that comes back with $what is another, and refused", ({ more, channel }) => {
  const play = new Play();
  play.claim(0, 7);
  expect(play.claim(1, 3, "s", more, channel)).toEqual(["1: socket 3 refused s: not-your-share"]);
  expect(play.close(0, 1)).toHaveLength(2);
});

test("a channel holds so many shares and no more, until one is closed", () => {
  const play = new Play();
  play.claim(0, 1);
  for (let more = 1; more < SHARES_PER_CHANNEL; more++) play.claim(0, 1, `s${more}`);
  expect(play.claim(0, 9, "over")).toEqual(["0: socket 9 refused over: too-many"]);
  expect(play.claim(0, 9, "over", {}, "d")).toHaveLength(2);
  // One that is there may come back all the same.
  expect(play.claim(0, 2)).toHaveLength(2);
  play.close(0, 2);
  expect(play.claim(0, 9, "next")).toHaveLength(2);
});

describe("when room is needed", () => {
  const CLOSED = (key: string): string[] => [
    `0: ${key} closed: sender-gone`,
    `1: ${key} closed: sender-gone`,
  ];
  /** A full channel, whose share of that number has lost its sender after so many ms. */
  function full(lost: Readonly<Record<number, number>>): Play {
    const play = new Play();
    for (let at = 0; at < SHARES_PER_CHANNEL; at++) play.claim(0, at, `s${at}`);
    for (const [at, after] of Object.entries(lost)) {
      play.directory.handle({ t: "orphan", worker: 0, key: `s${at}`, epoch: 1 }, after);
    }
    play.told();
    return play;
  }
  const accept = (play: Play, key: string): void =>
    play.directory.handle({ t: "accepted", worker: 0, key, epoch: 1 }, 0);

  test("a share goes that nobody accepted before its sender left, the one left longest first", () => {
    const play = full({ 5: 20, 7: 10, 9: 30 });
    accept(play, "s5");
    expect(play.claim(1, 100, "new").slice(0, 2)).toEqual(CLOSED("s7"));
    expect(play.claim(1, 101, "newer").slice(0, 2)).toEqual(CLOSED("s9"));
    expect(play.claim(1, 102, "newest")).toEqual(["1: socket 102 refused newest: too-many"]);
    // Nothing is lost with it: its sender may come again as soon as there is room.
    expect(play.directory.shares).toBe(SHARES_PER_CHANNEL);
    expect(play.close(0, 1)).toEqual([]);
    play.directory.handle({ t: "close", worker: 0, key: "s1", epoch: 1, fault: undefined }, 0);
    play.told();
    expect(play.claim(0, 103, "s7")).toHaveLength(2);
  });

  test("a share that a receiver accepted keeps its place, also when its sender comes and goes", () => {
    const play = full({ 5: 10 });
    accept(play, "s5");
    play.claim(1, 99, "s5");
    play.directory.handle({ t: "orphan", worker: 1, key: "s5", epoch: 2 }, 20);
    play.told();
    expect(play.claim(1, 100, "new")).toEqual(["1: socket 100 refused new: too-many"]);
  });

  test("in a channel only shares of that channel go", () => {
    const play = full({});
    play.claim(0, 99, "other", {}, "d");
    play.directory.handle({ t: "orphan", worker: 0, key: "other", epoch: 1 }, 0);
    play.told();
    expect(play.claim(1, 100, "new")).toEqual(["1: socket 100 refused new: too-many"]);
  });

  test("on a full relay any goes, and of an address its own", () => {
    const claimOf = (play: Play, key: string, address: string): string[] => {
      const claim = {
        t: "claim",
        worker: 0,
        socket: 1,
        channel: key,
        key,
        offer,
        address,
      } as const;
      play.directory.handle(claim, 0);
      return play.told();
    };
    const orphaned = (play: Play, key: string): void => {
      play.directory.handle({ t: "orphan", worker: 0, key, epoch: 1 }, 0);
      play.told();
    };
    const small = new Play({ "max-shares": 2 });
    claimOf(small, "a", "one");
    claimOf(small, "b", "one");
    orphaned(small, "b");
    expect(claimOf(small, "c", "two").slice(0, 2)).toEqual(CLOSED("b"));
    const each = new Play({ "shares-per-address": 1 });
    claimOf(each, "a", "one");
    claimOf(each, "b", "two");
    orphaned(each, "a");
    expect(claimOf(each, "c", "two")).toEqual(["0: socket 1 refused c: too-many"]);
    expect(claimOf(each, "d", "one").slice(0, 2)).toEqual(CLOSED("a"));
  });
});

describe("a sender that is away", () => {
  test("is waited for, and then its share is closed", () => {
    const play = new Play();
    play.claim(0, 7);
    play.orphan(0, 1);
    expect(play.tick(SENDER_GRACE_MS - 1)).toEqual([]);
    expect(play.tick(1)).toEqual(["0: s closed: sender-gone", "1: s closed: sender-gone"]);
    expect(play.claim(0, 8)).toEqual(["0: s of 0, epoch 2 for socket 8", "1: s of 0, epoch 2"]);
  });

  test("may be so because its worker died", () => {
    const play = new Play();
    play.claim(0, 7);
    play.up.delete(0);
    play.directory.workerLost(0, 0);
    expect(play.told()).toEqual(["1: lost 0", "1: s orphaned, epoch 1"]);
    play.up.add(0);
    play.directory.workerUp(0);
    expect(play.told()).toEqual(["0: s of nobody, epoch 1"]);
    expect(play.tick(SENDER_GRACE_MS)).toEqual([
      "1: s closed: sender-gone",
      "0: s closed: sender-gone",
    ]);
  });

  test("is not so because another worker died", () => {
    const play = new Play();
    play.claim(0, 7);
    play.directory.workerLost(1, 0);
    play.told();
    expect(play.tick(SENDER_GRACE_MS)).toEqual([]);
  });
});

describe("a relay that drains", () => {
  const draining = (play: Play): string[] => {
    play.directory.drain();
    return play.told();
  };

  test("takes no new share, and lets the ones that are there go on", () => {
    const play = new Play();
    play.claim(0, 7);
    expect(draining(play)).toEqual([]);
    expect(play.claim(1, 3, "t")).toEqual(["1: socket 3 refused t: going-away"]);
    expect(play.claim(1, 4)).toEqual([
      "0: s of 1, epoch 2",
      "1: s of 1, epoch 2 for socket 4 after 0",
    ]);
    expect(play.close(1, 2)).toEqual(["0: s closed: done", "1: s closed: done"]);
    expect(play.directory.shares).toBe(0);
  });

  test("dismisses a share whose sender is away, goes away or was on a worker that died", () => {
    const play = new Play();
    const dismissed = (key: string): string[] => [`0: ${key} dismissed`, `1: ${key} dismissed`];
    play.claim(0, 7);
    play.orphan(0, 1);
    play.claim(1, 8, "t");
    play.claim(0, 9, "u");
    expect(draining(play)).toEqual(dismissed("s"));
    play.directory.handle({ t: "orphan", worker: 1, key: "t", epoch: 1 }, 0);
    expect(play.told()).toEqual(dismissed("t"));
    play.up.delete(0);
    play.directory.workerLost(0, 0);
    expect(play.told()).toEqual(["1: lost 0", "1: u dismissed"]);
    expect(play.directory.shares).toBe(0);
    expect(play.claim(1, 3)).toEqual(["1: socket 3 refused s: going-away"]);
  });

  test("keeps a share whose sender goes on at another relay, until it is read from there", () => {
    const play = new Play();
    play.claim(0, 7);
    draining(play);
    play.directory.awaitOwners();
    expect(play.orphan(0, 1)).toEqual(["0: s orphaned, epoch 1", "1: s orphaned, epoch 1"]);
    const claim = { t: "claim", worker: 1, socket: -1, channel: "c", key: "s", offer } as const;
    play.directory.handle({ ...claim, uplink: { link: 1, relay: "b" } }, 0);
    expect(play.told()).toEqual(["0: s of 1, epoch 2", "1: s of 1, epoch 2 for socket -1 after 0"]);
    play.directory.handle({ t: "quiet", worker: 1, key: "s", epoch: 2 }, 0);
    expect(play.told()).toEqual(["0: s dismissed", "1: s dismissed"]);
  });

  test("dismisses a share that nobody takes any more, if its owner says so", () => {
    const play = new Play();
    play.claim(0, 7);
    play.claim(1, 3);
    draining(play);
    play.directory.handle({ t: "quiet", worker: 0, key: "s", epoch: 1 }, 0);
    expect(play.told()).toEqual([]);
    play.directory.handle({ t: "quiet", worker: 1, key: "s", epoch: 2 }, 0);
    expect(play.told()).toEqual(["0: s dismissed", "1: s dismissed"]);
  });
});

test("a link takes no share from a sender here, and takes that of a sender that was lost", () => {
  const play = new Play();
  play.claim(0, 7);
  const claim = { t: "claim", worker: 1, socket: -1, channel: "c", key: "s", offer } as const;
  const linked = { ...claim, uplink: { link: 1, relay: "b" } };
  expect(play.directory.claim(linked, play.now)).toBe(false);
  expect(play.told()).toEqual(["1: socket -1 refused s: replaced"]);
  play.orphan(0, 1);
  expect(play.directory.claim(linked, play.now)).toBe(true);
});

describe("a share that no link reads from another relay any more", () => {
  const LOST_MS = SENDER_GRACE_MS / 2;
  const GONE = ["0: s closed: sender-gone", "1: s closed: sender-gone"];

  function read(play: Play, isSenderAway: boolean): void {
    const claim = { t: "claim", worker: 0, socket: -1, channel: "c", key: "s", offer } as const;
    play.directory.claim({ ...claim, uplink: { link: 1, relay: "b", isSenderAway } }, play.now);
    play.told();
  }

  function presence(play: Play, senderHere: boolean, stored?: StoredFacts): void {
    const word = { t: "presence", worker: 0, key: "s", epoch: 1, senderHere, stored } as const;
    play.directory.handle(word, play.now);
    play.told();
  }

  function drop(play: Play): void {
    play.directory.drop("s", play.now);
    expect(play.told()).toEqual(["0: s orphaned, epoch 1", "1: s orphaned, epoch 1"]);
  }

  test("is waited for from then on, if its sender was there", () => {
    const play = new Play();
    read(play, true);
    presence(play, true);
    play.tick(LOST_MS);
    drop(play);
    expect(play.tick(SENDER_GRACE_MS - 1)).toEqual([]);
    expect(play.tick(1)).toEqual(GONE);
  });

  test.each(["when the link came", "later"])("is waited for since its sender left, %s", (when) => {
    const play = new Play();
    read(play, when !== "later");
    if (when === "later") play.tick(LOST_MS);
    presence(play, false);
    play.tick(LOST_MS);
    presence(play, false);
    drop(play);
    expect(play.tick(SENDER_GRACE_MS - LOST_MS - 1)).toEqual([]);
    expect(play.tick(1)).toEqual(GONE);
  });

  test("is waited for no longer when another link read it meanwhile", () => {
    const play = new Play();
    read(play, true);
    drop(play);
    play.tick(LOST_MS);
    read(play, true);
    play.tick(1);
    play.directory.drop("s", play.now);
    play.told();
    expect(play.tick(SENDER_GRACE_MS - LOST_MS - 2)).toEqual([]);
    expect(play.tick(1)).toEqual(GONE);
  });

  test("is waited for from then on, if it was whole at the other relay", () => {
    const play = new Play();
    read(play, true);
    const times = { until: Infinity, downloadsLeft: undefined, begun: [] };
    presence(play, false, { ...times, records: 1, isWhole: true });
    play.tick(2 * SENDER_GRACE_MS);
    drop(play);
    expect(play.tick(SENDER_GRACE_MS - 1)).toEqual([]);
    expect(play.tick(1)).toEqual(GONE);
  });

  test("is none of a sender here", () => {
    const play = new Play();
    play.claim(0, 7);
    play.directory.drop("s", play.now);
    expect(play.told()).toEqual([]);
  });
});

test("messages between workers are passed on, but not to their sender", () => {
  const play = new Play();
  const message = { t: "detached" } as const;
  const envelope = { t: "peer", from: 0, key: "s", epoch: 1, message } as const;
  play.directory.handle({ ...envelope, to: 1 }, 0);
  play.directory.handle({ ...envelope, to: 0 }, 0);
  expect(play.told()).toEqual(["1: from 0: detached"]);
});

describe("P12 a share that an operator ended", () => {
  const REMOVED_MS = 60 * 60_000;

  test("P12 is closed for all, and can't be offered again for an hour", () => {
    const play = new Play();
    play.claim(0, 7);
    const [entry] = play.directory.list;
    expect(play.directory.remove(entry?.number ?? 0, play.now)).toBe(true);
    expect(play.told()).toEqual(["0: s closed: removed", "1: s closed: removed"]);
    expect(play.directory.remove(entry?.number ?? 0, play.now)).toBe(false);
    expect(play.claim(0, 8)).toEqual(["0: socket 8 refused s: removed"]);
    play.tick(REMOVED_MS);
    expect(play.claim(0, 9)).toHaveLength(2);
  });

  test("P12 is remembered, but not more than a thousand of them", () => {
    const play = new Play();
    for (let at = 0; at <= 1000; at++) {
      play.claim(0, at, `s${at}`, {}, `c${at}`);
      play.directory.remove(at + 1, play.now);
      play.told();
    }
    expect(play.claim(0, 1, "s1000", {}, "c")).toEqual(["0: socket 1 refused s1000: removed"]);
    expect(play.claim(0, 1, "s1", {}, "c")).toEqual(["0: socket 1 refused s1: removed"]);
    expect(play.claim(0, 1, "s0", {}, "c")).toHaveLength(2);
  });
});

describe("a share that the relay stores", () => {
  const whole: StoredState = {
    place: "place",
    until: 1e12,
    isWhole: true,
    durableBefore: offer.records,
    records: undefined,
    downloadsLeft: undefined,
    begun: [],
  };
  const durable = [{ first: 0, count: 2 }];

  const storedAs = (state: StoredState): OpenedShare => ({
    number: 7,
    facts: storedShare(1, { key: "s", channel: "c", offer, durable }),
    state,
  });

  const claimed = (play: Play, state: StoredState): string[] => {
    const claim = { t: "claim", worker: 0, socket: 5, channel: "c", key: "s", offer } as const;
    play.directory.claim(claim, play.now, storedAs(state));
    return play.told();
  };

  test("goes on at its home when its sender ends, gives up or is cut off", () => {
    const play = new Play();
    claimed(play, whole);
    expect(play.close(0, 1)).toEqual([]);
    expect(play.close(0, 1, "sender-stopped")).toEqual([]);
    expect(play.orphan(0, 1)).toEqual([]);
    expect([...play.directory.list]).toMatchObject([{ number: 7, senderHere: false }]);
    expect(play.tick(SENDER_GRACE_MS)).toEqual([]);
  });

  test("is that of its sender alone while it is not whole", () => {
    const play = new Play();
    claimed(play, { ...whole, isWhole: false });
    expect(play.orphan(0, 1)).toEqual(["0: s orphaned, epoch 1", "1: s orphaned, epoch 1"]);
    expect(play.tick(SENDER_GRACE_MS)).toEqual([
      "0: s closed: sender-gone",
      "1: s closed: sender-gone",
    ]);
  });

  test("is whole from the moment at which the book says so", () => {
    const play = new Play();
    expect(play.directory.stored.state("s", whole)).toBe(false);
    claimed(play, { ...whole, isWhole: false });
    expect(play.directory.stored.state("s", whole)).toBe(true);
    expect(play.orphan(0, 1)).toEqual([]);
  });

  test("is not waited for by limits of live shares", () => {
    const play = new Play({ "join-timeout": 10, "share-life": 20 });
    claimed(play, { ...whole, isWhole: false });
    expect(play.tick(1000)).toEqual([]);
  });

  test("is opened for a receiver, unloaded, and opened in a later epoch", () => {
    const play = new Play();
    const open = (worker: number): string[] => {
      play.directory.stored.open(worker, storedAs(whole), play.now);
      return play.told();
    };
    expect(open(1)).toEqual(["0: s of 1, epoch 1", "1: s of 1, epoch 1"]);
    expect(open(0)).toEqual([]);
    expect(play.directory.openedEver).toBe(0);
    play.directory.stored.unload("s");
    expect(play.told()).toEqual(["0: s unloaded", "1: s unloaded"]);
    expect(open(0)).toEqual(["0: s of 0, epoch 2", "1: s of 0, epoch 2"]);
    expect(claimed(play, whole)).toEqual(["0: s of 0, epoch 3 for socket 5", "1: s of 0, epoch 3"]);
    play.directory.stored.unload("s");
    expect(play.told()).toEqual([]);
  });

  test("goes to another worker that has receivers when its own dies, or is unloaded", () => {
    for (const heir of [1, undefined]) {
      const play = new Play();
      play.directory.stored.open(0, storedAs(whole), 0);
      play.told();
      play.up.delete(0);
      play.directory.workerLost(0, 0, () => heir);
      const after = heir === undefined ? "1: s unloaded" : "1: s of 1, epoch 2";
      expect(play.told()).toEqual(["1: lost 0", after]);
    }
  });

  test("is left to another relay that serves it: its clients come again", () => {
    const play = new Play();
    claimed(play, whole);
    play.directory.stored.quiet("s");
    expect(play.told()).toEqual(["0: s dismissed", "1: s dismissed"]);
    play.directory.stored.quiet("s");
    expect(play.told()).toEqual([]);
  });

  test("is opened in place of a share that no link reads any more, and of no other", () => {
    const play = new Play();
    const claim = { t: "claim", worker: 0, socket: -1, channel: "c", key: "s", offer } as const;
    play.directory.claim({ ...claim, uplink: { link: 1, relay: "b" } }, play.now);
    play.told();
    play.directory.stored.quiet("s");
    play.directory.stored.open(1, storedAs(whole), play.now);
    expect(play.told()).toEqual([]);
    play.directory.drop("s", play.now);
    play.told();
    play.directory.stored.open(1, storedAs(whole), play.now);
    expect(play.told()).toEqual(["0: s of 1, epoch 2", "1: s of 1, epoch 2"]);
    expect(play.tick(SENDER_GRACE_MS)).toEqual([]);
    expect(play.directory.shares).toBe(1);
    const own = new Play();
    own.claim(0, 7);
    own.orphan(0, 1);
    own.directory.stored.open(1, storedAs(whole), own.now);
    expect(own.told()).toEqual([]);
  });

  test("is not opened while the relay drains, nor beyond the shares of its channel", () => {
    const play = new Play({ "shares-per-channel": 1 });
    play.claim(0, 1, "other");
    play.directory.stored.open(0, storedAs(whole), 0);
    expect(play.told()).toEqual([]);
    const draining = new Play();
    draining.directory.drain();
    draining.directory.stored.open(0, storedAs(whole), 0);
    expect(draining.told()).toEqual([]);
  });
});
