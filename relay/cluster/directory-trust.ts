/**
 * Whether this relay may decide by its knowledge of the directory in NATS: it is connected, and the watch has told all.
 * It also decides when the next heartbeat goes there.
 */
import type { Say } from "./book-effects.ts";
import { HEARTBEAT_MS, RELAY_GONE_MS } from "./directory-kv.ts";

/** A tick that comes so late shows that the relay stood still, so the others may take it for gone. ms */
const PAUSE_MS = RELAY_GONE_MS / 2;
/** A watch that did not begin anew within this time after such a pause has missed no entry. ms */
const STALE_MS = RELAY_GONE_MS;

export class DirectoryTrust {
  #isConnected = false;
  #isSynced = false;
  #wasSynced = false;
  /** The end of the last pause; undefined: there was none, or the watch began anew since. */
  #staleSince: number | undefined;
  #tickedAt: number;
  #heartbeatAt = 0;
  readonly #say: Say;

  constructor(say: Say, now: number) {
    this.#say = say;
    this.#tickedAt = now;
  }

  get isReady(): boolean {
    return this.#isConnected && this.#isSynced;
  }

  /** The watch told all at least once. */
  get wasSynced(): boolean {
    return this.#wasSynced;
  }

  connected(isConnected: boolean, now: number): void {
    this.#isConnected = isConnected;
    this.#isSynced = false;
    this.#staleSince = undefined;
    this.hasten(now);
    this.heartbeat(now);
  }

  /** The directory agrees with all known entries. */
  synced(): void {
    this.#isSynced = true;
    this.#wasSynced = true;
    this.#staleSince = undefined;
  }

  /** @returns whether the relay stood still, and the directory agrees all the same */
  tick(now: number): boolean {
    const gap = now - this.#tickedAt;
    this.#tickedAt = now;
    if (gap > PAUSE_MS && this.#isSynced) {
      this.#isSynced = false;
      this.#staleSince = now;
    }
    return this.#staleSince !== undefined && now - this.#staleSince >= STALE_MS;
  }

  /** Sends a heartbeat now instead of at its time. */
  hasten(now: number): void {
    this.#heartbeatAt = now;
  }

  heartbeat(now: number): void {
    if (!this.#isConnected || now < this.#heartbeatAt) return;
    this.#heartbeatAt = now + HEARTBEAT_MS;
    this.#say({ t: "put-relay" });
  }
}
