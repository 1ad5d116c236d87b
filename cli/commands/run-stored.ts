/**
 * `fileshare stored` lists the shares that this machine stored, with what their relays say of them, and `fileshare revoke`
 * deletes those of a code. Both work from what `send --store` noted here: nobody else has the proofs.
 */
import { EXIT, FaultError } from "../../protocol/wire/faults.ts";
import { fromHex, toHex } from "../../protocol/wire/bytes.ts";
import { SHARE_BYTES, verifyReceipt, type Keys } from "../../protocol/crypto/keys.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import type { Code } from "../../protocol/code/code.ts";
import type { MessageOf, StoredReceipt } from "../../protocol/wire/control.ts";
import { usage } from "../arguments/command-line.ts";
import { shownAddress } from "../connection/relay-address.ts";
import { chooseRelay, chooseToken, isSameRelay } from "../connection/relay-choice.ts";
import type { StoreEvent } from "../job/command-events.ts";
import { storedText } from "../job/stored-text.ts";
import { keysOfMasterText, masterBeside } from "../job/job-keys.ts";
import { count, moment, shown, size } from "../screen/format.ts";
import { jsonLine } from "../screen/json.ts";
import { askStore, type StoreAnswer, type StoreAt, type StoreQuestion } from "../send/ask-store.ts";
import { forgetSend, keptSends } from "../send/kept-sends.ts";
import { forgetStored, storedSends, type StoredSend } from "../send/stored-sends.ts";
import { onInterrupt } from "../system/interrupts.ts";
import { notePlace } from "../system/state-place.ts";
import { receiverCode } from "./code-input.ts";
import type { Call } from "./command.ts";
import type { RevokeValues, StoredValues } from "./local-commands.ts";

/** Relays that are asked at once. */
const RELAYS_AT_ONCE = 8;

type Place = Pick<StoredValues, "relay" | "ca" | "token">;
type ListedShare = Extract<StoreEvent, { event: "stored-share" }>;
/** The answer about a share, or why there is none. */
type Answered = StoreAnswer | FaultError;

export async function runStored(values: StoredValues, call: Call): Promise<number> {
  notePlace(process.env, values);
  const all = storedSends().filter(({ relay }) => isWanted(relay, values, call));
  const answers = await askAll(all, "inspect", values, call);
  for (const send of all) {
    const answer = answers.get(send);
    const listed = await listedShare(send, answer);
    process.stdout.write(values.json ? jsonLine(listed) : lines(listed));
  }
  if (all.length === 0 && !values.json)
    process.stderr.write("This machine remembers no stored share\n");
  return [...answers.values()].some((answer) => answer instanceof FaultError)
    ? EXIT.failed
    : EXIT.done;
}

/** Of all shares under the code, unless one is named. */
export async function runRevoke(values: RevokeValues, call: Call): Promise<number> {
  const { code: words, share = "", json } = values;
  if (share !== "" && !/^[0-9a-f]{4,32}$/.test(share)) {
    throw usage("--share takes the id of a share, or at least its first 4 digits");
  }
  const { code } = await receiverCode({ words, lobby: false, json });
  notePlace(process.env, values);
  const all = [...storedSends(), ...unfinishedStores()].filter(
    (send) =>
      send.code === code && send.share.startsWith(share) && isWanted(send.relay, values, call),
  );
  if (all.length === 0) {
    throw usage(
      "this machine has no stored share under that code; fileshare stored lists those that it has",
    );
  }
  let exitCode: number = EXIT.done;
  for (const [send, answer] of await askAll(all, "revoke", values, call)) {
    const { share, name, relay } = send;
    if (answer instanceof FaultError) {
      exitCode = answer.fault.exitCode;
      const { code, message } = answer;
      const about = `${shown(name)} was not deleted. ${shown(message)}`;
      if (json) process.stdout.write(jsonLine({ event: "error", code, message }));
      else process.stderr.write(`fileshare: ${about}\n`);
      continue;
    }
    forgetStored(share);
    forgetSend(share);
    const known = answer.t === "revoked" && answer.known;
    const at = shown(shownAddress(relay));
    const said = known
      ? `Deleted ${shown(name)} at ${at}`
      : `${shown(name)} was not at ${at} any more`;
    process.stdout.write(
      json ? jsonLine({ event: "revoked", share, name, relay, known }) : `${said}\n`,
    );
  }
  return exitCode;
}

/** Shares that are stored in part: the relay has those records, too. */
function unfinishedStores(): StoredSend[] {
  return keptSends()
    .filter(({ stored }) => stored === 0)
    .map((kept) => Object.assign(kept, { until: 0 }));
}

function isWanted(relay: string, values: Place, { routeOf }: Call): boolean {
  return routeOf("relay") !== "option" || isSameRelay(relay, values.relay);
}

/** Each relay is asked once, about all of its shares. */
async function askAll(
  all: readonly StoredSend[],
  t: StoreQuestion["t"],
  values: Place,
  call: Call,
): Promise<Map<StoredSend, Answered>> {
  const stop = new AbortController();
  using _ = onInterrupt(() => stop.abort());
  const groups = [...Map.groupBy(all, ({ relay }) => relay).values()];
  const answers = new Map<StoredSend, Answered>();
  const work = async (): Promise<void> => {
    for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
      const said = await askRelay(group, t, () => placeOf(group, values, call), stop.signal);
      for (const [at, send] of group.entries()) {
        const answer = Array.isArray(said) ? said[at] : said;
        if (answer !== undefined) answers.set(send, answer);
      }
    }
  };
  await Promise.all(Array.from({ length: RELAYS_AT_ONCE }, work));
  if (stop.signal.aborted) throw new FaultError("interrupted");
  return new Map(all.flatMap((send) => [[send, answers.get(send)!] as const]));
}

/** @returns a fault that is about all of them */
async function askRelay(
  group: readonly StoredSend[],
  t: StoreQuestion["t"],
  at: () => StoreAt,
  signal: AbortSignal,
): Promise<StoreAnswer[] | FaultError> {
  const [first] = group;
  if (first === undefined) return [];
  const questions = group.map(({ share, proof }): StoreQuestion => {
    return { t, share: bytesOf(share), proof: bytesOf(proof) };
  });
  try {
    // An address that is none hides no other share.
    return await askStore(at(), await keysOf(first.code), questions, signal);
  } catch (error) {
    if (error instanceof FaultError) return error;
    throw error;
  }
}

/** A token that was configured beside a relay is for no other. */
function placeOf([first]: readonly StoredSend[], values: Place, { routeOf }: Call): StoreAt {
  const { relay = "", route } = first ?? {};
  const isForOther = values.relay !== undefined && !isSameRelay(relay, values.relay);
  const isTyped = routeOf("token") === "option";
  const gets = isTyped || (!isForOther && route !== "network");
  const token = gets ? chooseToken(values.token ?? "") : undefined;
  const { address, ca } = chooseRelay(relay, values.ca);
  return { relay: address, route, ca, token };
}

async function listedShare(send: StoredSend, answer: Answered | undefined): Promise<ListedShare> {
  const { share, code, relay, name, bytes, until, downloads: most } = send;
  const about = { event: "stored-share", share, code, relay, name, bytes } as const;
  const end = storedText({ until: until / 1000 });
  const none = { ...end, downloads: 0, most, receivers: 0, unconfirmed: 0, doubtful: 0 };
  if (answer instanceof FaultError) {
    const { code: fault, message } = answer;
    return { ...about, state: "away", ...none, fault, message };
  }
  if (answer?.t !== "inspected") return { ...about, state: "unknown", ...none };
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
): Promise<Pick<ListedShare, "receivers" | "unconfirmed" | "doubtful">> {
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

const STATES: Readonly<Record<ListedShare["state"], (until: string) => string>> = {
  stored: (until) => `stored until ${until}`,
  unfinished: () => "not all of it is stored; the same command goes on",
  "stored-expired": () => "expired",
  exhausted: () => "received as often as you allowed, and deleted",
  revoked: () => "deleted",
  unknown: () => "its relay has it no more",
  away: (until) => `stored until ${until}, as far as is known`,
};

/** The name is this user's own; the relay's words may be anything. */
function lines(listed: ListedShare): string {
  const { name, bytes, state, until, code, relay, downloads, most } = listed;
  const { receivers, unconfirmed, doubtful, message } = listed;
  const parts = [
    receivers > 0 && count(receivers, "receiver has it", "receivers have it"),
    unconfirmed > 0 && `${count(unconfirmed, "download", "downloads")} unconfirmed`,
    doubtful > 0 && `${count(doubtful, "receipt does", "receipts do")} not verify`,
    most !== undefined && state === "stored" && `${downloads} of ${most} downloads used`,
  ];
  const said = [STATES[state](moment(until)), ...parts.filter(Boolean)].join(", ");
  const why = message === undefined ? "" : `   ${shown(message)}\n`;
  const where = shown(shownAddress(relay));
  return `${shown(name)} (${size(bytes)}): ${said}\n   code ${code}, at ${where}\n${why}`;
}

async function keysOf(code: Code): Promise<Keys> {
  return keysOfMasterText(await masterBeside(code));
}

function bytesOf(text: string): Uint8Array {
  return fromHex(text) ?? new Uint8Array(SHARE_BYTES);
}
