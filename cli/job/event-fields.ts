/** The words of the schemas of events: a field with its meaning, the values of fields, and the fault of every command. */
import * as v from "valibot";

import { FAULTS, type FaultCode } from "../../protocol/wire/faults.ts";

/** A field, with what it means. */
export function field<Schema extends v.GenericSchema>(schema: Schema, meaning: string) {
  return v.pipe(schema, v.description(meaning));
}

/** An event, with when it comes. */
export function event<const Name extends string, Fields extends v.ObjectEntries>(
  name: Name,
  meaning: string,
  fields: Fields,
) {
  const entries = { event: v.literal(name), ...fields };
  return v.pipe(v.strictObject(entries), v.description(meaning));
}

export const text = v.string();
export const yes = v.boolean();
export const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
export const seconds = v.pipe(v.number(), v.minValue(0));
export const hex = v.pipe(v.string(), v.regex(/^[0-9a-f]+$/));
export const faultCode = v.picklist(Object.keys(FAULTS) as FaultCode[]);
export const names = v.pipe(v.array(text), v.readonly());
export const fileAt = v.pipe(
  v.strictObject({ name: text, number: whole, of: whole, bytes: whole, size: whole }),
  v.readonly(),
);
export const state = v.picklist(["waiting", "live", "behind", "done", "lost", "left"]);

/** How far a receiver came, in a `summary`. */
export const fate = v.pipe(
  v.strictObject({
    id: hex,
    name: text,
    state,
    records: whole,
    done: yes,
    /** None where nobody knows the end. */
    percent: v.optional(whole),
  }),
  v.readonly(),
);

export const change = v.pipe(
  v.strictObject({
    path: text,
    what: v.picklist(["new", "gone", "size", "time", "mode", "other file", "content"]),
  }),
  v.readonly(),
);
export const unsound = v.pipe(
  v.strictObject({ path: text, what: v.picklist(["grown", "changed", "missing"]) }),
  v.readonly(),
);
const danger = v.picklist(["hidden", "autorun", "executable"]);
const flags = v.pipe(v.array(danger), v.readonly());
export const flagged = v.pipe(v.array(v.strictObject({ name: text, flags })), v.readonly());
export const stored = v.pipe(
  v.strictObject({ until: text, downloads: v.optional(whole) }),
  v.readonly(),
);
export const sizes = v.pipe(v.array(whole), v.readonly());

export const untold = field(
  v.optional(whole),
  "number of events of this kind left out before it, because too many came at once",
);

export const WENT_WRONG =
  "A fault. It is the last event, except in the lobby, where the session continues after a failed share.";
export const wrong = {
  code: field(faultCode, "stable; [protocol.md](protocol.md) lists all"),
  message: field(text, "the message for people"),
};
export const error = event("error", WENT_WRONG, wrong);
