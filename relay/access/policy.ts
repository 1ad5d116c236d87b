import { DEFAULT_ACCESS, type Access } from "./access.ts";
import { DEFAULT_LIMITS, type Limits } from "../limits/operator-limits.ts";

/**
 * The decisions of the operator, as every worker has them. A new one takes the place of the old
 * while the relay runs.
 */
export interface Policy {
  readonly limits: Limits;
  readonly access: Access;
}

/** With what the relay itself adds. */
export interface WorkerPolicy extends Policy {
  /** Addresses and ranges that may not come. */
  readonly banned: readonly string[];
}

export const DEFAULT_POLICY: Policy = { limits: DEFAULT_LIMITS, access: DEFAULT_ACCESS };
