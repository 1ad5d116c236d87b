/** The authorities that this machine, or a file of certificates, trusts. */
import { X509Certificate } from "node:crypto";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import * as tls from "node:tls";

import { CERTIFICATE_BYTES } from "../../protocol/wire/limits.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { readFully } from "../system/own-file.ts";
import { reasonOf } from "../system/system-error.ts";

let ofSystem: readonly string[] | undefined;

/** The authorities of Bun and of the system. Bun reads the system's only on request. */
function machineCertificates(): readonly string[] {
  // Node before 22.15 knows its own authorities alone.
  const listed: ((kind: "default" | "system") => string[]) | undefined = tls.getCACertificates;
  ofSystem ??=
    listed === undefined
      ? tls.rootCertificates
      : [...new Set([...listed("default"), ...listed("system")])];
  return ofSystem;
}

/** The authorities for a TLS connection: those in `ca` alone, in PEM, else all that this machine trusts. */
export function trustedCertificates(ca: string | undefined): string[] {
  return ca === undefined ? [...machineCertificates()] : [ca];
}

/** The text of a file of certificates. @throws FaultError "bad-ca" */
export function readCaFile(path: string): string {
  try {
    const text = readText(path);
    const found = text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
    if (found.length === 0) throw bad(`${path} holds none in PEM`);
    // Reports a damaged certificate here; TLS would fail later without a reason.
    return found.map((one) => new X509Certificate(one).toString()).join("\n");
  } catch (error) {
    if (error instanceof FaultError) throw error;
    const isOfSystem = error instanceof Error && "syscall" in error;
    const why = isOfSystem ? `cannot be read (${reasonOf(error)})` : "holds one that is damaged";
    throw bad(`${path} ${why}`, error);
  }
}

/** Opened once: between two calls by path another user could put a FIFO there, or a longer file. */
function readText(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw bad(`${path} is no file`);
    if (stat.size > CERTIFICATE_BYTES)
      throw bad(`${path} has more than ${CERTIFICATE_BYTES} bytes`);
    return Buffer.from(readFully(fd, 0, stat.size)).toString("utf8");
  } finally {
    closeSync(fd);
  }
}

function bad(why: string, cause?: unknown): FaultError {
  return new FaultError("bad-ca", why, { cause });
}
