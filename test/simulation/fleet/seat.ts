/** The seat of one life of a relay in its cluster: the directory in memory, as the relay sees it, and what it knows of owners. */
import { drainMicrotasks } from "bun:jsc";

import {
  RELAY_GONE_MS,
  type DirectoryEvents,
  type DirectoryKv,
  type Outcome,
} from "../../../relay/cluster/directory-kv.ts";
import { CLOSE_MS } from "../../../relay/limits/limits.ts";
import { DirectoryClient, type MemoryDirectory } from "../cluster/memory-directory.ts";
import { Violation } from "../world.ts";
import type { RelayWorld } from "./host.ts";

/** More than `ClusterBook` takes to trust its watch again. ms */
const STALE_MS = RELAY_GONE_MS + 1000;
/** A relay that knows a newer owner lets go of its sender within that time: the message to the worker. ms */
const YIELD_MS = 50;
/** Further lines of a sender end when its main line is closed. ms */
const FURTHER_MS = CLOSE_MS + YIELD_MS;

export class DirectorySeat {
  readonly id: string;
  readonly #world: RelayWorld;
  readonly #directory: MemoryDirectory;
  readonly #isReached: () => boolean;
  /** When the directory lost writes last; undefined: it never did. */
  readonly #hasLost: () => boolean;
  #client: DirectoryClient | undefined;
  /** Revisions of what this relay wrote last, by share. */
  readonly #done = new Map<string, number>();
  /** By share, since when this relay knows that another one owns it. ms */
  readonly #lostAt = new Map<string, number>();

  /** The watch told all in this session. */
  #isSynced = false;
  readonly #yieldMs: number;

  /** @param isSeveral senders have several lines */
  constructor(
    id: string,
    world: RelayWorld,
    directory: MemoryDirectory,
    isReached: () => boolean,
    hasLost: () => boolean,
    isSeveral: boolean,
  ) {
    this.#yieldMs = isSeveral ? FURTHER_MS : YIELD_MS;
    this.id = id;
    this.#world = world;
    this.#directory = directory;
    this.#isReached = isReached;
    this.#hasLost = hasLost;
  }

  open = (events: DirectoryEvents): Promise<DirectoryKv> => {
    const { clock } = this.#world;
    const client = new DirectoryClient(
      this.#directory,
      {
        share: (entry) =>
          this.#event(() => {
            this.#told(entry.key, entry.value?.relay, entry.revision);
            events.share(entry);
          }),
        relay: (entry) => this.#event(() => events.relay(entry)),
        synced: (keys) =>
          this.#event(() => {
            this.#isSynced = true;
            for (const name of this.#lostAt.keys()) this.#lostAt.set(name, clock.now);
            events.synced(keys);
          }),
        connected: (isConnected) =>
          clock.run(() => {
            this.#world.trace(() => `is ${isConnected ? "" : "not "}connected`);
            this.#lostAt.clear();
            this.#isSynced = false;
            events.connected(isConnected);
          }),
      },
      this.#isReached,
    );
    this.#client = client;
    const ask = (change: (to: MemoryDirectory) => Outcome, key?: string): Promise<Outcome> =>
      new Promise((resolve) => {
        client.change(change, (outcome) =>
          clock.run(() => {
            if (key !== undefined && outcome.t === "done") {
              this.#done.set(key, outcome.revision);
              this.#lostAt.delete(key);
            }
            resolve(outcome);
            drainMicrotasks();
          }),
        );
      });
    return Promise.resolve({
      roundTrip: undefined,
      putShare: (key, value, revision) => ask((to) => to.putShare(key, value, revision), key),
      removeShare: (key, revision) => ask((to) => to.removeShare(key, revision)),
      putRelay: (id, value) => ask((to) => to.putRelay(id, value)),
      removeRelay: (id) => ask((to) => to.putRelay(id, undefined)),
      close: () => {
        client.close();
        return Promise.resolve();
      },
    } satisfies DirectoryKv);
  };

  networkChanged(): void {
    this.#client?.networkChanged();
  }

  close(): void {
    this.#client?.close();
  }

  /** A sender at this relay gave a record. @param name of the share in the directory */
  wrote(name: string): void {
    const since = this.#lostAt.get(name);
    // After it stood still it trusts the watch no sooner.
    const isStale = this.#world.clock.now - this.#world.clock.resumedAt < STALE_MS;
    if (!this.#isSynced || isStale) return;
    if (since === undefined || this.#hasLost() || this.#world.clock.now - since < this.#yieldMs)
      return;
    throw new Violation(`${this.id} takes records of a share that it knows another relay owns`);
  }

  /** A session says no word after its end, also where one waited in a relay that stood still. */
  #event(run: () => void): void {
    const session = this.#client?.session;
    this.#world.clock.run(() => {
      if (this.#client?.session === session) run();
    });
  }

  #told(name: string, owner: string | undefined, revision: number): void {
    this.#world.trace(() => `is told ${name.slice(-8)} = ${owner ?? "nobody"} at ${revision}`);
    if (owner === undefined || owner === this.id) this.#lostAt.delete(name);
    else if (revision > (this.#done.get(name) ?? 0) && !this.#lostAt.has(name)) {
      this.#lostAt.set(name, this.#world.clock.now);
    }
  }
}
