/** Why a relay can't listen, keep its log or read its files: each reason by its own name. */
import { describe, expect, test } from "bun:test";

import { listenFault } from "../../../relay/system/guard.ts";
import { startRelay } from "../../../relay/mod.ts";
import { faultOf } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { SHELL_FILESHARE } from "../../support/clients/command-words.ts";

test.each([
  ["EADDRINUSE", "port-in-use"],
  ["EADDRNOTAVAIL", "cannot-listen"],
  ["EACCES", "port-not-allowed"],
  ["EMFILE", "no-descriptors"],
  ["ENFILE", "no-descriptors"],
])("%s at listen is %s", (errno, code) => {
  const fails = (): never => {
    throw listenFault(`error: no\n code: "${errno}"`, "127.0.0.1:80");
  };
  expect(faultOf(fails)).toBe(code);
});

test.each([
  ["no-such-host.invalid", "that name leads to no address"],
  ["::1%lo", "an address with a zone cannot be taken"],
])("a relay at %s says why it cannot listen there", async (hostname, why) => {
  for (const options of [{ hostname }, { admin: { hostname, port: 0 } }]) {
    const said = await startRelay(options).catch(String);
    expect(said).toContain("The relay cannot listen at that address");
    expect(said).toContain(why);
  }
});

describe.each([1, 2])("a relay of %d workers names --cluster-listen and its address", (workers) => {
  const cluster = { name: "main", secret: new Uint8Array(32), servers: ["nats://127.0.0.1:1"] };
  const refusal = (hostname: string, port: number): Promise<unknown> =>
    startRelay({ workers, cluster: { ...cluster, listen: { hostname, port } } }).catch(String);

  test("when another program has that port", async () => {
    using other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    expect(await refusal("127.0.0.1", other.port)).toContain(
      `the port is in use: --cluster-listen 127.0.0.1:${other.port}.`,
    );
  });

  test("when this machine has no such address", async () => {
    const why = "--cluster-listen 192.0.2.99:8001 (this machine does not have that address)";
    expect(await refusal("192.0.2.99", 8001)).toContain(why);
  });

  test("when that name leads nowhere", async () => {
    const why = "--cluster-listen no-such-host.invalid:8001 (that name leads to no address)";
    expect(await refusal("no-such-host.invalid", 8001)).toContain(why);
  });
});

test("a relay that may open no more files says so, and how to raise the limit", async () => {
  const relay = `exec ${SHELL_FILESHARE} relay --host 127.0.0.1 --port 0 --no-admin --workers 4`;
  const child = Bun.spawn(["bash", "-c", `ulimit -n 20; ${relay}`], {
    env: cleanEnv(),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await child.stderr.text();
  // Where Bun's runtime itself meets the limit first, it ends the process with its own words.
  expect(said).toMatch(/reached its limit of open files|ran out of file descriptors/);
  expect(said).toContain("ulimit -n");
  expect(said).not.toContain("permission");
  expect(await child.exited).not.toBe(0);
});
