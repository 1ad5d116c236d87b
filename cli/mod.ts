/** The package for programs: see library.ts. */
import "./library/runs-here.ts";
import type { Client } from "./library/client.ts";
import type { RevokedShare, StoredShare } from "./job/command-events.ts";
import {
  checkReceiveOptions,
  checkRevokeOptions,
  checkSendOptions,
  checkStoredOptions,
} from "./library/library-options.ts";
import * as library from "./library/library.ts";
import type { ReceiveOptions, SendOptions } from "./library/library.ts";
import type { RevokeOptions, StoredOptions } from "./library/stored.ts";

export { FaultError } from "../protocol/wire/faults.ts";
export type { Client } from "./library/client.ts";
export type { RevokedShare, StoredShare } from "./job/command-events.ts";
export type { ClientEvent } from "./job/event-schema.ts";
export type { Answer, Outcome } from "./job/jobs.ts";
export type { ReceiveOptions, SendOptions } from "./library/library.ts";
export type { RevokeOptions, StoredOptions } from "./library/stored.ts";
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

/**
 * Lists the shares that this user stored from this machine, newest first, as `fileshare stored` does. Each relay is asked once.
 * A relay that gives no answer hides no other: its shares have the state `away`, and the fault.
 * @throws FaultError (rejects) `usage` for a wrong or unknown option, `bad-relay-address`, `bad-ca`, `bad-proxy`, `interrupted`
 */
export async function stored(options: StoredOptions = {}): Promise<StoredShare[]> {
  checkStoredOptions(options);
  const { stored } = await import("./library/stored.ts");
  return await stored(options);
}

/**
 * Deletes the shares that this machine stored under a code, at their relays, also those that are stored in part.
 * @param code a code, a whole command or a web link
 * @returns what was deleted; `known` is false where the relay had it no more
 * @throws FaultError (rejects) as `stored`; `bad-code`; `usage` if this machine stored no share under the code; the first fault
 *   of a share that its relay did not delete, after every relay was asked. A later call deletes the rest.
 */
export async function revoke(code: string, options: RevokeOptions = {}): Promise<RevokedShare[]> {
  checkRevokeOptions(code, options);
  const { revoke } = await import("./library/stored.ts");
  return await revoke(code, options);
}
