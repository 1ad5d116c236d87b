/** The actions of an operator: `POST /api/<name>` with a JSON object. */
import * as v from "valibot";

import { FaultError } from "../../protocol/mod.ts";

import type { ManagedRelay } from "./manager.ts";

/** A ban for longer is one for ever. s */
const BAN_SECONDS = 10 * 365 * 24 * 60 * 60;
const ADDRESS_CHARACTERS = 64;
const MS = 1000;

export interface Setting {
  /** How long transfers may run on. */
  readonly drainMs: number;
  /** Closes this listener, and nothing else of the relay. */
  readonly leave: () => void;
}

export type Action = (
  relay: ManagedRelay,
  body: unknown,
  setting: Setting,
) => Readonly<{ status: number } & Record<string, unknown>>;

const address = v.pipe(v.string(), v.maxLength(ADDRESS_CHARACTERS));
const removal = v.strictObject({ share: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) });
const banning = v.strictObject({
  address,
  seconds: v.optional(v.pipe(v.number(), v.finite(), v.minValue(1), v.maxValue(BAN_SECONDS))),
});
const lifting = v.strictObject({ address });
const nothing = v.strictObject({});

function checked<Schema extends v.GenericSchema>(
  schema: Schema,
  body: unknown,
): v.InferOutput<Schema> {
  const { success, output, issues } = v.safeParse(schema, body);
  if (success) return output;
  throw new FaultError("bad-message", issues[0].message);
}

export const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  [
    "remove",
    (relay, body) => {
      const { share } = checked(removal, body);
      if (relay.removeShare(share)) return { status: 200, removed: share };
      throw new FaultError("refused-action", `there is no share ${share}`);
    },
  ],
  [
    "ban",
    (relay, body) => {
      const { address, seconds } = checked(banning, body);
      const until = seconds === undefined ? undefined : Date.now() + seconds * MS;
      return { status: 200, ban: relay.ban(address, until) };
    },
  ],
  [
    "unban",
    (relay, body) => {
      const { address } = checked(lifting, body);
      if (relay.unban(address)) return { status: 200, lifted: address };
      throw new FaultError("refused-action", `${address} is not banned`);
    },
  ],
  [
    // The next relay is here, and operators are to find that one.
    "leave",
    (relay, body, { leave }) => {
      checked(nothing, body);
      if (!relay.health.isEnding) throw new FaultError("refused-action", "it does not drain");
      leave();
      return { status: 200 };
    },
  ],
  [
    "drain",
    (relay, body, { drainMs }) => {
      checked(nothing, body);
      // The process that started the relay waits for its end.
      void relay.drain(drainMs);
      return { status: 202, seconds: drainMs / MS };
    },
  ],
]);
