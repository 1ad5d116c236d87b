/** Tokens for tests, and relays that want them. */
import { DEFAULT_POLICY, makeToken, type Access, type Policy } from "../../../relay/mod.ts";

type Known = Access["tokens"][number];

export interface TestToken {
  readonly text: string;
  readonly known: Known;
}

export function token(roles: Known["roles"], expires?: number): TestToken {
  const { text, id, sha256 } = makeToken();
  return { text, known: { id, roles, sha256, expires } };
}

export function policyWith(access: Partial<Access>): Policy {
  return { ...DEFAULT_POLICY, access: { ...DEFAULT_POLICY.access, ...access } };
}

/** The same id with another secret. */
export function withOtherSecret(text: string): string {
  return text.slice(0, -1) + (text.endsWith("0") ? "1" : "0");
}
