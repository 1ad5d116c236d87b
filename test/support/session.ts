/** The relay's first words to a session, and the proof that it expects. */
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import {
  PROTOCOL_VERSION,
  proveHello,
  type Message,
  type MessageOf,
  type Role,
} from "../../protocol/mod.ts";

export const signer = nodePrimitives.signer(new Uint8Array(32));
export const CHALLENGE: MessageOf<"challenge"> = { t: "challenge", nonce: new Uint8Array(32) };
export const WELCOME: Message = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  session: new Uint8Array(8),
  limits: { frame: 1 << 20, window: 16, credit: 16 },
};

/** The hello of that role to CHALLENGE. */
export function helloOf(role: Role): Message {
  const claim = { v: PROTOCOL_VERSION, role };
  return { t: "hello", ...claim, ...proveHello(claim, CHALLENGE, signer), quiet: true };
}
