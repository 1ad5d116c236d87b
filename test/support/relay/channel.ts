/** Channels of tests, and hellos that prove them. */
import {
  channelOf,
  proveHello,
  PROTOCOL_VERSION,
  type Keys,
  type MessageOf,
  type Role,
  type Signer,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";

/** A channel by what its key pair is made of: any bytes, or the keys of a code. */
export type TestChannel = Uint8Array | Pick<Keys, "signing">;

export function signerOfChannel(channel: TestChannel): Signer {
  const seed = channel instanceof Uint8Array ? nodePrimitives.sha256(channel) : channel.signing;
  return nodePrimitives.signer(seed);
}

/** The id that a relay knows it by. */
export function channelId(channel: TestChannel): Uint8Array {
  return channelOf(signerOfChannel(channel).publicKey, nodePrimitives);
}

/** The hello that answers a challenge. */
export function helloTo(
  challenge: Pick<MessageOf<"challenge">, "nonce" | "name">,
  role: Role,
  channel: TestChannel,
  more: Pick<MessageOf<"hello">, "token" | "quiet" | "of"> = {},
): MessageOf<"hello"> {
  const claim = { v: PROTOCOL_VERSION, role };
  return {
    t: "hello",
    ...claim,
    ...proveHello(claim, challenge, signerOfChannel(channel)),
    ...more,
  };
}
