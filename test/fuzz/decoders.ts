/** Everything that decodes what came from the network or from a person. */
import * as fc from "fast-check";
import { pack } from "msgpackr";
import {
  CONTROL_BYTES,
  concat,
  decodeBody,
  decodeControl,
  decodeFrame,
  decodeHead,
  decodeManifest,
  encodeBody,
  encodeControl,
  encodeFrame,
  encodeManifest,
  fromHex,
  MANIFEST_LENGTH_BYTES,
  makeCode,
  parseCode,
  parseSafePath,
  recordCipher,
  SEALED_BYTES,
  SENT_BY,
  u32,
  unpackMap,
  type Code,
  type MessageType,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { KEPT } from "../golden/known-vectors.ts";
import type { Random } from "../simulation/random.ts";
import { broken, CONTROLS, FRAMES, HEADS, IDS, oddMessage } from "./corpus.ts";
import { mutate, NUMBERS, odd, oddEntry } from "./mutate.ts";
import { readAnnouncements, recordsOf } from "../../cli/discovery/announcement.ts";
import { decoded } from "../../cli/discovery/multicast-sockets.ts";
import { relaysOf } from "../../cli/discovery/seeker.ts";
import { encode as encodePacket, type Packet } from "dns-packet";
import { Broken, decoder, taken, type TargetKind } from "./target.ts";

/** Of the inputs, those that fast-check makes. */
const GENERATED = 0.1;

const anyId = fc.oneof(fc.constantFrom(...IDS), fc.uint8Array({ maxLength: 40 }));
const anyNumber = fc.oneof(fc.constantFrom(...NUMBERS), fc.maxSafeInteger(), fc.double());
const anyValue = fc.oneof(anyId, anyNumber, fc.boolean(), fc.string(), fc.constant(null));
const keys =
  "v least role channel token quiet share proof first records recordSize bytes seekable admit count list receiver mac reason senderHere name from window next code message retry limits".split(
    " ",
  );
/** A map with keys of messages, as MessagePack. */
export const anyMessage = fc
  .tuple(
    fc.constantFrom<MessageType | "other">(...(Object.keys(SENT_BY) as MessageType[]), "other"),
    fc.dictionary(
      fc.constantFrom(...keys),
      fc.oneof(anyValue, fc.array(fc.dictionary(fc.constantFrom("id", ...keys), anyValue))),
      { maxKeys: 12 },
    ),
  )
  .map(([t, rest]) => new Uint8Array(pack({ t, ...rest })));
export const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), anyMessage);

function sampled<T>(random: Random, arbitrary: fc.Arbitrary<T>): T {
  const [sample] = fc.sample(arbitrary, { seed: random.whole(0, 2 ** 31 - 1), numRuns: 1 });
  return sample!;
}

export function checkControl(bytes: Uint8Array): void {
  const message = taken(() => decodeControl(bytes, "anyone"), "bad-message", "version-mismatch");
  if (message === undefined) return;
  if (bytes.length > CONTROL_BYTES) throw new Broken("longer than a message may be");
  const again = encodeControl(message);
  if (again.length > bytes.length + 16) throw new Broken("it grew");
  const twice = decodeControl(again, "anyone");
  if (!Bun.deepEquals(twice, message, true)) throw new Broken("another message the second time");
  checkValue(message);
}

/** Throws for a value that exceeds every message's limits, whatever its schema. */
function checkValue(value: unknown): void {
  if (typeof value === "number" && !(Number.isSafeInteger(value) && value >= 0)) {
    throw new Broken(`the number ${value}`);
  }
  if (value instanceof Uint8Array || Array.isArray(value) || typeof value === "string") {
    if (value.length > SEALED_BYTES) throw new Broken(`${value.length} of something`);
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  for (const each of Object.values(value)) checkValue(each);
}

export function checkFrame(bytes: Uint8Array): void {
  const frame = taken(() => decodeFrame(bytes), "bad-message");
  if (frame === undefined) return;
  const { tag, index, last, ciphertext } = frame;
  const again = encodeFrame(tag, index, last, ciphertext);
  if (Buffer.compare(again, bytes) !== 0) throw new Broken("another frame the second time");
}

export function checkHead(head: Uint8Array): void {
  const whole = taken(() => decodeHead(head), "bad-manifest", "unsafe-name");
  const rest = head.subarray(MANIFEST_LENGTH_BYTES);
  const share = new Uint8Array(16).fill(0x33);
  const expected = { share, recordSize: 65_536 };
  const manifest =
    whole ?? taken(() => decodeManifest(rest, expected), "bad-manifest", "unsafe-name");
  if (manifest === undefined) return;
  for (const { path } of manifest.files) {
    if (parseSafePath(path) !== path) throw new Broken("a name that is not as it should be");
  }
  // It may have said something twice over, or in more bytes than it takes.
  const again = decodeHead(encodeManifest(manifest).head);
  if (!Bun.deepEquals(again.files, manifest.files, true)) throw new Broken("other files");
}

export function checkMap(bytes: Uint8Array): void {
  const map = taken(() => unpackMap(bytes, CONTROL_BYTES), "bad-message");
  if (map !== undefined && Object.getPrototypeOf(map) !== Object.prototype) {
    throw new Broken("no plain map");
  }
}

const contentKey = fromHex(KEPT.codes[0]!.content)!;
const salt = fromHex(KEPT.records[0]!.share)!;
const cipher = recordCipher(contentKey, salt, nodePrimitives);
const RECORDS = KEPT.records.map(({ index, ciphertext, last }) => ({
  index,
  last,
  ciphertext: fromHex(ciphertext)!,
}));
const CIPHERTEXTS = RECORDS.map(({ ciphertext }) => ciphertext);
const BODIES = [0, 1, 100, 300].map((length) =>
  encodeBody(new Uint8Array(length).fill(9), contentKey, nodePrimitives, { salt, recordSize: 64 }),
);

function checkRecord(random: Random): void {
  const { index, last, ciphertext } = random.pick(RECORDS);
  const other = random.chance(0.1)
    ? random.pick(CIPHERTEXTS)
    : mutate(random, ciphertext, CIPHERTEXTS);
  const at = random.chance(0.8) ? index : random.pick(NUMBERS);
  const says = random.chance(0.8) ? last : !last;
  const same = at === index && Buffer.compare(other, ciphertext) === 0;
  const opened = taken(() => cipher.openAny(at, other), "corrupt-record");
  const open = taken(() => cipher.open(at, other, says), "corrupt-record");
  const isOfShare = RECORDS.some((each) => {
    return each.index === at && Buffer.compare(each.ciphertext, other) === 0;
  });
  if ((opened !== undefined) !== isOfShare) throw new Broken("a record that was not sealed so");
  if (same && (open !== undefined) !== (says === last)) throw new Broken("another end");
}

function checkBody(random: Random): void {
  const sound = random.pick(BODIES);
  const bytes = mutate(random, sound, BODIES);
  const body = taken(() => decodeBody(bytes, contentKey, nodePrimitives, 64), "corrupt-record");
  const known = BODIES.some((each) => Buffer.compare(each, bytes) === 0);
  if (body !== undefined && !known) throw new Broken("a body that nobody made");
}

const CODES: readonly Uint8Array[] = [
  ...KEPT.codes.flatMap(({ typed }) => typed),
  makeCode((length) => Uint8Array.from({ length }, (_, i) => 5 * i)),
].map((text) => new TextEncoder().encode(text));

function checkTyped(random: Random): void {
  const typed = new TextDecoder().decode(mutate(random, random.pick(CODES), CODES));
  let code: Code | undefined;
  taken(() => {
    code = parseCode(typed);
    return {};
  }, "bad-code");
  if (code !== undefined && parseCode(code) !== code) throw new Broken("another code");
}

const PATHS: readonly Uint8Array[] = ["a/b/c.txt", "é/ü.txt", "dir.name/file", "x"].map((path) =>
  new TextEncoder().encode(path),
);

function checkPath(random: Random): void {
  const text = new TextDecoder().decode(
    mutate(random, random.pick(PATHS), [...PATHS, ...CONTROLS]),
  );
  let path: string | undefined;
  taken(() => {
    path = parseSafePath(text);
    return {};
  }, "unsafe-name");
  if (path === undefined) return;
  if (path.split("/").some((part) => ["", ".", ".."].includes(part)) || path.includes("\0")) {
    throw new Broken(`a path that leads elsewhere: ${JSON.stringify(path)}`);
  }
}

/** Files, sizes and all that a manifest says, odd. */
function oddHead(random: Random): Uint8Array {
  const head = random.pick(HEADS);
  const map = unpackMap(head.subarray(MANIFEST_LENGTH_BYTES), head.length);
  const { files } = map;
  const other = random.chance(0.5)
    ? { ...map, files: odd(random, files, IDS) }
    : oddEntry(random, map, IDS);
  const packed = new Uint8Array(pack(other));
  return concat(u32(packed.length), packed);
}

/** Of one channel and of many, with and without a path of its own. */
const ANNOUNCEMENTS = [1, 44].flatMap((count) =>
  ["/ws", "/a/b/ws"].map((path) => {
    const ids = Array.from({ length: count }, (_, n) => new Uint8Array(12).fill(n));
    const one = { port: 8000, tls: count > 1, path, nonce: new Uint8Array(16).fill(7), ids };
    const place = { ipv4: ["10.7.0.1"], ipv6: ["fd07::1"] };
    const { pointer, others } = recordsOf("0011", one, place, { ttl: 120, flush: true });
    const packet: Packet = { type: "response", answers: [pointer], additionals: others };
    return new Uint8Array(encodePacket(packet));
  }),
);

/** A packet of the local network leads to addresses of one form, or to nothing. */
function checkAnnouncement(bytes: Uint8Array): void {
  const packet = decoded(bytes);
  if (packet === undefined) return;
  const at = { name: "eth0", ipv4: [], ipv6: [], hasIpv6: true, isOnLink: () => true };
  for (const one of readAnnouncements(packet)) {
    for (const { address } of relaysOf(one, { address: "10.7.0.1", port: 5353 }, { at })) {
      if (/^wss?:\/\/[\d.a-f:[\]]+(?:\/[\w.~-]{1,32}){0,4}\/ws$/.test(address)) continue;
      throw new Broken(`an announcement leads to ${address}`);
    }
  }
}

export const DECODERS: readonly TargetKind[] = [
  decoder("control", 27, (random) => {
    if (random.chance(GENERATED)) checkControl(sampled(random, anyBytes));
    else if (random.chance(0.4)) checkControl(oddMessage(random));
    else checkControl(broken(random, random.pick(CONTROLS)));
  }),
  decoder("map", 5, (random) => checkMap(mutate(random, random.pick(HEADS), CONTROLS))),
  decoder("frame", 12, (random) => {
    checkFrame(
      random.chance(GENERATED) ? sampled(random, anyBytes) : broken(random, random.pick(FRAMES)),
    );
  }),
  decoder("manifest", 14, (random) => {
    checkHead(random.chance(0.5) ? oddHead(random) : mutate(random, random.pick(HEADS), HEADS));
  }),
  decoder("record", 6, (random) => (random.chance(0.8) ? checkRecord(random) : checkBody(random))),
  decoder("announcement", 6, (random) => {
    checkAnnouncement(mutate(random, random.pick(ANNOUNCEMENTS), ANNOUNCEMENTS));
  }),
  decoder("code", 3, checkTyped),
  decoder("path", 5, checkPath),
];
