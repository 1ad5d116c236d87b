/** `fileshare relay --cluster`: which options it takes, and what it says of others. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { clusterOptions } from "../../../cli/commands/cluster-options.ts";
import type { RelayValues } from "../../../cli/commands/relay-commands.ts";
import { FaultError } from "../../../protocol/mod.ts";
import { SITE_FORM } from "../../../relay/cluster/directory-kv.ts";
import { SECRET_LEAST_BYTES } from "../../../relay/cluster/proof.ts";
import { temporaryFolder } from "../../support/disk.ts";

const SECRET = "correct horse battery staple 1234";

let folder: ReturnType<typeof temporaryFolder>;
let good: string;
beforeAll(() => {
  folder = temporaryFolder();
  good = file("good", `${SECRET}\n`);
});
afterAll(() => folder[Symbol.dispose]());

function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder.path, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

type Given = Partial<RelayValues>;

const least = (): Given => ({
  cluster: "nats://10.0.0.9",
  "cluster-listen": "10.0.0.1:8001",
  "cluster-secret": good,
});

async function refused(values: Given, env: Record<string, string> = {}): Promise<string> {
  try {
    await clusterOptions(values as RelayValues, env);
  } catch (error) {
    if (error instanceof FaultError) return `${error.code}: ${error.detail}`;
    throw error;
  }
  return "nothing";
}

describe("a relay", () => {
  test("is alone unless it is given a cluster, and then needs its address and its secret", async () => {
    expect(await clusterOptions({} as RelayValues, {})).toBeUndefined();
    expect(await clusterOptions(least() as RelayValues, {})).toEqual({
      servers: ["nats://10.0.0.9:4222"],
      name: "main",
      secret: new TextEncoder().encode(SECRET),
      listen: { hostname: "10.0.0.1", port: 8001 },
      advertise: undefined,
      site: undefined,
      credentials: undefined,
      token: undefined,
      user: undefined,
      password: undefined,
      tls: undefined,
    });
    expect(await refused({ cluster: "nats://10.0.0.9" })).toBe(
      "usage: --cluster needs --cluster-listen HOST:PORT, where the other relays reach this one",
    );
    expect(await refused({ ...least(), "cluster-secret": undefined })).toBe(
      "usage: --cluster needs the secret of the cluster, in --cluster-secret FILE or FILESHARE_RELAY_SECRET",
    );
  });

  test.each([
    "cluster-name",
    "cluster-listen",
    "cluster-advertise",
    "cluster-site",
    "cluster-secret",
    "cluster-creds",
    "cluster-token",
    "cluster-ca",
    "cluster-cert",
    "cluster-key",
  ])("without --cluster refuses --%s", async (option) => {
    expect(await refused({ [option]: "10.0.0.1:1" })).toBe(
      `usage: --${option} needs --cluster nats://HOST:4222`,
    );
  });

  test.each(["eu", "eu/a", "1/2/3/4", "a".repeat(32)])("takes the site %s", async (site) => {
    const values = { ...least(), "cluster-site": site };
    expect(await clusterOptions(values as RelayValues, {})).toMatchObject({ site });
    expect(site).toMatch(SITE_FORM);
  });

  test.each(["", "/", "eu/", "/eu", "eu//a", "EU", "a b", "../a", "a/b/c/d/e", "a".repeat(33)])(
    "refuses the site %p",
    async (site) => {
      expect(await refused({ ...least(), "cluster-site": site })).toBe(
        `usage: --cluster-site takes up to four names such as eu/lab-3, each of up to 32 small letters, digits and -, not "${site}"`,
      );
      expect(site).not.toMatch(SITE_FORM);
    },
  );

  test("takes several servers, a name, all ways to log in and TLS", async () => {
    const pem = (name: string): string => file(name, `the text of ${name}`);
    const values = {
      ...least(),
      cluster: "tls://ada:p%40ss@a.example:4333, nats://[2001:db8::1]",
      "cluster-name": "north_1",
      "cluster-listen": "[::]:0",
      "cluster-advertise": "relay-1.example",
      "cluster-site": "eu/lab-3",
      "cluster-ca": pem("ca"),
      "cluster-cert": pem("cert"),
      "cluster-key": pem("key"),
    };
    expect(await clusterOptions(values as RelayValues, {})).toMatchObject({
      servers: ["tls://a.example:4333", "nats://[2001:db8::1]:4222"],
      name: "north_1",
      user: "ada",
      password: "p@ss",
      listen: { hostname: "::", port: 0 },
      advertise: { hostname: "relay-1.example" },
      site: "eu/lab-3",
      tls: { ca: "the text of ca", cert: "the text of cert", key: "the text of key" },
    });
    const token = { ...least(), cluster: "nats://sesame@10.0.0.9" };
    expect(await clusterOptions(token as RelayValues, {})).toMatchObject({ token: "sesame" });
    const other = { ...least(), "cluster-token": "sesame" };
    expect(await clusterOptions(other as RelayValues, {})).toMatchObject({ token: "sesame" });
    const creds = { ...least(), "cluster-creds": pem("creds") };
    const read = (await clusterOptions(creds as RelayValues, {}))?.credentials;
    expect(read?.()).toEqual(new TextEncoder().encode("the text of creds"));
  });

  test("takes its secret from a variable too", async () => {
    const values = { ...least(), "cluster-secret": undefined } as RelayValues;
    const env = { FILESHARE_RELAY_SECRET: ` ${SECRET}\n` };
    expect(await clusterOptions(values, env)).toMatchObject({
      secret: new TextEncoder().encode(SECRET),
    });
    expect(await refused(least(), env)).toBe(
      "usage: give either --cluster-secret or FILESHARE_RELAY_SECRET",
    );
  });
});

describe("a secret", () => {
  test.each([0o604, 0o602, 0o620, 0o666])(
    "C2 that others may use (%o) is refused",
    async (mode) => {
      const path = file("open", SECRET, mode);
      expect(await refused({ ...least(), "cluster-secret": path })).toBe(
        `bad-cluster: others may use ${path}: chmod 600 ${path}`,
      );
    },
  );

  test("may be read by the group of a service", async () => {
    const path = file("group", SECRET, 0o440);
    expect(await refused({ ...least(), "cluster-secret": path })).toBe("nothing");
  });

  test("C2 has 32 bytes without the white space around it", async () => {
    const enough = "x".repeat(SECRET_LEAST_BYTES);
    const path = file("enough", ` ${enough}\n\n`);
    expect(await refused({ ...least(), "cluster-secret": path })).toBe("nothing");
    const short = file("short", ` ${enough.slice(1)} \n`);
    expect(await refused({ ...least(), "cluster-secret": short })).toBe(
      `bad-cluster: ${short} has 31 bytes, and a secret needs at least 32`,
    );
  });

  test("in a file that is not there, or is none, is refused with the file's name", async () => {
    const none = join(folder.path, "none");
    expect(await refused({ ...least(), "cluster-secret": none })).toBe(
      `bad-cluster: there is no ${none}`,
    );
    expect(await refused({ ...least(), "cluster-secret": folder.path })).toBe(
      `bad-cluster: ${folder.path} is no file`,
    );
  });
});

describe("an address", () => {
  test.each(
    [
      ["", "10.0.0.9:4222", "http://10.0.0.9", "nats://", "nats://a/b", "nats://a?b", "nats://a#b"],
      ["nats://a:0", "nats://a:99999", "nats://a,", "ws://a"],
    ].flat(),
  )("of NATS is none: %p", async (cluster) => {
    const said = await refused({ ...least(), cluster });
    expect(said).toStartWith("usage: --cluster takes addresses of NATS such as");
  });

  test("C2 of NATS that is none is shown without its password", async () => {
    const said = await refused({ ...least(), cluster: "http://ada:sesame@a" });
    expect(said).toEndWith('not "http://...@a"');
  });

  test("of NATS says % as %25, has one user for all servers, and no second way to log in", async () => {
    const say = (values: Given): Promise<string> => refused({ ...least(), ...values });
    expect(await say({ cluster: "nats://ada:100%@a" })).toContain("(write %25)");
    expect(await say({ cluster: "nats://ada:1@a,nats://ada:2@b" })).toBe(
      "usage: --cluster takes one user for all servers",
    );
    expect(await say({ cluster: "nats://ada:1@a", "cluster-token": "t" })).toBe(
      "usage: give either --cluster-token or a user in --cluster",
    );
    expect(await say({ "cluster-creds": good, "cluster-token": "t" })).toBe(
      "usage: give either --cluster-creds, or a token or a user",
    );
    const many = Array.from({ length: 17 }, (_, at) => `nats://n${at}`).join(",");
    expect(await say({ cluster: many })).toBe("usage: --cluster takes at most 16 servers");
  });

  test.each(["0.0.0.0:8001", "[::]:8001", "0:1"])(
    "of every network, %s, needs one that others reach",
    async (listen) => {
      expect(await refused({ ...least(), "cluster-listen": listen })).toContain(
        "is every address of this machine; give one that the other relays reach with --cluster-advertise",
      );
      const advertise = { "cluster-listen": listen, "cluster-advertise": "10.0.0.1" };
      expect(await refused({ ...least(), ...advertise })).toBe("nothing");
    },
  );

  test.each(["10.0.0.1:99999", "a b:1", "http://a:1", "[zz]:1", ":1", ""])(
    "of this relay is none: %p",
    async (listen) => {
      const said = `takes an address such as 10.0.0.1:8001, not "${listen}"`;
      expect(await refused({ ...least(), "cluster-listen": listen })).toBe(
        `usage: --cluster-listen ${said}`,
      );
      expect(await refused({ ...least(), "cluster-advertise": listen })).toBe(
        `usage: --cluster-advertise ${said}`,
      );
    },
  );

  test("at which a relay listens has a port", async () => {
    expect(await refused({ ...least(), "cluster-listen": "10.0.0.1" })).toBe(
      'usage: --cluster-listen needs HOST:PORT, as in 10.0.0.1:8001, not "10.0.0.1"',
    );
  });

  test("of all networks is no address for others", async () => {
    expect(await refused({ ...least(), "cluster-advertise": "0.0.0.0:8001" })).toStartWith(
      "usage: --cluster-advertise 0.0.0.0 is every address",
    );
  });
});

test("a cluster's name has no characters that NATS gives a meaning", async () => {
  for (const name of ["a.b", "a b", "*", "", "x".repeat(33)]) {
    expect(await refused({ ...least(), "cluster-name": name })).toBe(
      `usage: --cluster-name takes up to 32 letters, digits, - and _, not "${name}"`,
    );
  }
});

test("a certificate and its key go together", async () => {
  for (const option of ["cluster-cert", "cluster-key"]) {
    expect(await refused({ ...least(), [option]: good })).toBe(
      "usage: --cluster-cert and --cluster-key go together",
    );
  }
});
