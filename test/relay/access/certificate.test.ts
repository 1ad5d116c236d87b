import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { CERTIFICATE_BYTES, FaultError } from "../../../protocol/mod.ts";
import { CERTIFICATE_WARN_MS } from "../../../relay/limits/operator-limits.ts";
import {
  KeptCertificate,
  readCertificate,
  type CertificateFiles,
} from "../../../relay/access/certificate.ts";
import {
  Authority,
  writeCertificate,
  type TestCertificate,
} from "../../support/net/certificates.ts";
import { temporaryFolder } from "../../support/disk.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const authority = new Authority();
const YEAR = { until: Date.now() + 365 * DAY_MS };

function faultOf(cert: string, key: string): string | undefined {
  try {
    readCertificate({ cert, key }, Date.now());
    return undefined;
  } catch (error) {
    if (error instanceof FaultError && error.code === "bad-certificate") return error.detail;
    throw error;
  }
}

describe("a certificate", () => {
  test("is read with its names and its end", () => {
    using folder = temporaryFolder();
    const until = Math.floor(Date.now() / 1000) * 1000 + DAY_MS;
    const issued = authority.issue({ names: ["relay.example", "10.1.2.3"], until });
    const files = writeCertificate(folder.path, issued);
    expect(readCertificate(files, Date.now())).toEqual({
      pair: issued,
      names: ["relay.example", "10.1.2.3"],
      endsAt: until,
    });
    // With the chain that leads to its authority.
    writeFileSync(files.cert, issued.cert + authority.cert);
    expect(readCertificate(files, Date.now()).names).toHaveLength(2);
  });

  const now = Date.now();
  const good = authority.issue();
  const other = authority.issue();
  const past = authority.issue({ from: now - 3 * DAY_MS, until: now - DAY_MS });
  const future = authority.issue({ from: now + DAY_MS, until: now + 3 * DAY_MS });
  const damaged = good.cert.replaceAll(/^[A-Za-z0-9+/]{64}$/gm, "A".repeat(64));
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

  test.each<[what: string, pair: TestCertificate, said: RegExp]>([
    ["with another key", { ...good, key: other.key }, /key is not the key of the first cert/],
    ["after its authority", { ...good, cert: authority.cert + good.cert }, /is not the key of/],
    ["that is none", { ...good, cert: "nothing" }, /pem holds no certificate in PEM$/],
    ["that is damaged", { ...good, cert: damaged }, /pem holds no certificate in PEM$/],
    ["with a damaged chain", { ...good, cert: good.cert + damaged }, /that is no certificate$/],
    ["whose key is none", { ...good, key: good.cert }, /key holds no private key in PEM/],
    ["that has expired", past, new RegExp(`been expired since ${day(now - DAY_MS)}$`)],
    ["that is not valid yet", future, new RegExp(`not valid before ${day(now + DAY_MS)}$`)],
    ["as large as no other", { ...good, cert: "x".repeat(CERTIFICATE_BYTES + 1) }, /has more than/],
  ])("%s is refused", (_what, pair, said) => {
    using folder = temporaryFolder();
    const { cert, key } = writeCertificate(folder.path, pair);
    expect(faultOf(cert, key)).toMatch(said);
  });

  test("that is not there, or no file, is refused", () => {
    using folder = temporaryFolder();
    const { cert, key } = writeCertificate(folder.path, good);
    const missing = join(folder.path, "none");
    expect(faultOf(missing, key)).toBe(`there is no ${missing}`);
    expect(faultOf(cert, missing)).toBe(`there is no ${missing}`);
    expect(faultOf(folder.path, key)).toBe(`${folder.path} is no file`);
    expect(faultOf("/dev/zero", key)).toBe("/dev/zero is no file");
  });
});

describe("a kept certificate", () => {
  /** As certbot has them: links in one folder to numbered files in another, renamed into place. */
  function issueAs(folder: string, number: number, pair: TestCertificate): CertificateFiles {
    const archive = join(folder, `archive${number}`);
    mkdirSync(archive);
    const to = writeCertificate(archive, pair);
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    for (const each of ["cert", "key"] as const) {
      symlinkSync(to[each], `${files[each]}.new`);
      renameSync(`${files[each]}.new`, files[each]);
    }
    return files;
  }

  test("is renewed when links lead to other files, and only then", () => {
    using folder = temporaryFolder();
    const first = authority.issue(YEAR);
    const kept = new KeptCertificate(issueAs(folder.path, 1, first), Date.now());
    const poll = () => kept.poll(Date.now(), false);
    expect(kept.certificate.pair).toEqual(first);
    expect(poll()).toEqual({ found: "same" });
    const second = authority.issue(YEAR);
    issueAs(folder.path, 2, second);
    expect(poll()).toMatchObject({ found: "renewed", certificate: { pair: second } });
    expect(kept.certificate.pair).toEqual(second);
    expect(poll()).toEqual({ found: "same" });
    // The same once more is nothing new.
    issueAs(folder.path, 3, second);
    expect(poll()).toEqual({ found: "same" });
  });

  test("stays while the new one is half there, or broken, which is told once", () => {
    using folder = temporaryFolder();
    const first = authority.issue(YEAR);
    const second = authority.issue(YEAR);
    const files = writeCertificate(folder.path, first);
    const kept = new KeptCertificate(files, Date.now());
    const poll = (insists = false) => kept.poll(Date.now(), insists);
    writeFileSync(files.cert, second.cert);
    expect(poll()).toEqual({ found: "same" });
    writeFileSync(files.key, second.key);
    expect(poll()).toMatchObject({ found: "renewed", certificate: { pair: second } });
    rmSync(files.key);
    expect(poll()).toEqual({ found: "same" });
    const trouble = `there is no ${files.key}; the certificate from before stays`;
    expect(poll()).toEqual({ found: "trouble", trouble });
    expect(poll()).toEqual({ found: "same" });
    expect(poll(true)).toEqual({ found: "trouble", trouble });
    expect(kept.certificate.pair).toEqual(second);
    // A link to itself can't even be looked at.
    symlinkSync(files.key, files.key);
    expect(poll(true)).toMatchObject({ found: "trouble" });
    rmSync(files.key);
    writeFileSync(files.key, second.key);
    expect(poll()).toEqual({ found: "same" });
  });

  test("that is not renewed is told of before it ends, and when it has", () => {
    using folder = temporaryFolder();
    const { until } = YEAR;
    const kept = new KeptCertificate(
      writeCertificate(folder.path, authority.issue(YEAR)),
      Date.now(),
    );
    const troubleAt = (now: number): string | undefined => {
      const poll = kept.poll(now, false);
      return poll.found === "trouble" ? poll.trouble : undefined;
    };
    expect(kept.poll(until - CERTIFICATE_WARN_MS - 5000, false).found).toBe("same");
    expect(troubleAt(until - CERTIFICATE_WARN_MS + 5000)).toContain("The certificate ends on ");
    expect(kept.poll(until - 5000, false).found).toBe("same");
    expect(troubleAt(until + 5000)).toContain("has been expired since");
    expect(kept.poll(until + 5000, false).found).toBe("same");
  });
});
