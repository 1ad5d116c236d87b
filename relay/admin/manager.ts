import type { Directory } from "../directory.ts";
import type { Policy } from "../policy.ts";
import type { PoolBuffers } from "../pool.ts";
import type { Health } from "../supervisor.ts";
import type { Measuring } from "./measuring.ts";

/** The relay as its operators see it: what they can know and do. */
export interface Managed {
  readonly health: Health;
  readonly measuring: Measuring;
  readonly shares: Directory["list"];
  readonly sharesOpened: number;
  readonly workersLost: number;
  /** How often each limit was gone over, by name. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly pool: PoolBuffers;
  readonly policy: Policy;
}
