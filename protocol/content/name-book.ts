import { equalBytes } from "../wire/bytes.ts";
import type { ReceiverEntry } from "../wire/control.ts";
import { RECEIVERS_PER_SHARE } from "../wire/limits.ts";
import { mayBeName } from "../crypto/seal.ts";

/** What a name turned out to be. */
type Known =
  | { readonly is: "opened"; readonly sealed: Uint8Array; readonly name: string }
  | { readonly is: "refused"; readonly sealed: Uint8Array };

export type FoundName = { readonly is: "unknown" } | Known;

/**
 * Which receivers showed by their names that they have the code. Relays repeat a name with every
 * piece of news about its receiver; here it is deciphered once. Names that open and names that don't
 * have a room each, so that a flood of the latter displaces none of the former.
 */
export class NameBook {
  readonly #opened = new Map<string, Extract<Known, { is: "opened" }>>();
  readonly #refused = new Map<string, Extract<Known, { is: "refused" }>>();

  /** @param key the receiver's id in hex */
  find(key: string, { name: sealed }: ReceiverEntry): FoundName {
    if (!mayBeName(sealed)) return { is: "refused", sealed };
    for (const known of [this.#opened.get(key), this.#refused.get(key)]) {
      if (known !== undefined && equalBytes(known.sealed, sealed)) return known;
    }
    return { is: "unknown" };
  }

  /** @param name undefined: it did not open */
  note(key: string, { name: sealed }: ReceiverEntry, name: string | undefined): void {
    if (name === undefined) keep(this.#refused, key, { is: "refused", sealed });
    else keep(this.#opened, key, { is: "opened", sealed, name });
  }
}

/** The newest stay. A name that is dropped is deciphered again should it be said again. */
function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= RECEIVERS_PER_SHARE) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
