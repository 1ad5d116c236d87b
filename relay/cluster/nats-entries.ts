/** The entries of the directory as JetStream has them: JSON of small values, under keys of blinded ids. */
import * as v from "valibot";

import {
  SITE_FORM,
  type DirectoryEvents,
  type Entry,
  type OwnerValue,
  type RelayValue,
} from "./directory-kv.ts";
import type { Change } from "./nats-watch.ts";

const hex16Bytes = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
const ownerSchema = v.object({
  relay: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  channel: v.optional(hex16Bytes),
  stored: v.optional(v.picklist(["disk", "s3"])),
  isPart: v.optional(v.boolean()),
  isOver: v.optional(v.boolean()),
  place: v.optional(hex16Bytes),
  store: v.optional(hex16Bytes),
});
const relaySchema = v.object({
  address: v.pipe(v.string(), v.regex(/^(?:\[[0-9a-f:.]{2,45}\]|[\w.-]{1,253}):\d{1,5}$/i)),
  version: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  site: v.optional(v.pipe(v.string(), v.regex(SITE_FORM))),
  drains: v.optional(v.literal(true)),
  proof: v.optional(hex16Bytes),
  public: v.optional(hex16Bytes),
  hasLeft: v.optional(v.boolean()),
});
const SHARE_KEY = /^[0-9a-f]{32}\.[0-9a-f]{32}$/;
const RELAY_KEY = /^[0-9a-f]{16}$/;

/** The valid entries that one session tells of, as values. */
export class Told {
  readonly #events: DirectoryEvents;
  readonly #warn: (why: string) => void;
  /** Until all has been told. */
  #shares: Set<string> | undefined = new Set();
  #hasWarned = false;

  constructor(events: DirectoryEvents, warn: (why: string) => void) {
    this.#events = events;
    this.#warn = warn;
  }

  share(change: Change): void {
    const entry = this.#entry(change, SHARE_KEY, ownerSchema);
    if (entry === undefined) return;
    if (entry.value === undefined) this.#shares?.delete(entry.key);
    else this.#shares?.add(entry.key);
    this.#events.share(entry);
  }

  relay(change: Change): void {
    const entry = this.#entry(change, RELAY_KEY, relaySchema);
    if (entry !== undefined) this.#events.relay(entry);
  }

  synced(): void {
    const shares = this.#shares ?? new Set();
    this.#shares = undefined;
    this.#events.synced(shares);
  }

  /** A value that is none counts as removed: its key can be taken. @returns undefined for a key of others */
  #entry<Value>(
    { key, data, revision }: Change,
    form: RegExp,
    schema: v.GenericSchema<unknown, Value>,
  ): Entry<Value> | undefined {
    if (!form.test(key)) return undefined;
    if (data === undefined) return { key, value: undefined, revision };
    const value = parsed(schema, data);
    if (value === undefined && !this.#hasWarned) {
      this.#hasWarned = true;
      this.#warn(`the value of ${key} is none that this version knows; it counts as removed`);
    }
    return { key, value, revision };
  }
}

export function packed(value: OwnerValue | RelayValue): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function parsed<Value>(
  schema: v.GenericSchema<unknown, Value>,
  data: Uint8Array,
): Value | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
    const result = v.safeParse(schema, value);
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the value is none of an owner, so that its key may be taken. */
export function isNoOwner(data: Uint8Array): boolean {
  return parsed(ownerSchema, data) === undefined;
}
