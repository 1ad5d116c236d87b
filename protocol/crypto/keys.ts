/**
 * From the code to every key, with a label of its own for each use:
 *
 *   code --scrypt, salt "fileshare/1"--> master --HKDF "fileshare/2 signing"-> Ed25519 key pair
 *                                               --HKDF "fileshare/2 path"----> capabilities (below)
 *                                               --HKDF "fileshare/1 content"-> content key
 *   public key  --SHA-256-----------------------> channel id --HMAC--> ids in the local network (network-id.ts)
 *   content key --RFC 8188, salt = share id--> records       (record.ts)
 *               --HKDF "fileshare/1 receipt"--> receipts     (below)
 *               --HKDF "fileshare/1 label"----> short texts  (seal.ts)
 *
 * The relay sees the public key, which tells nothing about the other keys or, short of guessing
 * through scrypt, about the code. A signature of this key pair proves the code to the relay (proof.ts).
 */
import { concat, equalBytes, fromHex, toHex, u32, utf8 } from "../wire/bytes.ts";
import {
  SIGNING_SEED_BYTES,
  all,
  chain,
  type MaybePromise,
  type Primitives,
  type With,
} from "./crypto.ts";
import { isLobby, secretOf, type Code } from "../code/code.ts";
import { FaultError } from "../wire/faults.ts";

export const MASTER_BYTES = 32;
export const CHANNEL_BYTES = 16;
export const SHARE_BYTES = 16;
export const RECEIVER_BYTES = 16;
export const PROOF_BYTES = 32;
export const RECEIPT_BYTES = 16;
export const CAPABILITY_BYTES = 16;

export interface Keys {
  /** 16 bytes: the id under which the relay knows the channel; a hash of `publicKey`. */
  readonly channel: Uint8Array;
  /** 32 bytes: Ed25519, what holders of the code show a relay. */
  readonly publicKey: Uint8Array;
  /** 32 bytes: the seed of the secret key to it. */
  readonly signing: Uint8Array;
  /** 32 bytes: HMAC key of capabilities. */
  readonly path: Uint8Array;
  /** 16 bytes: input keying material of RFC 8188. */
  readonly content: Uint8Array;
  /** 32 bytes: HMAC key of receipts. */
  readonly receipt: Uint8Array;
  /** 16 bytes: AES-128-GCM key of short texts. */
  readonly label: Uint8Array;
}

const SALT = utf8("fileshare/1");
const NO_SALT = new Uint8Array();

/**
 * The result of scrypt for the code `lobby`, which everyone knows: nobody need spend 64 MiB and a part of a
 * second at each start to find it out.
 */
export const LOBBY_MASTER = "f5a601fc8219b0c82459fe29ab3378d925e8727073e4e4a37d6064915d6f8f98";

/**
 * All keys of a code. Takes a good part of a second, but for the lobby: scrypt makes every guess as
 * dear.
 */
export function deriveKeys<P extends Primitives>(code: Code, primitives: P): With<P, Keys> {
  return chain(masterOf(code, primitives), (master) => keysOfMaster(master, primitives)) as With<
    P,
    Keys
  >;
}

/** The result of scrypt, from which `keysOfMaster` makes all keys. */
export function masterOf(
  code: Code,
  { scrypt }: Pick<Primitives, "scrypt">,
): MaybePromise<Uint8Array> {
  const lobby = isLobby(code) ? fromHex(LOBBY_MASTER) : undefined;
  return lobby ?? scrypt(utf8(secretOf(code)), SALT, MASTER_BYTES);
}

/** The keys of the code that scrypt made this of, for who knows it already: MASTER_BYTES bytes. */
export function keysOfMaster<P extends Primitives>(
  master: Uint8Array,
  primitives: P,
): With<P, Keys> {
  const expand = (key: Uint8Array, use: string, length: number): MaybePromise<Uint8Array> =>
    primitives.hkdf(key, NO_SALT, utf8(use), length);
  const ofMaster = all<[Uint8Array, Uint8Array, Uint8Array]>([
    expand(master, "fileshare/1 content", 16),
    expand(master, "fileshare/2 signing", SIGNING_SEED_BYTES),
    expand(master, "fileshare/2 path", 32),
  ]);
  return chain(ofMaster, ([content, signing, path]) => {
    const { publicKey } = primitives.signer(signing);
    return chain(
      all<[Uint8Array, Uint8Array, Uint8Array]>([
        channelOf(publicKey, primitives),
        expand(content, "fileshare/1 receipt", 32),
        expand(content, "fileshare/1 label", 16),
      ]),
      ([channel, receipt, label]) => {
        return { channel, publicKey, signing, path, content, receipt, label };
      },
    );
  }) as With<P, Keys>;
}

/** The id of the channel that a public key opens: 16 bytes. */
export function channelOf<P extends Primitives>(
  publicKey: Uint8Array,
  primitives: P,
): With<P, Uint8Array> {
  const digest = primitives.sha256(concat(utf8("fileshare/2 channel"), publicKey));
  return chain(digest, (hash) => hash.slice(0, CHANNEL_BYTES)) as With<P, Uint8Array>;
}

/**
 * The proof in a path of HTTP that reads the ciphertext of one share: 16 bytes that only holders of the
 * code can make. The sender tells them to the relay in its offer.
 * @param share 16 bytes
 * @throws RangeError when the id has another length
 */
export function capabilityOf<P extends Primitives>(
  keys: Pick<Keys, "path">,
  primitives: P,
  share: Uint8Array,
): With<P, Uint8Array> {
  if (share.length !== SHARE_BYTES) throw new RangeError(`a share id of ${share.length} bytes`);
  const mac = primitives.hmac(keys.path, concat(utf8("fileshare/2 path"), share));
  return chain(mac, (bytes) => bytes.slice(0, CAPABILITY_BYTES)) as With<P, Uint8Array>;
}

/** Where a relay gives the ciphertext of a share by HTTP, for whoever shows its capability. */
export function ciphertextPath(share: Uint8Array, capability: Uint8Array): string {
  return `/c/${toHex(share)}/${toHex(capability)}`;
}

/**
 * A receiver's proof to its sender that it has all records: 16 bytes that neither the
 * relay nor anyone else without the code can make.
 * @param share 16 bytes
 * @param receiver 16 bytes, the receiver's own id
 * @param records how many records the share has
 * @throws RangeError when an id has another length or `records` is no u32
 */
export function receiptMac<P extends Primitives>(
  keys: Pick<Keys, "receipt">,
  primitives: P,
  share: Uint8Array,
  receiver: Uint8Array,
  records: number,
): With<P, Uint8Array> {
  // Fixed lengths, so that no two inputs make the same bytes.
  if (share.length !== SHARE_BYTES || receiver.length !== RECEIVER_BYTES) {
    throw new RangeError(`ids of ${share.length} and ${receiver.length} bytes`);
  }
  const data = concat(utf8("fileshare/1 receipt"), share, receiver, u32(records));
  return chain(primitives.hmac(keys.receipt, data), (mac) => mac.slice(0, RECEIPT_BYTES)) as With<
    P,
    Uint8Array
  >;
}

/** Whether `mac` is the receipt for these; compares in constant time, takes any `mac`. */
export function verifyReceipt<P extends Primitives>(
  mac: Uint8Array,
  keys: Pick<Keys, "receipt">,
  primitives: P,
  share: Uint8Array,
  receiver: Uint8Array,
  records: number,
): With<P, boolean> {
  const due = receiptMac(keys, primitives, share, receiver, records);
  return chain(due, (wanted) => equalBytes(mac, wanted)) as With<P, boolean>;
}

/**
 * The id of a share: 16 bytes bound to the sender's secret proof, so that any relay can tell its
 * owner without having kept anything.
 * @param proof 32 random bytes, which the sender shows to relays only
 * @throws FaultError "bad-message" for a proof of another length
 */
export function shareIdFromProof<P extends Primitives>(
  proof: Uint8Array,
  primitives: P,
): With<P, Uint8Array> {
  if (proof.length !== PROOF_BYTES) {
    throw new FaultError("bad-message", `a proof of ${proof.length} bytes`);
  }
  const digest = primitives.sha256(concat(utf8("fileshare/1 share"), proof));
  return chain(digest, (hash) => hash.slice(0, SHARE_BYTES)) as With<P, Uint8Array>;
}
