/** The stored shares of this machine, for programs. `mod.ts` loads it with the first question. */
import { readCode } from "../../protocol/code/code.ts";
import { networkHere } from "../connection/network-here.ts";
import { chooseRelay, chooseToken } from "../connection/relay-choice.ts";
import type { RevokedShare, StoredShare } from "../job/command-events.ts";
import { revokeShares, storedShares, type StoreAccess } from "../send/stored-shares.ts";
import { OptionFault } from "./library-options.ts";

export interface StoredOptions {
  /** Only shares at this relay, or at these. Default: shares at all relays */
  readonly relay?: string | readonly string[] | undefined;
  /** PEM file of the authorities to trust for `wss`. Default: FILESHARE_CA, else those of the system */
  readonly ca?: string | undefined;
  /** Token for every asked relay. Default: FILESHARE_TOKEN, for `relay` or the relay of FILESHARE_RELAY where one is set */
  readonly token?: string | undefined;
  /** An abort ends the questions with the fault `interrupted`. */
  readonly signal?: AbortSignal | undefined;
}

export interface RevokeOptions extends StoredOptions {
  /** Only this share of the code: its id, or at least the first 4 digits of it. */
  readonly share?: string | undefined;
}

export async function stored(options: StoredOptions): Promise<StoredShare[]> {
  const access = accessOf(options);
  await networkHere();
  return await storedShares(access, signalOf(options));
}

export async function revoke(code: string, options: RevokeOptions): Promise<RevokedShare[]> {
  const { share = "" } = options;
  const { code: own } = readCode(code);
  const access = accessOf(options);
  await networkHere();
  const all = await revokeShares(own, share, access, signalOf(options));
  if (all.length === 0) {
    throw new OptionFault("revoke", "code names no share that this machine stored");
  }
  return all.map((one) => {
    if ("fault" in one) throw one.fault;
    return one;
  });
}

function accessOf({ relay, ca, token }: StoredOptions): StoreAccess {
  chooseRelay(relay, ca); // what is wrong with them is found here
  return {
    relay: relay?.toString() ?? (process.env["FILESHARE_RELAY"] || undefined),
    only: relay !== undefined,
    ca,
    token: chooseToken(token),
    forAll: token !== undefined,
  };
}

function signalOf({ signal = new AbortController().signal }: StoredOptions): AbortSignal {
  return signal;
}
