/**
 * The proof of the code. The relay opens every line with a fresh nonce, and a client answers with its
 * public key and a signature over all that it says of itself:
 *
 *   relay  --challenge {nonce, name?}--------------------> client
 *   client --hello {v, least?, role, key, signature}-----> relay
 *
 *   signed: "fileshare/2 hello" | v u16 | least u16 | role u8 | nonce 32 | length u8 | name
 *
 * The channel id is a hash of the key (keys.ts), so a channel id or an old hello lets nobody in. The
 * name is the relay's own, where its operator gave it one: without it, a relay could pass the nonce of
 * another one on to its clients, and use what they sign there.
 */
import { concat, utf8 } from "../wire/bytes.ts";
import type { MessageOf, Role } from "../wire/control.ts";
import type { Primitives, Signer } from "./crypto.ts";
import { FaultError } from "../wire/faults.ts";
import type { Keys } from "./keys.ts";

type Challenge = Pick<MessageOf<"challenge">, "nonce" | "name">;
type Hello = MessageOf<"hello">;
type Claim = Pick<Hello, "v" | "least" | "role">;

const LABEL = utf8("fileshare/2 hello");
const ROLES: Readonly<Record<Role, number>> = { sender: 1, receiver: 2 };

/** The signer of whoever holds the code of these keys. */
export function signerOf({ signing }: Pick<Keys, "signing">, primitives: Primitives): Signer {
  return primitives.signer(signing);
}

/** `key` and `signature` of a hello that answers this challenge. */
export function proveHello(
  claim: Claim,
  challenge: Challenge,
  signer: Signer,
): Pick<Hello, "key" | "signature"> {
  return { key: signer.publicKey, signature: signer.sign(signedBytes(claim, challenge)) };
}

/** @throws FaultError `not-proved` unless the owner of `hello.key` signed it for this challenge */
export function checkHello(
  hello: Hello,
  challenge: Challenge,
  primitives: Pick<Primitives, "verify">,
): void {
  if (primitives.verify(hello.key, signedBytes(hello, challenge), hello.signature)) return;
  throw new FaultError("not-proved");
}

function signedBytes({ v, least = v, role }: Claim, { nonce, name = "" }: Challenge): Uint8Array {
  const text = utf8(name);
  const head = new Uint8Array(5);
  const view = new DataView(head.buffer);
  view.setUint16(0, v);
  view.setUint16(2, least);
  view.setUint8(4, ROLES[role]);
  return concat(LABEL, head, nonce, Uint8Array.of(text.length), text);
}

/** Whether `host` may be anyone's: an address, or a name that stays on this machine. */
function isNoName(host: string): boolean {
  return /^[\d.]+$|^\[|:/.test(host) || host === "localhost" || host.endsWith(".localhost");
}

/**
 * Whether a relay that calls itself `name` may be the one at `host`. Addresses and names of this
 * machine fit every relay: a person who gives one has no name to compare.
 * @throws FaultError `wrong-relay`
 */
export function checkRelayName(name: string | undefined, host: string | undefined): void {
  if (name === undefined || host === undefined) return;
  const asked = host.toLowerCase().replace(/\.$/, "");
  if (isNoName(asked) || isNoName(name) || asked === name.toLowerCase()) return;
  throw new FaultError("wrong-relay", `it calls itself ${name}`);
}
