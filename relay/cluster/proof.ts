/**
 * Proofs and blinded ids by the secret of a cluster. Its relays share the secret; NATS and the network between them do not know it.
 *
 *   edge's proof:   HMAC-SHA256(secret, "fileshare cluster edge"  | owner's nonce | relay | channel | line)
 *   owner's proof:  HMAC-SHA256(secret, "fileshare cluster owner" | edge's nonce  | relay | channel | line)
 *   line:           a control line: 0; a stream: 1 | share; a forward line: 2 | 1 if its client may store, else 0 | address,
 *                   if it is given. A line to a gateway has 3 | owner | level before it.
 *   blinded id:     HMAC-SHA256(secret, "fileshare cluster blind " | id in hex), its first 16 bytes in hex
 *   masked channel: channel XOR HMAC-SHA256(secret, "fileshare cluster mask " | share in hex), 16 bytes in hex
 *   masked place:   place XOR HMAC-SHA256(secret, "fileshare cluster place " | blinded share), 16 bytes in hex
 *   hidden proof:   proof XOR HMAC-SHA256(secret, "fileshare cluster proof " | type of the message | " " | share in hex)
 *   id of a bucket: HMAC-SHA256(secret, "fileshare cluster store " | endpoint, bucket and prefix), its first 16 bytes in hex
 *   id of a lease:  HMAC-SHA256(secret, "fileshare cluster lease " | name of the cluster), its first 16 bytes in hex
 *
 * The directory has blinded ids alone: a reader of NATS can't tell which channels there are.
 */
import {
  FaultError,
  concat,
  equalBytes,
  fromHex,
  toHex,
  utf8,
  type Message,
  type SyncPrimitives,
} from "../../protocol/mod.ts";

import type { OwnMessageOf } from "./wire.ts";

/** The least bytes of a cluster's secret: nobody guesses that many. */
export const SECRET_LEAST_BYTES = 32;
const BLINDED_BYTES = 16;

type EdgeHello = OwnMessageOf<"edge-hello">;
/** The parts of a hello that proofs cover. */
export type NamedLine = Pick<EdgeHello, "relay" | "channel" | "share" | "through" | "forward">;
type Hmac = Pick<SyncPrimitives, "hmac">;

interface BucketPlace {
  readonly endpoint: string | undefined;
  readonly bucket: string;
  readonly prefix: string;
}

export class ClusterSecret {
  readonly #secret: Uint8Array;
  readonly #primitives: Hmac;

  constructor(secret: Uint8Array, primitives: Hmac) {
    this.#secret = secret;
    this.#primitives = primitives;
  }

  /** @param nonce the owner's */
  edgeProof(nonce: Uint8Array, named: NamedLine): Uint8Array {
    return this.#mac("fileshare cluster edge", nonce, named);
  }

  /** @param nonce the edge's */
  ownerProof(nonce: Uint8Array, named: NamedLine): Uint8Array {
    return this.#mac("fileshare cluster owner", nonce, named);
  }

  /** @throws FaultError `not-proved` unless the edge knows the secret. @param nonce the owner's */
  checkEdge(hello: EdgeHello, nonce: Uint8Array): void {
    if (!equalBytes(hello.mac, this.edgeProof(nonce, hello))) throw new FaultError("not-proved");
  }

  /** @throws FaultError `not-proved` unless the owner knows the secret. @param hello the edge's own */
  checkOwner(mac: Uint8Array, hello: Pick<EdgeHello, "nonce"> & NamedLine): void {
    if (!equalBytes(mac, this.ownerProof(hello.nonce, hello))) throw new FaultError("not-proved");
  }

  /** @param id in hex */
  blinded(id: string): string {
    const mac = this.#primitives.hmac(this.#secret, utf8(`fileshare cluster blind ${id}`));
    return toHex(mac.subarray(0, BLINDED_BYTES));
  }

  /** The id by which the relays of one cluster hold a lease together. @param name of the cluster */
  leaseOf(name: string): string {
    const mac = this.#primitives.hmac(this.#secret, utf8(`fileshare cluster lease ${name}`));
    return toHex(mac.subarray(0, BLINDED_BYTES));
  }

  /** The id by which relays know that they store in the same bucket. */
  storeOf({ endpoint = "", bucket, prefix }: BucketPlace): string {
    const text = `fileshare cluster store ${endpoint}\n${bucket}\n${prefix}`;
    return toHex(this.#primitives.hmac(this.#secret, utf8(text)).subarray(0, BLINDED_BYTES));
  }

  /**
   * The channel of a share, as the directory has it; masked again it is the channel. A share has one channel alone, so each
   * mask hides one. @param channel and @param share in hex
   */
  masked(channel: string, share: string): string {
    return this.#masked(channel, `fileshare cluster mask ${share}`);
  }

  /**
   * The masked place of a stored share, for the directory; masked again it is the place. The mask comes from the blinded
   * share, because a relay that takes the share over knows no other id. @param place in hex @param share blinded
   */
  maskedPlace(place: string, share: string): string {
    return this.#masked(place, `fileshare cluster place ${share}`);
  }

  /**
   * A message of a sender, with the proof of its share hidden from readers of the line between two relays; hidden again it is
   * the message. Each type has a mask of its own, so a copied proof of an offer deletes no share.
   */
  hidden(message: Message): Message {
    if (!("proof" in message)) return message;
    const label = `fileshare cluster proof ${message.t} ${toHex(message.share)}`;
    return { ...message, proof: this.#xor(message.proof, label) };
  }

  #masked(id: string, label: string): string {
    return toHex(this.#xor(fromHex(id) ?? new Uint8Array(), label));
  }

  #xor(bytes: Uint8Array, label: string): Uint8Array<ArrayBuffer> {
    const mask = this.#primitives.hmac(this.#secret, utf8(label));
    return Uint8Array.from(bytes, (byte, at) => byte ^ (mask[at] ?? 0));
  }

  #mac(label: string, nonce: Uint8Array, named: NamedLine): Uint8Array {
    const parts = [utf8(label), nonce, named.relay, named.channel, lineOf(named)];
    return this.#primitives.hmac(this.#secret, concat(...parts));
  }
}

function lineOf({ through, ...named }: NamedLine): Uint8Array {
  if (through !== undefined) {
    return concat(Uint8Array.of(3), through.owner, Uint8Array.of(through.level), lineOf(named));
  }
  const { share, forward } = named;
  if (forward !== undefined) {
    return concat(Uint8Array.of(2, forward.mayStore ? 1 : 0), utf8(forward.address ?? ""));
  }
  return share === undefined ? Uint8Array.of(0) : concat(Uint8Array.of(1), share);
}
