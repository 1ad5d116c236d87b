/**
 * A prefix of a bucket belongs to one relay alone, or to the relays of one cluster. Their lease is an object that each of
 * them writes anew every third of `leaseMs`:
 *
 *   <prefix>lease    id of the owner, count of writes, host, mark of the machine, process, end of line
 *
 * The relays of a cluster have one id, and the mark of no machine: after one of them is gone, others may hold the lease.
 * A relay that starts takes a lease that is free, that a dead process of this machine held, or that did not change for
 * `leaseMs` of its own clock. An owner that finds another id there ends. Servers of S3 do not agree on conditional writes, so
 * two relays that start within one moment both go on, until the earlier one renews its lease.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { FaultError } from "../../protocol/mod.ts";

import type { S3Bucket } from "./s3-bucket.ts";

/** An owner renews its lease so often within `leaseMs`: one late answer of the store ends nothing. */
const RENEWALS = 3;
/** A relay that waits for a lease looks at it so often within `leaseMs`. */
const LOOKS = 15;
/** A relay that ends gives its lease back within this time, or lets it run out. ms */
const RELEASE_MS = 2000;
/** A longer object is no lease. bytes */
const LEASE_BYTES = 1024;
const ID_BYTES = 16;
const MARK_DIGITS = 16;
const ADVICE = "stop it, or give this one a prefix of its own";
const ADVICE_OF_CLUSTER =
  "it is not of this cluster: give this cluster a prefix of its own, or that relay the same --cluster-secret";
/** The end of the line shows that a server gave all of it. */
const LEASE = /^[0-9a-f]{32} \d+ \S* [0-9a-f]{16} [1-9]\d*\n$/;

export interface LeaseEvents {
  /** Another relay seems to hold it: this one waits for `leaseMs`. */
  held(by: string): void;
  /** Another relay took it: this one has to end. */
  lost(by: string): void;
}

export class S3Lease {
  readonly #id: string;
  readonly #isShared: boolean;
  readonly #key: string;
  readonly #leaseMs: number;
  readonly #events: LeaseEvents | undefined;
  readonly #ending = new AbortController();
  #count = 0;
  /** The lease before this one: a late answer may still show it. */
  #before: string | undefined;
  #renewing: Promise<void> | undefined;

  /** @param shared the id of all relays of a cluster, 16 bytes in hex; undefined: the relay is alone */
  constructor(prefix: string, leaseMs: number, events: LeaseEvents | undefined, shared?: string) {
    this.#id = shared ?? randomBytes(ID_BYTES).toString("hex");
    this.#isShared = shared !== undefined;
    this.#key = `${prefix}lease`;
    this.#leaseMs = leaseMs;
    this.#events = events;
  }

  /**
   * @param start for this call
   * @param usual for the renewals
   * @throws FaultError `bad-store`: another relay holds it; `store-failed`
   */
  async take(start: S3Bucket, usual: S3Bucket, stop: AbortSignal): Promise<void> {
    let since = performance.now();
    for (;;) {
      const text = await this.#read(start, stop);
      if (text === undefined || text.startsWith(this.#id) || isOfTheDead(text)) break;
      if (text !== this.#before) {
        if (this.#before !== undefined) {
          const advice = this.#isShared ? ADVICE_OF_CLUSTER : ADVICE;
          throw new FaultError("bad-store", `${ownerIn(text)} uses ${this.#key}: ${advice}`);
        }
        this.#before = text;
        since = performance.now();
        this.#events?.held(ownerIn(text));
      } else if (performance.now() - since >= this.#leaseMs) break;
      await sleep(this.#leaseMs / LOOKS, undefined, { signal: stop });
    }
    await this.#write(start, stop);
    this.#renewing = this.#renew(usual);
  }

  async release(bucket: S3Bucket): Promise<void> {
    const isHeld = this.#renewing !== undefined && !this.#ending.signal.aborted;
    this.#ending.abort();
    await this.#renewing;
    // Another relay of the cluster may hold the lease as well. It runs out when no relay does.
    if (isHeld && !this.#isShared)
      await bucket.remove(this.#key, AbortSignal.timeout(RELEASE_MS)).catch(() => undefined);
  }

  /** Until it is released or lost. Never rejects. */
  async #renew(bucket: S3Bucket): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await sleep(this.#leaseMs / RENEWALS, undefined, { signal, ref: false });
        const text = await this.#read(bucket, signal);
        if (text !== undefined && text !== this.#before && !text.startsWith(this.#id)) {
          this.#ending.abort();
          this.#events?.lost(ownerIn(text));
          return;
        }
        await this.#write(bucket, signal);
      } catch {
        // The store is away, which its other requests tell: the next round tries again.
      }
    }
  }

  async #read(bucket: S3Bucket, stop: AbortSignal): Promise<string | undefined> {
    const check = (bytes: Uint8Array) => {
      const text = new TextDecoder().decode(bytes);
      return LEASE.test(text) ? text.trimEnd() : undefined;
    };
    return await bucket.find(this.#key, LEASE_BYTES, check, stop);
  }

  async #write(bucket: S3Bucket, stop: AbortSignal): Promise<void> {
    const mark = this.#isShared ? this.#id.slice(0, MARK_DIGITS) : machineMark();
    const words = [this.#id, ++this.#count, hostname(), mark, process.pid];
    await bucket.put(this.#key, new TextEncoder().encode(`${words.join(" ")}\n`), stop);
  }
}

function ownerIn(text: string): string {
  const [, , host, , pid] = text.split(" ");
  return `the relay at ${host} (process ${pid})`;
}

/** A process of this machine held it, which is gone. */
function isOfTheDead(text: string): boolean {
  const [, , , mark, pid] = text.split(" ");
  if (mark !== machineMark()) return false;
  try {
    return !process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

/** Of all processes that see each other by the same numbers, until the machine starts again. */
function machineMark(): string {
  const parts = [hostname()];
  try {
    parts.push(readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
    parts.push(readlinkSync("/proc/self/ns/pid"));
  } catch {
    // Not on Linux: the name has to do.
  }
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, MARK_DIGITS);
}
