/** The directory of a cluster as one relay hears of it: the last state, and waiting for a next one. */
import type {
  DirectoryEvents,
  Entry,
  OwnerValue,
  RelayValue,
} from "../../../relay/cluster/directory-kv.ts";

export class HeardDirectory implements DirectoryEvents {
  readonly shares = new Map<string, Entry<OwnerValue>>();
  readonly relays = new Map<string, Entry<RelayValue>>();
  /** The keys that `synced` told, each time. */
  readonly syncs: ReadonlySet<string>[] = [];
  isConnected = false;
  /** All events by name, in their order. */
  readonly events: string[] = [];
  #waiting: (() => void)[] = [];

  share(entry: Entry<OwnerValue>): void {
    this.shares.set(entry.key, entry);
    this.#heard(`share ${entry.value?.relay ?? "none"}`);
  }

  relay(entry: Entry<RelayValue>): void {
    this.relays.set(entry.key, entry);
    this.#heard(`relay ${entry.value?.address ?? "none"}`);
  }

  synced(shares: ReadonlySet<string>): void {
    this.syncs.push(new Set(shares));
    this.#heard("synced");
  }

  connected(isConnected: boolean): void {
    this.isConnected = isConnected;
    this.#heard(isConnected ? "connected" : "lost");
  }

  /** Waits until it is so. */
  async when(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The next time that all was told, counted from 1. */
  sync(count: number): Promise<void> {
    return this.when(() => this.syncs.length >= count);
  }

  #heard(event: string): void {
    this.events.push(event);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
