/**
 * The shares that this machine stored, with what their relays say of them, and their deletion. Both work from what a send
 * noted here: no other machine has the proofs. The commands `stored` and `revoke` and the calls of the library use it.
 */
import { FaultError } from "../../protocol/wire/faults.ts";
import { fromHex, toHex } from "../../protocol/wire/bytes.ts";
import { SHARE_BYTES, verifyReceipt, type Keys } from "../../protocol/crypto/keys.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import type { Code } from "../../protocol/code/code.ts";
import type { MessageOf, StoredReceipt } from "../../protocol/wire/control.ts";
import { chooseRelay, chooseToken, namesRelay } from "../connection/relay-choice.ts";
import type { RevokedShare, StoredShare } from "../job/command-events.ts";
import { storedText } from "../job/stored-text.ts";
import { keysOfMasterText, masterBeside } from "../job/job-keys.ts";
import { askStore, type StoreAnswer, type StoreAt, type StoreQuestion } from "./ask-store.ts";
import { forgetSend, keptSends } from "./kept-sends.ts";
import { forgetStored, storedSends, type StoredSend } from "./stored-sends.ts";

/** Relays that are asked at once. */
const RELAYS_AT_ONCE = 8;

/** The answer about a share, or why there is none. */
type Answered = StoreAnswer | FaultError;

/** Which relays are asked, and with what. */
export interface StoreAccess {
  readonly relay: string | undefined;
  /** Shares at other relays do not count. */
  readonly only: boolean;
  readonly ca: string | undefined;
  /** Undefined: none. */
  readonly token: string | undefined;
  /** Every relay gets the token. False: it is for `relay` alone, where that is set. */
  readonly forAll: boolean;
}

/** A share that its relay did not delete. */
export interface NotRevoked {
  readonly name: string;
  readonly fault: FaultError;
}

/**
 * Newest first.
 * @throws FaultError "interrupted"
 */
export async function storedShares(
  access: StoreAccess,
  signal: AbortSignal,
): Promise<StoredShare[]> {
  const all = storedSends().filter(({ relay }) => isWanted(relay, access));
  const answers = await askAll(all, "inspect", access, signal);
  return await Promise.all(answers.map(([send, answer]) => storedShare(send, answer)));
}

/**
 * Of all shares under the code, also of those that are stored in part.
 * @param share the beginning of the id of a share; empty: all of them
 * @throws FaultError "interrupted"
 */
export async function revokeShares(
  code: Code,
  share: string,
  access: StoreAccess,
  signal: AbortSignal,
): Promise<(RevokedShare | NotRevoked)[]> {
  const all = [...storedSends(), ...unfinishedStores()].filter(
    (send) => send.code === code && send.share.startsWith(share) && isWanted(send.relay, access),
  );
  const answers = await askAll(all, "revoke", access, signal);
  return answers.map(([{ share, name, relay }, answer]) => {
    if (answer instanceof FaultError) return { name, fault: answer };
    forgetStored(share);
    forgetSend(share);
    const known = answer.t === "revoked" && answer.known;
    return { event: "revoked", share, name, relay, known };
  });
}

/** Shares that are stored in part: the relay has those records, too. */
function unfinishedStores(): StoredSend[] {
  return keptSends()
    .filter(({ stored }) => stored === 0)
    .map((kept) => Object.assign(kept, { until: 0 }));
}

function isWanted(address: string, { relay, only }: StoreAccess): boolean {
  return !only || relay === undefined || namesRelay(relay, address);
}

/** Each relay is asked once, about all of its shares. */
async function askAll(
  all: readonly StoredSend[],
  t: StoreQuestion["t"],
  access: StoreAccess,
  signal: AbortSignal,
): Promise<(readonly [StoredSend, Answered])[]> {
  const groups = [...Map.groupBy(all, ({ relay }) => relay).values()];
  const answers = new Map<StoredSend, Answered>();
  const work = async (): Promise<void> => {
    for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
      const said = await askRelay(group, t, access, signal);
      for (const [at, send] of group.entries()) {
        const answer = Array.isArray(said) ? said[at] : said;
        if (answer !== undefined) answers.set(send, answer);
      }
    }
  };
  await Promise.all(Array.from({ length: RELAYS_AT_ONCE }, work));
  if (signal.aborted) throw new FaultError("interrupted");
  return all.map((send) => [send, answers.get(send)!] as const);
}

/** @returns a fault that is about all of them */
async function askRelay(
  group: readonly StoredSend[],
  t: StoreQuestion["t"],
  access: StoreAccess,
  signal: AbortSignal,
): Promise<StoreAnswer[] | FaultError> {
  const [first] = group;
  if (first === undefined) return [];
  const questions = group.map(({ share, proof }): StoreQuestion => {
    return { t, share: bytesOf(share), proof: bytesOf(proof) };
  });
  try {
    // An address that is none hides no other share.
    return await askStore(placeOf(first, access), await keysOf(first.code), questions, signal);
  } catch (error) {
    if (error instanceof FaultError) return error;
    throw error;
  }
}

/** A token that was configured beside a relay is for no other. */
function placeOf({ relay: given, route }: StoredSend, access: StoreAccess): StoreAt {
  const { relay, ca: file, token, forAll } = access;
  const isForIt = relay === undefined || namesRelay(relay, given);
  const gets = forAll || (isForIt && route !== "network");
  const { address, ca } = chooseRelay(given, file);
  return { relay: address, route, ca, token: gets ? chooseToken(token ?? "") : undefined };
}

async function storedShare(send: StoredSend, answer: Answered): Promise<StoredShare> {
  const { share, code, relay, name, bytes, until, downloads: most } = send;
  const about = { event: "stored-share", share, code, relay, name, bytes } as const;
  const end = storedText({ until: until / 1000 });
  const none = { ...end, downloads: 0, most, receivers: 0, unconfirmed: 0, doubtful: 0 };
  if (answer instanceof FaultError) {
    const { code: fault, message } = answer;
    return { ...about, state: "away", ...none, fault, message };
  }
  if (answer.t !== "inspected") return { ...about, state: "unknown", ...none };
  const { state, downloads, downloadsMost = most, until: seconds = until / 1000 } = answer;
  const receipts = await checked(send, answer);
  const told = {
    state,
    ...storedText({ until: seconds }),
    downloads,
    most: downloadsMost,
    ...receipts,
  };
  return { ...about, ...told };
}

/** A relay can make up a receipt; only a receiver with the code can make one that verifies. */
async function checked(
  { code, share }: StoredSend,
  { receipts, records }: MessageOf<"inspected">,
): Promise<Pick<StoredShare, "receivers" | "unconfirmed" | "doubtful">> {
  if (receipts.length === 0) return { receivers: 0, unconfirmed: 0, doubtful: 0 };
  const keys = await keysOf(code);
  const id = bytesOf(share);
  const isValid = ({ mac, receiver, records: got }: StoredReceipt): boolean =>
    got === records && verifyReceipt(mac, keys, primitives, id, receiver, got);
  // A client such as curl confirms nothing, and has no code to prove anything with.
  const claims = receipts.filter((receipt) => receipt.unconfirmed !== true);
  const valid = claims.filter(isValid);
  // A relay can tell a true one again and again.
  const receivers = new Set(valid.map(({ receiver }) => toHex(receiver))).size;
  const unconfirmed = receipts.length - claims.length;
  return { receivers, unconfirmed, doubtful: claims.length - valid.length };
}

async function keysOf(code: Code): Promise<Keys> {
  return keysOfMasterText(await masterBeside(code));
}

function bytesOf(text: string): Uint8Array {
  return fromHex(text) ?? new Uint8Array(SHARE_BYTES);
}
