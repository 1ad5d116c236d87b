/** The package for programs: see library.ts. */
import type { Client } from "./client.ts";
import { checkReceiveOptions, checkSendOptions } from "./library-options.ts";
import * as library from "./library.ts";
import type { ReceiveOptions, SendOptions } from "./library.ts";

export { FaultError } from "../protocol/faults.ts";
export type { Client } from "./client.ts";
export type { ClientEvent } from "./events.ts";
export type { Answer, Outcome } from "./jobs.ts";
export type { ReceiveOptions, SendOptions } from "./library.ts";
export type { OnExists } from "./policy.ts";
export type { SendWhat } from "./source.ts";

/** `send` of library.ts, whose options may come from a program without types. */
export function send(options: SendOptions): Client {
  checkSendOptions(options);
  return library.send(options);
}

/** `receive` of library.ts, whose options may come from a program without types. */
export function receive(options: ReceiveOptions): Client {
  checkReceiveOptions(options);
  return library.receive(options);
}
