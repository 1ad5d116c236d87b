/** The package for programs: see library.ts. */
export { FaultError } from "../protocol/faults.ts";
export type { Client } from "./client.ts";
export type { ClientEvent } from "./events.ts";
export type { Answer, Outcome } from "./jobs.ts";
export { receive, send, type ReceiveOptions, type SendOptions } from "./library.ts";
export type { OnExists } from "./policy.ts";
export type { SendWhat } from "./source.ts";
