import { SOCKETS_PER_WORKER } from "../protocol/mod.ts";

/** The limits that an operator may set; each is explained where its default is, in protocol/limits.ts. */
export interface Limits {
  /** Sockets of one worker. */
  readonly socketsPerWorker: number;
}

export const DEFAULT_LIMITS: Limits = { socketsPerWorker: SOCKETS_PER_WORKER };
