/** The facts of stored shares and tombstones as text, for the ledgers: JSON with bytes in hex, and checked when read. */
import * as v from "valibot";

import { RECEIPTS_PER_MESSAGE, fromHex, toHex } from "../../protocol/mod.ts";
import { isCounted } from "./counted-receivers.ts";
import { BEGUN_MOST } from "./begun-receivers.ts";
import { RUNS_MOST } from "./record-set.ts";
import type { StoredShare, Tombstone } from "./stored-share.ts";

const hex = (bytes: number) => v.pipe(v.string(), v.regex(/^[0-9a-f]*$/), v.length(2 * bytes));
const bytes = (length: number) =>
  v.pipe(
    hex(length),
    v.transform((text): Uint8Array => fromHex(text) ?? new Uint8Array(length)),
  );
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const receipts = v.pipe(
  v.array(
    v.strictObject({
      receiver: bytes(16),
      records: whole,
      mac: bytes(16),
      unconfirmed: v.optional(v.boolean()),
      at: whole,
    }),
  ),
  v.maxLength(RECEIPTS_PER_MESSAGE),
);

const share = v.strictObject({
  place: hex(16),
  key: hex(16),
  channel: hex(16),
  offer: v.strictObject({
    share: bytes(16),
    recordSize: whole,
    records: whole,
    bytes: whole,
    seekable: v.boolean(),
    admit: v.optional(v.boolean()),
  }),
  capability: v.optional(bytes(16)),
  address: v.optional(v.string()),
  startedAt: v.optional(whole),
  seenAt: whole,
  until: whole,
  downloadsMost: v.optional(whole),
  downloads: whole,
  receipts,
  counted: v.pipe(v.string(), v.regex(/^[0-9a-f]*$/), v.check(isCounted)),
  begun: v.pipe(v.array(hex(16)), v.maxLength(BEGUN_MOST)),
  durable: v.pipe(
    v.array(v.strictObject({ first: whole, count: v.pipe(whole, v.minValue(1)) })),
    v.maxLength(RUNS_MOST),
  ),
  records: v.optional(whole),
});

const tombstone = v.strictObject({
  key: hex(16),
  channel: hex(16),
  reason: v.picklist(["stored-expired", "exhausted", "revoked"]),
  address: v.optional(v.string()),
  isSilent: v.optional(v.boolean()),
  at: whole,
  records: whole,
  downloadsMost: v.optional(whole),
  downloads: whole,
  receipts,
});

export function factsText(facts: StoredShare | Tombstone): string {
  return JSON.stringify(facts, (_, value: unknown) =>
    value instanceof Uint8Array ? toHex(value) : value,
  );
}

/** @returns undefined: it is no such text */
export function parseShare(text: string): StoredShare | undefined {
  const parsed = v.safeParse(share, fromJson(text));
  if (!parsed.success) return undefined;
  const { startedAt = parsed.output.seenAt } = parsed.output;
  return { ...ABSENT, ...parsed.output, startedAt };
}

/** @returns undefined: it is no such text */
export function parseTombstone(text: string): Tombstone | undefined {
  const parsed = v.safeParse(tombstone, fromJson(text));
  return parsed.success ? { ...ABSENT_OF_OVER, ...parsed.output } : undefined;
}

/** Keys that JSON leaves out. */
const ABSENT = {
  capability: undefined,
  address: undefined,
  downloadsMost: undefined,
  records: undefined,
};
const ABSENT_OF_OVER = { downloadsMost: undefined, address: undefined, isSilent: false };

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
