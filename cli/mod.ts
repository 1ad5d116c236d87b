/** The package for programs: see library.ts. */
import "./library/runs-here.ts";
import type { Client } from "./library/client.ts";
import { checkReceiveOptions, checkSendOptions } from "./library/library-options.ts";
import * as library from "./library/library.ts";
import type { ReceiveOptions, SendOptions } from "./library/library.ts";

export { FaultError } from "../protocol/wire/faults.ts";
export type { Client } from "./library/client.ts";
export type { ClientEvent } from "./job/event-schema.ts";
export type { Answer, Outcome } from "./job/jobs.ts";
export type { ReceiveOptions, SendOptions } from "./library/library.ts";
export type { OnExists } from "./job/jobs.ts";
export type { SendWhat } from "./job/jobs.ts";

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
