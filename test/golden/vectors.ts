/** The bytes of codes, keys, names, lists of files and records, in hex. */
import {
  capabilityOf,
  encodeFrame,
  encodeManifest,
  fromHex,
  keysOfMaster,
  networkId,
  parseCode,
  parseSafePath,
  proveHello,
  receiptMac,
  secretOf,
  recordCipher,
  RECORD_INDEX,
  sealName,
  signerOf,
  shareIdFromProof,
  toHex,
  utf8,
  type Keys,
  type ManifestFile,
  type MaybePromise,
  type Primitives,
  type Role,
  type Signer,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { MASTER_BYTES } from "../../protocol/crypto/keys.ts";

const TYPED: readonly (readonly string[])[] = [
  [
    "amused-oyster-velvet-crisp-lunar-solid-worry",
    "amus oyst velv cris luna soli worr",
    " Amused.OYSTER_velvet crisp-lunar  solid,WORRY",
  ],
  ["abandon-ability-able-about-above-absent-able", "aban-abil-able-abou-abov-abse-able"],
  ["my-own-code-of-2026-and-more", " My-Own-Code-of-2026-and-more "],
  ["lobby", " LOBBY "],
];

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const file = (path: string, size: number, more: Partial<ManifestFile> = {}): ManifestFile => ({
  path: parseSafePath(path),
  type: "file",
  size,
  mode: 0,
  mtime: 1_700_000_000_123,
  ...more,
});

const MANIFESTS = [
  { about: "one file", recordSize: 1_048_560, files: [file("a", 0)] },
  {
    about: "all kinds of entries",
    recordSize: 4096,
    files: [
      file("tree/é 😀.bin", 5 * 1024 ** 3, { mode: 0o100 }),
      file("tree/deep/b", 1, { mtime: 0 }),
      file("tree/empty", 0, { type: "folder", mtime: 253_402_300_799_999 }),
    ],
  },
  {
    about: "files of all lengths of numbers",
    recordSize: 65_536,
    files: [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32].map((size, n) =>
      file(`dir/${n}`, size, { mtime: size }),
    ),
  },
  {
    about: "modes and times of all kinds",
    recordSize: 4096,
    files: [0o400, 0o444, 0o600, 0o640, 0o644, 0o755, 0o777].map((mode, n) =>
      file(`m/${mode.toString(8)}`, n, { mode, mtime: [-8.64e15, -1, 0, 1, 8.64e15][n % 5]! }),
    ),
  },
  { about: "a text", recordSize: 2000, files: [file("text.txt", 65_536)], kind: "text" as const },
  { about: "a stream", recordSize: 65_520, files: [file("stdin", 0)], open: true },
];

const TEXTS = ["", "alice", "a name of exactly thirty bytes", "é😀\u202e\u0007", "x".repeat(200)];

const RECORDS = [
  { index: 0, last: false, padding: 0, data: utf8("the first") },
  { index: 1, last: true, padding: 0, data: new Uint8Array() },
  { index: 2, last: false, padding: 20, data: utf8("padded") },
  { index: 65_536, last: true, padding: 0, data: utf8("the end") },
  { index: RECORD_INDEX - 1, last: false, padding: 0, data: Uint8Array.of(0, 1, 2, 0) },
];

const HELLOS: readonly { role: Role; least?: number; name?: string }[] = [
  { role: "sender" },
  { role: "receiver", least: 1 },
  { role: "receiver", name: "relay.example" },
];

/** The keys of a code as they are kept. */
export function keysIn(code: Record<keyof Keys, string>): Keys {
  const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
  const { channel, publicKey, signing, path, content, receipt, label } = code;
  return {
    channel: bytes(channel),
    publicKey: bytes(publicKey),
    signing: bytes(signing),
    path: bytes(path),
    content: bytes(content),
    receipt: bytes(receipt),
    label: bytes(label),
  };
}

/** As they are kept in `files/vectors.json`. */
export type Vectors = Awaited<ReturnType<typeof makeVectors>>;

/** @param masters of the codes, in hex, where they are known and no scrypt is to be paid for */
export async function makeVectors(
  primitives: Primitives = nodePrimitives,
  masters: readonly string[] = [],
) {
  const codes = [];
  for (const [at, typed] of TYPED.entries()) {
    const code = parseCode(typed[0]!);
    const master = masters[at];
    const salt = utf8("fileshare/1");
    const made =
      master === undefined
        ? await primitives.scrypt(utf8(secretOf(code)), salt, MASTER_BYTES)
        : (fromHex(master) ?? new Uint8Array());
    const keys = await keysOfMaster(made, primitives);
    codes.push({
      typed,
      code: typed.map((input) => parseCode(input)),
      master: toHex(made),
      channel: toHex(keys.channel),
      publicKey: toHex(keys.publicKey),
      signing: toHex(keys.signing),
      path: toHex(keys.path),
      content: toHex(keys.content),
      receipt: toHex(keys.receipt),
      label: toHex(keys.label),
    });
  }
  const keys = keysIn(codes[0]!);
  const proofs = [0x00, 0x01, 0xff].map((byte) => new Uint8Array(32).fill(byte));
  return {
    codes,
    shares: await all(proofs, async (proof) => ({
      proof: toHex(proof),
      share: toHex(await shareIdFromProof(proof, primitives)),
    })),
    capabilities: await all([0x00, 0x11], async (byte) => ({
      share: toHex(id(byte)),
      capability: toHex(await capabilityOf(keys, primitives, id(byte))),
    })),
    networkIds: await all([0x00, 0x44], async (byte) => ({
      channel: toHex(keys.channel),
      nonce: toHex(id(byte)),
      id: toHex(await networkId(keys.channel, id(byte), primitives)),
    })),
    hellos: HELLOS.map((each) => helloVector(each, signerOf(keys, primitives))),
    receipts: await all([1, 6, RECORD_INDEX], async (records) => ({
      share: toHex(id(0x11)),
      receiver: toHex(id(0x22)),
      records,
      mac: toHex(await receiptMac(keys, primitives, id(0x11), id(0x22), records)),
    })),
    names: await all(TEXTS, async (text) => ({
      text,
      share: toHex(id(0x11)),
      receiver: toHex(id(0x22)),
      nonce: toHex(new Uint8Array(12).fill(7)),
      sealed: toHex(
        await sealName(text, { share: id(0x11), receiver: id(0x22) }, keys, {
          ...primitives,
          randomBytes: (length) => new Uint8Array(length).fill(7),
        }),
      ),
    })),
    manifests: MANIFESTS.map(({ about, ...source }) => {
      const { head, manifest } = encodeManifest({ share: id(0x33), ...source });
      return { about, records: manifest.records, bytes: manifest.bytes, head: toHex(head) };
    }),
    records: await all(RECORDS, async ({ index, last, padding, data }) => {
      const cipher = await recordCipher(keys.content, id(0x33), primitives);
      const ciphertext = await cipher.seal(index, [data], last, padding);
      const frame = encodeFrame(id(0x33), index, last, ciphertext);
      return {
        share: toHex(id(0x33)),
        index,
        last,
        padding,
        data: toHex(data),
        ciphertext: toHex(ciphertext),
        frame: toHex(frame),
      };
    }),
  };
}

function helloVector({ role, least, name }: (typeof HELLOS)[number], signer: Signer) {
  const nonce = new Uint8Array(32).fill(9);
  const claim = { v: 2, role, ...(least !== undefined && { least }) };
  const { key, signature } = proveHello(claim, { nonce, name }, signer);
  return Object.assign(claim, {
    ...(name !== undefined && { name }),
    nonce: toHex(nonce),
    key: toHex(key),
    signature: toHex(signature),
  });
}

async function all<From, To>(
  list: readonly From[],
  make: (each: From) => MaybePromise<To>,
): Promise<To[]> {
  const made: To[] = [];
  for (const each of list) made.push(await make(each));
  return made;
}
