import type { LiveLimits } from "../limits/limits.ts";
import type { MemoryBudget } from "../limits/memory-budget.ts";
import type { ClientRouter } from "../net/client-router.ts";
import type { RecordCaches } from "./record-cache.ts";

/** The parts of a worker that all clients of its lobby share. */
export interface LobbyContext {
  readonly clientRouter: ClientRouter;
  readonly recordCaches: RecordCaches;
  readonly memory: MemoryBudget;
  readonly limits: LiveLimits;
  readonly clock: () => number;
}
