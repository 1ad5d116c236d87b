import { describe, expect, test } from "bun:test";

import {
  AddressTable,
  createAddressTable,
  forgetWorker,
  type Place,
} from "../../../relay/limits/address-table.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../relay/limits/operator-limits.ts";

const limits: Limits = {
  ...DEFAULT_LIMITS,
  "max-sockets": 10,
  "sockets-per-address": 4,
  "attempts-per-minute": 600,
};

function workers(
  count: number,
  slots?: number,
): { tables: AddressTable[]; crash: (at: number) => void } {
  const buffers = createAddressTable(count, slots);
  return {
    tables: Array.from({ length: count }, (_, worker) => new AddressTable(buffers, worker)),
    crash: (worker) => forgetWorker(buffers, worker),
  };
}

function enter(addresses: AddressTable, address: string | undefined): Place {
  const place = addresses.enter(address, limits, 0);
  if (typeof place === "string") throw new Error(place);
  return place;
}

describe("T4 sockets", () => {
  test("of one address are counted over all workers, and one that leaves makes room", () => {
    const { tables } = workers(2);
    const [one, two] = [tables[0]!, tables[1]!];
    const places = [one, two, one, two].map((addresses) => enter(addresses, "192.0.2.1"));
    expect(one.enter("192.0.2.1", limits, 0)).toBe("sockets-per-address");
    expect(two.enter("192.0.2.1", limits, 0)).toBe("sockets-per-address");
    enter(one, "192.0.2.2");
    two.leave(places[1]!);
    enter(one, "192.0.2.1");
    expect(one.size).toBe(5);
  });

  test("in all are counted over all workers, those of this machine too", () => {
    const { tables } = workers(3);
    for (let at = 0; at < 10; at++) enter(tables[at % 3]!, undefined);
    expect(tables[0]!.enter("192.0.2.1", limits, 0)).toBe("max-sockets");
    expect(tables[1]!.enter(undefined, limits, 0)).toBe("max-sockets");
    expect(tables[2]!.size).toBe(10);
  });

  test("beyond half of those of one address, or of all, leave no room for further ones of a client", () => {
    const addresses = workers(1).tables[0]!;
    const isCrowded = (place: Place): boolean => addresses.isCrowded(place, limits, 0);
    const places = [1, 2].map(() => enter(addresses, "192.0.2.1"));
    expect(isCrowded(places[0]!)).toBe(false);
    enter(addresses, "192.0.2.1");
    expect(isCrowded(places[0]!)).toBe(true);
    const other = enter(addresses, "192.0.2.2");
    expect(isCrowded(other)).toBe(false);
    for (let count = addresses.size; count < 6; count++) enter(addresses, undefined);
    expect(isCrowded(other)).toBe(true);
  });

  test("of an address with half of its attempts of a minute may be no further ones", () => {
    const addresses = workers(1).tables[0]!;
    const place = enter(addresses, "192.0.2.1");
    const attempt = (): void => {
      addresses.attempt("192.0.2.1", limits["attempts-per-minute"], 0);
    };
    for (let count = 0; count < 300; count++) attempt();
    expect(addresses.isCrowded(place, limits, 0)).toBe(false);
    attempt();
    expect(addresses.isCrowded(place, limits, 0)).toBe(true);
    expect(addresses.isCrowded(place, limits, 1000)).toBe(false);
  });

  test("of a worker that crashed are counted no more", () => {
    const { tables, crash } = workers(2);
    for (const at of [0, 0, 0, 1]) enter(tables[at]!, "192.0.2.1");
    expect(tables[1]!.enter("192.0.2.1", limits, 0)).toBe("sockets-per-address");
    crash(0);
    expect(tables[1]!.size).toBe(1);
    for (const at of [1, 0, 1]) enter(tables[at]!, "192.0.2.1");
    expect(tables[1]!.enter("192.0.2.1", limits, 0)).toBe("sockets-per-address");
  });

  test("of more addresses than there are slots are counted together, and no count is lost", () => {
    const { tables } = workers(1, 4);
    const wide = { ...limits, "max-sockets": 1000, "sockets-per-address": 50 };
    const addresses = tables[0]!;
    const entered: Place[] = [];
    let refused = 0;
    for (let at = 0; at < 300; at++) {
      const place = addresses.enter(`192.0.2.${at}`, wide, 0);
      if (typeof place === "number") entered.push(place);
      else refused++;
    }
    // Four slots with 50 each.
    expect(entered.length).toBeLessThanOrEqual(4 * 50);
    expect(refused).toBe(300 - entered.length);
    for (const place of entered) addresses.leave(place);
    expect(addresses.size).toBe(0);
    for (let at = 0; at < 50; at++) expect(addresses.enter("192.0.2.1", wide, 0)).toBeNumber();
  });
});

describe("P1 attempts", () => {
  test("a hundred thousand guesses of one address take as many minutes as the limit says", () => {
    const { tables } = workers(2);
    const perMinute = limits["attempts-per-minute"];
    let passed = 0;
    let now = 1_700_000_000_000;
    const begun = now;
    for (let guess = 0; passed < 100_000; guess++) {
      if (tables[guess % 2]!.attempt("192.0.2.1", perMinute, now)) passed++;
      else now += 7;
    }
    const minutes = (now - begun) / 60_000;
    // As many as in a minute are let through at once.
    expect(minutes).toBeGreaterThan(100_000 / perMinute - 1.01);
    expect(minutes).toBeLessThan(100_000 / perMinute);
  });

  test("of others, and of this machine, are not counted with them", () => {
    const addresses = workers(1).tables[0]!;
    for (let at = 0; at < 3; at++) expect(addresses.attempt("192.0.2.1", 3, 0)).toBe(true);
    expect(addresses.attempt("192.0.2.1", 3, 0)).toBe(false);
    expect(addresses.attempt("192.0.2.2", 3, 0)).toBe(true);
    for (let at = 0; at < 100; at++) expect(addresses.attempt(undefined, 3, 0)).toBe(true);
    expect(addresses.attempt("192.0.2.1", 3, 20_000)).toBe(true);
    expect(addresses.attempt("192.0.2.1", 3, 20_000)).toBe(false);
  });

  test("of a million addresses need no more memory, and slots are used again", () => {
    const addresses = workers(1, 256).tables[0]!;
    let refused = 0;
    for (let at = 0; at < 100_000; at++) {
      if (!addresses.attempt(`2001:db8:0:${at.toString(16)}::/64`, 6000, at * 10)) refused++;
    }
    expect(refused).toBe(0);
  });
});
