/** Shares that this browser stored at relays: what a person needs to pass them on, and to delete them. */
import type { Store } from "./store.ts";

/** Shares that are remembered at once; the one that ends first is forgotten first. items */
const STORED_SENDS = 64;

export interface StoredSend {
  /** In hex; the key. */
  readonly share: string;
  /** In hex: shows the relay that the share is ours. */
  readonly proof: string;
  readonly code: string;
  readonly relay: string;
  /** For people: the first name of several; empty for a text. */
  readonly name: string;
  readonly bytes: number;
  /** ms since 1970 */
  readonly until: number;
}

/** Another version of the page, or a fault of the browser, may have left anything under the key. */
function isStoredSend(value: unknown, key: string): value is StoredSend {
  if (typeof value !== "object" || value === null) return false;
  const { share, proof, code, relay, name, bytes, until } = value as Partial<StoredSend>;
  return (
    share === key &&
    [proof, code, relay, name].every((text) => typeof text === "string") &&
    [bytes, until].every((number) => Number.isFinite(number))
  );
}

export class StoredSends {
  readonly #store: Store;
  readonly #now: () => number;

  /** @param now ms since 1970 */
  constructor(store: Store, now: () => number = () => Date.now()) {
    this.#store = store;
    this.#now = now;
  }

  /** The share that lasts longest first. Expired shares are forgotten. */
  list(): Promise<readonly StoredSend[]> {
    return this.#store.change(["stored-sends"], async (tables) => {
      const table = tables("stored-sends");
      const left: StoredSend[] = [];
      for (const [share, value] of await table.within("")) {
        if (isStoredSend(value, share) && value.until > this.#now()) left.push(value);
        else await table.delete(share);
      }
      const sorted = left.toSorted((one, other) => other.until - one.until);
      for (const { share } of sorted.slice(STORED_SENDS)) await table.delete(share);
      return sorted.slice(0, STORED_SENDS);
    });
  }

  async keep(send: StoredSend): Promise<void> {
    await this.#store.change(["stored-sends"], (tables) =>
      tables("stored-sends").put(send.share, send),
    );
    await this.list();
  }

  async forget(share: string): Promise<void> {
    await this.#store.change(["stored-sends"], (tables) => tables("stored-sends").delete(share));
  }
}
