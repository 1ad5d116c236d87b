/**
 * The id under which a relay in the local network announces a channel. A receiver that knows the channel
 * recognises it; to every other listener it is noise.
 *
 *   HMAC-SHA-256(channel, "fileshare/2 network" | nonce 16), the first 12 bytes
 *
 * The channel is the key, so two announcements with different nonces have nothing in common for a
 * listener without the channel. A guess of the code costs what it costs a relay: one scrypt.
 */
import { concat, utf8 } from "../wire/bytes.ts";
import { CHANNEL_BYTES } from "./keys.ts";
import { chain, type Primitives, type With } from "./crypto.ts";

/** Random, and new for each announcement. */
export const NETWORK_NONCE_BYTES = 16;
/** A stranger's id is taken for ours once in 2^96: a receiver then tries one relay in vain. */
export const NETWORK_ID_BYTES = 12;

const LABEL = utf8("fileshare/2 network");

/**
 * @param channel 16 bytes
 * @param nonce 16 bytes
 * @throws RangeError when one of them has another length
 */
export function networkId<P extends Primitives>(
  channel: Uint8Array,
  nonce: Uint8Array,
  primitives: P,
): With<P, Uint8Array> {
  if (channel.length !== CHANNEL_BYTES || nonce.length !== NETWORK_NONCE_BYTES) {
    throw new RangeError(`a channel of ${channel.length} and a nonce of ${nonce.length} bytes`);
  }
  const mac = primitives.hmac(channel, concat(LABEL, nonce));
  return chain(mac, (bytes) => bytes.slice(0, NETWORK_ID_BYTES)) as With<P, Uint8Array>;
}
