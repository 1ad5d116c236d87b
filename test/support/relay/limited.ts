/** Relays with limits of their own, and clients that come from anywhere by a proxy that is trusted. */
import { expect } from "bun:test";

import { FAULTS } from "../../../protocol/mod.ts";
import { RELAY_LIMITS, type RelayLimitName } from "../../../relay/limits/operator-limits.ts";
import {
  DEFAULT_LIMITS,
  DEFAULT_POLICY,
  startRelay,
  type Limits,
  type Policy,
  type Relay,
  type RelayOptions,
} from "../../../relay/mod.ts";
import type { RawClient } from "./raw-client.ts";

/** Every client is behind a proxy that says where it comes from. */
export function policyOf(limits: Partial<Limits>): Policy {
  const access = { ...DEFAULT_POLICY.access, trustedProxies: ["127.0.0.1"] };
  return { ...DEFAULT_POLICY, limits: { ...DEFAULT_LIMITS, ...limits }, access };
}

export function limitedRelay(
  limits: Partial<Limits>,
  options: Partial<RelayOptions> = {},
): Promise<Relay> {
  return startRelay({ workers: 2, ...options, policy: policyOf(limits) });
}

/** The socket was told which limit it went over and for how long, and closed; the relay counted it. */
export async function expectOver(
  relay: Relay,
  client: RawClient,
  name: RelayLimitName,
): Promise<void> {
  const { fault, after } = RELAY_LIMITS[name];
  if (fault === undefined) throw new Error(`${name} has no fault`);
  const told = await client.when("fault");
  const { retry, closeCode } = FAULTS[fault];
  expect(told).toMatchObject({ code: fault, retry });
  expect(told.after).toBe(after);
  expect(told.message).toStartWith(`${name}: `);
  expect((await client.closed).code).toBe(closeCode);
  expect(relay.refusals[name]).toBeGreaterThan(0);
}
