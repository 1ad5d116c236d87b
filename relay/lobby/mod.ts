/** The lobby of one worker: its doors for clients that speak something else, HTTP and the original app. */
import type { LiveLimits } from "../limits/limits.ts";
import type { MemoryBudget } from "../limits/memory-budget.ts";
import type { ClientRouter } from "../net/client-router.ts";
import type { LineOptions } from "../net/line.ts";
import type { Peers } from "../net/peer.ts";
import { HttpDoor, type HttpDoorOptions } from "./http/http-door.ts";
import { OriginalClients } from "./original/original-clients.ts";
import { RecordCaches } from "./record-cache.ts";

export interface LobbyOptions
  extends Omit<HttpDoorOptions, "context">, Pick<LineOptions, "arrivals"> {
  readonly clientRouter: ClientRouter;
  readonly peers: Peers;
  readonly limits: LiveLimits;
  readonly memory: MemoryBudget;
  readonly clock: () => number;
}

export class Lobby {
  readonly http: HttpDoor;
  readonly original: OriginalClients;

  constructor(options: LobbyOptions) {
    const { clientRouter, limits, memory, clock, kernel, arrivals } = options;
    const recordCaches = new RecordCaches(memory);
    const context = { clientRouter, recordCaches, memory, limits, clock };
    this.http = new HttpDoor({ ...options, context });
    this.original = new OriginalClients(context, { limits, clock, kernel, arrivals });
  }
}
