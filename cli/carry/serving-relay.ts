/**
 * The relay that serves a code already, because the other side carries it: at the usual place of this machine, or announced
 * in the local network. Each has to take the code's proof, so an announcement that lies, or names the relay of another
 * code, costs one connection.
 */
import { signerOf, type Signer } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import type { RelayChoice } from "../connection/relay-choice.ts";
import { shownAddress, withoutBrackets } from "../connection/relay-address.ts";
import { RelayProbe } from "../discovery/relay-probe.ts";
import { seek } from "../discovery/seeker.ts";
import { keysOfMasterText } from "../job/job-keys.ts";

/** A relay answers a question in the network within a fifth of a second; one packet may be lost. ms */
const SEEK_MS = 1500;
/** Announcements may lie, and each address costs a connection. */
const ADDRESSES_TRIED = 8;

/** @param master of the code, in hex. @param local the relay's usual place on this machine */
export async function servingRelay(
  master: string,
  local: RelayChoice,
): Promise<RelayChoice | undefined> {
  const { promise, resolve } = Promise.withResolvers<RelayChoice | undefined>();
  const keys = keysOfMasterText(master);
  const signer = signerOf(keys, nodePrimitives);
  const probes = new Map<string, RelayProbe>();
  const tryOne = (choice: RelayChoice): void => {
    const { address } = choice;
    if (probes.has(address) || probes.size >= ADDRESSES_TRIED) return;
    probes.set(
      address,
      probe(choice, signer, () => resolve(choice)),
    );
  };
  const search = new AbortController();
  const timer = setTimeout(() => resolve(undefined), SEEK_MS);
  tryOne({ ...local, route: "this-machine" });
  seek(keys.channel, {
    signal: search.signal,
    onFound: ({ address }) => tryOne(foundAt(address)),
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    search.abort();
    for (const one of probes.values()) one.end();
  }
}

/** No token: the relay proves nothing, and an open or carried one wants none. */
function probe({ address, route, ca }: RelayChoice, signer: Signer, welcomed: () => void) {
  const host = withoutBrackets(new URL(address).hostname);
  const introduction = { signer, host, token: undefined };
  return new RelayProbe(
    { address, introduction, ca, isDirect: route === "network" },
    { welcomed, offered: () => undefined, over: () => undefined, failed: () => undefined },
  );
}

function foundAt(address: string): RelayChoice {
  return { route: "network", address, ca: undefined, args: ["--relay", shownAddress(address)] };
}
