/** The admin listener at an address that others reach too. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";

import { askFor, askOverview, findManager } from "../../../cli/operator/admin-client.ts";
import { leaveTicket } from "../../../cli/operator/tickets.ts";
import { startRelay } from "../../../relay/mod.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { laterFaultOf, temporaryFolder } from "../../support/disk.ts";
import { adminOf, withToken } from "../../support/relay/admin-requests.ts";
import { until } from "../../support/until.ts";

const EVERYWHERE = { hostname: "0.0.0.0", port: 0 };
const authority = new Authority();

test("speaks TLS with the relay's certificate, also with the next one", async () => {
  using folder = temporaryFolder();
  const tls = writeCertificate(folder.path, authority.issue({ names: ["relay.example"] }));
  const troubles: string[] = [];
  const onTrouble = (trouble: string): void => void troubles.push(trouble);
  await using relay = await startRelay({ tls, admin: EVERYWHERE, onTrouble });
  const { url, token } = adminOf(relay);
  expect(url).toStartWith("https://127.0.0.1:");
  expect(troubles).toEqual([]);
  const serials: string[] = [];
  const checkServerIdentity = (_: string, { serialNumber }: { serialNumber: string }): undefined =>
    void serials.push(serialNumber);
  const ask = (): Promise<Response> =>
    fetch(`${url}/api/status`, {
      ...withToken(token),
      keepalive: false,
      tls: { ca: authority.cert, checkServerIdentity },
    });
  expect((await ask()).status).toBe(200);
  const next = authority.issue({ names: ["relay.example"] });
  writeCertificate(folder.path, next);
  const serial = new X509Certificate(next.cert).serialNumber;
  await until(async () => {
    // The kernel resets what waits to be accepted by the listener before.
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) expect(answer.status).toBe(200);
    return serials.at(-1) === serial;
  });
  // Its operator there is no stranger to it, whatever name the certificate has.
  const env = { XDG_RUNTIME_DIR: folder.path };
  using ticket = leaveTicket({ relay: relay.url, admin: url, token }, env);
  expect(ticket).toBeDefined();
  const ours = findManager({ admin: undefined, token: undefined }, env);
  expect((await askOverview(ours)).overview.workers.up).toBe(1);
  expect(await laterFaultOf(askFor({ ...ours, isOurs: false }, "drain", {}))).toBe("no-relay-here");
});

test("without TLS says so, in words and in the log", async () => {
  const troubles: string[] = [];
  const events: string[] = [];
  await using relay = await startRelay({
    admin: EVERYWHERE,
    onTrouble: (trouble) => troubles.push(trouble),
    onReport: ({ event }) => events.push(event),
  });
  expect(troubles.join()).toContain("speaks no TLS");
  expect(events).toContain("admin-exposed");
  expect((await fetch(`${adminOf(relay).url}/healthz`)).status).toBe(200);
});

test("a certificate that is wrong is a fault before anything listens", async () => {
  using folder = temporaryFolder();
  const tls = writeCertificate(folder.path, authority.issue());
  writeFileSync(join(folder.path, "relay.pem"), "nothing");
  expect(await laterFaultOf(startRelay({ tls, admin: EVERYWHERE }))).toBe("bad-certificate");
});
