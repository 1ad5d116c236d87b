import { basename, dirname } from "node:path";

import { FaultError } from "../../protocol/mod.ts";

import { AddressRanges, isAddressRange, limitKey, normalAddress } from "./address.ts";
import { fingerprintOf, readTextFile } from "../system/file-text.ts";
import { isOutOfDescriptors } from "../system/guard.ts";
import { HeldFolder, UNLISTED } from "../system/held-folder.ts";

/** More than an operator keeps by hand; each request is compared with all of them. */
const BANS = 10_000;
/** A file of so many bans with a long comment at each. bytes */
const FILE_BYTES = 4 * 1024 * 1024;

export interface Ban {
  /** As `203.0.113.0/24`, or one address alone. */
  readonly range: string;
  /** ms since 1970; undefined: for ever. */
  readonly until: number | undefined;
}

const HEAD = `# Addresses and ranges that may not come to this relay, and until when; without a time for ever.
# The relay writes this file anew at each ban, and reads it when it starts and at SIGHUP.
`;

/** Addresses that may not come. Kept in a file where one is given, else as long as the relay runs. */
export class Bans {
  readonly #file: string | undefined;
  #bans = new Map<string, Ban>();

  /** @throws FaultError `bad-ban-file` */
  constructor(file?: string) {
    this.#file = file;
    this.load();
  }

  get list(): readonly Ban[] {
    return [...this.#bans.values()];
  }

  get ranges(): readonly string[] {
    return [...this.#bans.keys()];
  }

  /** Reads the file again; what is wrong in it changes nothing. @throws FaultError `bad-ban-file` */
  load(): void {
    if (this.#file !== undefined) this.#bans = readBans(this.#file);
  }

  /**
   * @param given an address or a range; one address of IPv6 stands for its /64, which is one client
   * @param proxies addresses and ranges that must not be banned, since all come from there
   * @throws FaultError `bad-ban`, `bad-ban-file`
   */
  add(given: string, until: number | undefined, proxies: readonly string[]): Ban {
    const range = rangeOf(given);
    if (range === undefined) {
      throw new FaultError("bad-ban", "an address or a range such as 203.0.113.0/24 is needed");
    }
    if (overlap(range, "127.0.0.0/8") || overlap(range, "::1")) {
      throw new FaultError("bad-ban", `${range} is this machine`);
    }
    const proxy = proxies.find((each) => overlap(range, each));
    if (proxy !== undefined) {
      throw new FaultError("bad-ban", `${range} contains the trusted proxy ${proxy}`);
    }
    if (!this.#bans.has(range) && this.#bans.size >= BANS) {
      throw new FaultError("bad-ban", `there are ${BANS} bans already; remove some first`);
    }
    const ban = { range, until };
    this.#change((bans) => bans.set(range, ban));
    return ban;
  }

  /** @returns whether there was one. @throws FaultError `bad-ban-file` */
  lift(given: string): boolean {
    const range = this.#bans.has(given) ? given : rangeOf(given);
    if (range === undefined || !this.#bans.has(range)) return false;
    this.#change((bans) => bans.delete(range));
    return true;
  }

  /** @param now ms since 1970. @returns whether a ban is over */
  expire(now: number): boolean {
    const over = this.list.filter(({ until }) => until !== undefined && until <= now);
    for (const { range } of over) this.#bans.delete(range);
    return over.length > 0;
  }

  /** A ban that is not in the file does not hold: a restart would lift it in silence. */
  #change(change: (bans: Map<string, Ban>) => void): void {
    const bans = new Map(this.#bans);
    change(bans);
    if (this.#file !== undefined) writeBans(this.#file, bans.values());
    this.#bans = bans;
  }
}

function rangeOf(given: string): string | undefined {
  const text = given.trim();
  if (!isAddressRange(text)) return undefined;
  if (text.includes("/")) return text.toLowerCase();
  const address = normalAddress(text);
  return address === undefined ? undefined : limitKey(address);
}

/** Of two ranges that have anything in common one has the other's first address. */
function overlap(one: string, other: string): boolean {
  const has = (range: string, of: string): boolean => {
    const address = normalAddress(of.split("/")[0] ?? "");
    return address !== undefined && new AddressRanges([range]).has(address);
  };
  return has(one, other) || has(other, one);
}

function readBans(file: string): Map<string, Ban> {
  const bans = new Map<string, Ban>();
  // The first ban makes it.
  if (fingerprintOf(file) === "ENOENT") return bans;
  const { text } = readTextFile(file, FILE_BYTES, "bad-ban-file");
  for (const [at, line] of text.split("\n").entries()) {
    const [range = "", until, surplus] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (range === "") continue;
    const ban = {
      range: rangeOf(range),
      until: until === undefined ? undefined : Date.parse(until),
    };
    if (ban.range === undefined || Number.isNaN(ban.until) || surplus !== undefined) {
      throw new FaultError("bad-ban-file", `${file}, line ${at + 1}`);
    }
    bans.set(ban.range, { range: ban.range, until: ban.until });
    if (bans.size > BANS) throw new FaultError("bad-ban-file", `${file}: more than ${BANS} bans`);
  }
  return bans;
}

function writeBans(file: string, bans: Iterable<Ban>): void {
  const lines = [...bans].map(({ range, until }) =>
    until === undefined ? range : `${range} ${new Date(until).toISOString()}`,
  );
  try {
    using folder = new HeldFolder(dirname(file), UNLISTED);
    folder.replace(basename(file), `${HEAD}${lines.map((line) => `${line}\n`).join("")}`);
  } catch (error) {
    const code = isOutOfDescriptors(error) ? "no-descriptors" : "bad-ban-file";
    throw new FaultError(code, file, { cause: error });
  }
}
