/**
 * Certificates of tests, made by themselves: no machine is sure to have a tool for that, and one kept in
 * the repository ends some day. As in RFC 5280, in DER, with keys on P-256.
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Longer than before the end of one a relay warns. */
const VALID_MS = 30 * DAY_MS;

// Tags of DER
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT = 0x06;
const UTF8 = 0x0c;
const TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(tag, ...lengthOf(body.length)), body]);
}

/** As few bytes as will do, below 64 KiB. */
function lengthOf(bytes: number): number[] {
  if (bytes < 0x80) return [bytes];
  return bytes < 0x100 ? [0x81, bytes] : [0x82, bytes >> 8, bytes & 0xff];
}

/** Object identifiers as they are encoded. */
const id = (hex: string): Buffer => der(OBJECT, Buffer.from(hex, "hex"));
const ECDSA_WITH_SHA256 = der(SEQUENCE, id("2a8648ce3d040302"));
const COMMON_NAME = id("550403");
const SUBJECT_ALT_NAME = id("551d11");
const BASIC_CONSTRAINTS = id("551d13");
const TRUE = Uint8Array.of(0x01, 0x01, 0xff);

function nameOf(common: string): Buffer {
  const attribute = der(SEQUENCE, COMMON_NAME, der(UTF8, Buffer.from(common)));
  return der(SEQUENCE, der(SET, attribute));
}

function timeOf(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(TIME, Buffer.from(text));
}

function altName(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, Buffer.from(name.split(".").map(Number)));
  return der(0x82, Buffer.from(name));
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

interface Wanted {
  /** Domains and IPv4 addresses. */
  readonly names?: readonly string[];
  readonly from?: number;
  readonly until?: number;
}

/** An authority that nobody trusts who is not told to. */
export class Authority {
  readonly cert: string;
  readonly #name = nameOf(`Authority ${randomBytes(4).toString("hex")}`);
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

  constructor() {
    const constraints = der(
      SEQUENCE,
      BASIC_CONSTRAINTS,
      TRUE,
      der(OCTET_STRING, der(SEQUENCE, TRUE)),
    );
    this.cert = this.#certify(this.#name, this.#keys.publicKey, constraints, {});
  }

  /** A certificate for this machine, for a day from an hour ago on, unless told otherwise. */
  issue({ names = ["127.0.0.1", "localhost"], ...when }: Wanted = {}): TestCertificate {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const list = der(OCTET_STRING, der(SEQUENCE, ...names.map(altName)));
    const cert = this.#certify(
      nameOf("relay"),
      publicKey,
      der(SEQUENCE, SUBJECT_ALT_NAME, list),
      when,
    );
    return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }) };
  }

  #certify(subject: Buffer, key: KeyObject, extension: Buffer, { from, until }: Wanted): string {
    const now = Date.now();
    const tbs = der(
      SEQUENCE,
      der(0xa0, der(INTEGER, Uint8Array.of(2))),
      // Positive, and no zeros in front.
      der(INTEGER, Uint8Array.of(1), randomBytes(8)),
      ECDSA_WITH_SHA256,
      this.#name,
      der(SEQUENCE, timeOf(from ?? now - DAY_MS / 24), timeOf(until ?? now + VALID_MS)),
      subject,
      key.export({ type: "spki", format: "der" }),
      der(0xa3, der(SEQUENCE, extension)),
    );
    const signature = sign("sha256", tbs, this.#keys.privateKey);
    const bits = der(BIT_STRING, Uint8Array.of(0), signature);
    return pem("CERTIFICATE", der(SEQUENCE, tbs, ECDSA_WITH_SHA256, bits));
  }
}

/** Files of a certificate in a folder; written over when they are there. */
export function writeCertificate(folder: string, { cert, key }: TestCertificate) {
  const files = { cert: join(folder, "relay.pem"), key: join(folder, "relay.key") };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}
