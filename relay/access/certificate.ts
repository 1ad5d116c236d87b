/** The certificate with which a relay speaks TLS: read with care, and read again when its files change. */
import { X509Certificate, createPrivateKey, type KeyObject } from "node:crypto";
import { createSecureContext } from "node:tls";

import { CERTIFICATE_BYTES, FaultError } from "../../protocol/mod.ts";
import { CERTIFICATE_WARN_MS } from "../limits/operator-limits.ts";

import { readTextFile } from "../system/file-text.ts";
import { KeptFiles } from "../system/kept-files.ts";

/** Time between two checks whether the files of a relay's certificate have changed. */
export const CERTIFICATE_EVERY_MS = 5000;

export interface CertificateFiles {
  /** The certificate, and after it those that lead to its authority. */
  readonly cert: string;
  readonly key: string;
}

export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificate {
  readonly pair: TlsPair;
  readonly names: readonly string[];
  /** When it ends, in ms since 1970. */
  readonly endsAt: number;
}

export type CertificatePoll =
  | { readonly found: "same" }
  | { readonly found: "renewed"; readonly certificate: Certificate }
  | { readonly found: "trouble"; readonly trouble: string };

/**
 * @param now in ms since 1970
 * @throws FaultError `bad-certificate` that names the file and what is wrong with it
 */
export function readCertificate(files: CertificateFiles, now: number): Certificate {
  const pair = {
    cert: readTextFile(files.cert, CERTIFICATE_BYTES, "bad-certificate").text,
    key: readTextFile(files.key, CERTIFICATE_BYTES, "bad-certificate").text,
  };
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pair.cert);
  } catch (cause) {
    throw bad(`${files.cert} holds no certificate in PEM`, cause);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pair.key);
  } catch (cause) {
    throw bad(`${files.key} holds no private key in PEM, or one with a password`, cause);
  }
  if (!certificate.checkPrivateKey(key)) {
    throw bad(`${files.key} is not the key of the first certificate in ${files.cert}`);
  }
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw bad(`${files.cert} holds something that is no certificate`, cause);
  }
  const beginsAt = Date.parse(certificate.validFrom);
  const endsAt = Date.parse(certificate.validTo);
  if (now < beginsAt) throw bad(`${files.cert} is not valid before ${dayOf(beginsAt)}`);
  if (now >= endsAt) throw bad(`${files.cert} has been expired since ${dayOf(endsAt)}`);
  return { pair, names: namesOf(certificate), endsAt };
}

/** A certificate whose files may change at any time. */
export class KeptCertificate {
  readonly #files: CertificateFiles;
  readonly #kept: KeptFiles<Certificate>;
  #warned: "no" | "ending" | "ended" = "no";

  /** @throws FaultError `bad-certificate` */
  constructor(files: CertificateFiles, now: number) {
    this.#files = files;
    const { cert, key } = files;
    this.#kept = new KeptFiles([cert, key], () => readCertificate(files, now), isSame);
  }

  get certificate(): Certificate {
    return this.#kept.value;
  }

  /**
   * Looks whether there is another one. Of files that are wrong it tells once, and goes on with what it
   * has.
   * @param insists the operator asked: a fault is told at once, and again
   */
  poll(now: number, insists: boolean): CertificatePoll {
    const poll = this.#kept.poll(insists, () => readCertificate(this.#files, now));
    switch (poll.found) {
      case "same":
        return this.#age(now);
      case "trouble":
        return { found: "trouble", trouble: `${poll.why}; the certificate from before stays` };
      case "changed":
        this.#warned = "no";
        return { found: "renewed", certificate: this.certificate };
    }
  }

  /** Whether it should have been renewed by now; told once. */
  #age(now: number): CertificatePoll {
    const { endsAt } = this.certificate;
    const is = now >= endsAt ? "ended" : now >= endsAt - CERTIFICATE_WARN_MS ? "ending" : "no";
    if (is === this.#warned || is === "no") return { found: "same" };
    this.#warned = is;
    const what = is === "ended" ? "has been expired since" : "ends on";
    return { found: "trouble", trouble: `The certificate ${what} ${dayOf(endsAt)}; renew it` };
  }
}

function isSame({ pair: one }: Certificate, { pair: other }: Certificate): boolean {
  return one.cert === other.cert && one.key === other.key;
}

function namesOf({ subjectAltName = "" }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,"\s]+)/g)].map(
    ([, name = ""]) => name,
  );
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function bad(why: string, cause?: unknown): FaultError {
  return new FaultError("bad-certificate", why, { cause });
}
