import { relayAddress } from "./client.ts";
import { proxyFor } from "./proxy.ts";
import { shellLine } from "./shell.ts";

const DEFAULT_RELAY = "ws://127.0.0.1:8000";

export interface RelayChoice {
  /** WebSocket address, path included. */
  readonly address: string;
  /** Arguments with which the other side reaches the same relay. */
  readonly args: readonly string[];
}

/**
 * The relay from `--relay`, FILESHARE_RELAY or the default.
 * @throws FaultError "bad-relay-address", "bad-proxy"
 */
export function chooseRelay(option: string | undefined): RelayChoice {
  const variable = process.env["FILESHARE_RELAY"];
  const address = relayAddress(option ?? (variable || DEFAULT_RELAY));
  proxyFor(address, process.env); // what is wrong with it is found here
  const usual = address === relayAddress(DEFAULT_RELAY);
  return { address, args: usual ? [] : ["--relay", address.replace(/\/ws$/, "")] };
}

/** The command that receives what is sent under `code`. */
export function receiveCommand(code: string, lobby: boolean, relay: RelayChoice): string {
  return shellLine(["fileshare", "recv", lobby ? "--lobby" : code, ...relay.args]);
}
