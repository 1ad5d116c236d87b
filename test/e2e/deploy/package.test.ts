/** The npm package: its files, and what they do on a machine with Node alone. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";

import manifest from "../../../package.json" with { type: "json" };
import { NATS_PACKAGES } from "../../../relay/cluster/nats-connection.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { httpProxy } from "../../support/net/http-proxy.ts";
import { mountNamespace } from "../../needs.ts";
import { InstalledPackage } from "../../support/package/installed.ts";
import { knownCode, masterOf } from "../../support/clients/known-codes.ts";
import { openProgram } from "../../support/clients/pty.ts";
import { read, ROOT } from "../../support/documents.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";

/** The whole package, as a plain `npm pack` and `npm publish` make it. bytes */
const MOST_BYTES = 400 * 1024;
const NO_BUN = 69;
const [transport, jetstream] = NATS_PACKAGES;

const NAMESPACE = mountNamespace();

const APPLICATION = join(import.meta.dir, "../../support/package/application.mjs");

let installed: InstalledPackage;
let relay: Relay;
const sent = new Uint8Array(2 * 1024 * 1024).map((_, at) => at % 251);
const sum = createHash("sha256").update(sent).digest("hex");

beforeAll(async () => {
  installed = await InstalledPackage.make();
  const folder = join(installed.folder, "store");
  mkdirSync(folder, { mode: 0o700 });
  relay = await startRelay({ store: { kind: "disk", folder } });
  cpSync(APPLICATION, join(installed.app, "application.mjs"));
  mkdirSync(join(installed.app, "files"));
  writeFileSync(join(installed.app, "files/a.bin"), sent);
});
afterAll(async () => {
  await relay?.stop();
  installed?.[Symbol.dispose]();
});

/** The largest files of the package, with their bytes, packed. */
function largest(): string {
  const folder = join(installed.packages, "fileshare");
  const files = [...new Bun.Glob("{*,{cli,lib}/**}").scanSync({ cwd: folder })].map((path) => {
    const bytes = readFileSync(join(folder, path));
    return { path, packed: Bun.gzipSync(bytes).length };
  });
  const rows = files.toSorted((a, b) => b.packed - a.packed).slice(0, 25);
  return `packed:\n${rows.map(({ path, packed }) => `${String(packed).padStart(7)} ${path}\n`).join("")}`;
}

interface Ended {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

async function ended(words: readonly string[], env: Record<string, string>): Promise<Ended> {
  const child = Bun.spawn([...words], { cwd: installed.app, env, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, out, err };
}

describe("the package", () => {
  test("has the launcher, compiled code, types and what readers look for", async () => {
    const list = Bun.spawnSync(["tar", "-tzf", installed.tarball]).stdout.toString();
    const files = list
      .trimEnd()
      .split("\n")
      .map((path) => path.replace(/^package\//, ""));
    const shared = /^lib\/\d+\.js$/;
    expect(files.filter((path) => !shared.test(path)).toSorted()).toMatchSnapshot();
    expect(files.filter((path) => shared.test(path)).length).toBeGreaterThan(10);
    const { size } = Bun.file(installed.tarball);
    // The table stands in the failure.
    expect(size < MOST_BYTES ? "below the limit" : `${size} bytes, ${largest()}`).toBe(
      "below the limit",
    );
  });

  test("has a short README, without pictures", () => {
    const readme = readFileSync(join(installed.packages, "fileshare/README.md"), "utf8");
    expect(readme).toStartWith("# fileshare\n");
    for (const part of ["npm install --global fileshare", "fileshare send", "docs/README.md"]) {
      expect(readme).toContain(part);
    }
    expect(readme).not.toContain("![");
    expect(readme.split("\n").length).toBeLessThan(40);
  });

  test("has a package.json for users, with Bun and without scripts", async () => {
    const path = join(installed.packages, "fileshare/package.json");
    const users = (await Bun.file(path).json()) as Record<string, unknown>;
    const bun = manifest.devDependencies["bun-types"];
    const { [jetstream]: one, [transport]: other, ...dependencies } = manifest.dependencies;
    expect(users["dependencies"]).toEqual({ ...dependencies, bun });
    // npm installs none of these by itself.
    expect(users["peerDependencies"]).toEqual({ [jetstream]: one, [transport]: other });
    expect(users["peerDependenciesMeta"]).toEqual({
      [jetstream]: { optional: true },
      [transport]: { optional: true },
    });
    expect(existsSync(join(installed.packages, "fileshare/node_modules/@nats-io"))).toBe(false);
    for (const key of ["scripts", "devDependencies", "trustedDependencies"]) {
      expect(users).not.toHaveProperty(key);
    }
    const stage = join(installed.folder, "stage");
    for (const name of ["package.json", "README.md", "cli/launcher/launch.cjs"]) {
      expect(readFileSync(join(stage, name))).toEqual(readFileSync(join(ROOT, name)));
      expect(existsSync(join(stage, `developers.${basename(name)}`))).toBe(false);
    }
  });
});

describe.each(["here", "newer"] as const)("with the Node that is %s, and without Bun", (which) => {
  const env = (): Record<string, string> => installed.env(installed.nodes[which]);

  test("the command sends, receives and relays", async () => {
    const admin = `127.0.0.1:${await ownPort()}`;
    const words = ["relay", "--host", "127.0.0.1", "--port", "0", "--admin", admin, "--json"];
    const other = Bun.spawn([installed.command, ...words], { cwd: installed.app, env: env() });
    try {
      const url = await said(other.stdout, /"url":"([^"]+)"/);
      const page = await fetch(url.replace("ws", "http"), { headers: { accept: "text/html" } });
      expect(await page.text()).toMatch(/src="\.\/page\/app-[0-9a-f]{12}\.js"/);
      // The script of the page of operators has the chart library, which the package does not bring.
      const operators = await (await fetch(`http://${admin}/`)).text();
      expect(operators).toContain("<style>:root{");
      expect(operators.split("<script>")[1]?.length).toBeGreaterThan(100_000);
      const all = { ...env(), FILESHARE_RELAY: url };
      const sender = Bun.spawn([installed.command, "send", "files/a.bin", "--json"], {
        cwd: installed.app,
        env: all,
      });
      const code = await said(sender.stdout, /"code":"([^"]+)"/);
      const out = `received-${which}`;
      mkdirSync(join(installed.app, out));
      const receiver = [installed.command, "recv", "--yes", "--json", "--out", out];
      const received = await ended(receiver, { ...all, FILESHARE_CODE: code });
      expect(received).toMatchObject({ exitCode: 0, err: "" });
      expect(await sender.exited).toBe(0);
      expect(readFileSync(join(installed.app, out, "a.bin")).equals(sent)).toBe(true);
    } finally {
      other.kill();
    }
    expect(await other.exited).toBe(0);
  });

  /** A sender that waits, and what it says. */
  const SENDER = ["send", "--text", "x", "--stay", "--json", "--relay"];

  test.each([
    ["SIGINT", "the launcher"],
    ["SIGTERM", "the launcher"],
    ["SIGINT", "all its processes"],
  ] as const)("%s at %s interrupts once", async (signal, whom) => {
    const sender = Bun.spawn([installed.command, ...SENDER, relay.url], {
      cwd: installed.app,
      env: env(),
      detached: true,
    });
    const rest = Promise.withResolvers<string>();
    await said(sender.stdout, /"event":"(awaits)"/, rest.resolve);
    process.kill(whom === "the launcher" ? sender.pid : -sender.pid, signal);
    expect(await sender.exited).toBe(EXIT.interrupted);
    // A second one would end it before its last words.
    expect(await rest.promise).toContain('"event":"summary"');
  });

  test("Ctrl-C in a terminal interrupts once", async () => {
    const words = [installed.command, ...SENDER, relay.url];
    await using pty = openProgram(words, { cwd: installed.app, env: env() });
    await pty.shows('"event":"awaits"');
    pty.type("\u0003");
    expect(await pty.exited).toBe(EXIT.interrupted);
    expect(pty.raw).toContain('"event":"summary"');
  });

  test("input, output and the exit code pass through", async () => {
    const wrong = await ended([installed.command, "send", "--nonsense"], env());
    expect(wrong).toMatchObject({ exitCode: EXIT.usage, out: "" });
    expect(wrong.err).toContain("--nonsense");
  });
});

test("without a Bun the command says what is missing, and takes one that is on PATH", async () => {
  // As `--omit=optional` leaves it: the package `bun`, with a text in place of the binary.
  const bare = join(installed.folder, "bare/node_modules");
  const parts = ["package.json", "cli", "lib"];
  for (const part of parts) {
    cpSync(join(installed.packages, "fileshare", part), join(bare, "fileshare", part), {
      recursive: true,
    });
  }
  const words = [installed.nodes.here, join(bare, "fileshare/cli/launcher/fileshare.cjs")];
  const [none, stub] = ["the package bun is not installed", "is installed without its binary"];
  for (const why of [none, stub]) {
    const missing = await ended([...words, "--version"], installed.env());
    expect(missing).toMatchObject({ exitCode: NO_BUN, out: "" });
    expect(missing.err).toContain(`no Bun ${manifest.devDependencies["bun-types"]} or later`);
    expect(missing.err).toContain(why);
    mkdirSync(join(bare, "bun/bin"), { recursive: true });
    writeFileSync(join(bare, "bun/package.json"), "{}");
    writeFileSync(join(bare, "bun/bin/bun.exe"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  }
  const folder = join(installed.folder, "with-bun");
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, "bun"));
  symlinkSync(
    join(installed.packages, "fileshare/node_modules"),
    join(bare, "fileshare/node_modules"),
  );
  const { PATH = "", ...env } = installed.env();
  const found = await ended([...words, "nonsense"], { ...env, PATH: `${PATH}:${folder}` });
  expect(found).toMatchObject({ exitCode: EXIT.usage, out: "" });
});

test("a Node that is too old says so", async () => {
  const old = join(installed.folder, "old.cjs");
  writeFileSync(old, 'Object.defineProperty(process.versions, "node", { value: "16.20.2" });');
  const launcher = join(installed.packages, "fileshare/cli/launcher/fileshare.cjs");
  const told = await ended([installed.nodes.here, "--require", old, launcher], installed.env());
  expect(told).toMatchObject({ exitCode: NO_BUN, out: "" });
  expect(told.err).toContain("Node 16.20.2 is too old");
});

describe.each(["Bun", "Node"])("the library in %s", (runtime) => {
  /** The output of one step of the application. */
  async function step(
    words: readonly string[],
    env = {},
    stdin?: Uint8Array,
    under: readonly string[] = [],
  ): Promise<unknown> {
    const program = runtime === "Bun" ? process.execPath : installed.nodes.newer;
    const code = knownCode();
    const cwd = mkdtempSync(join(installed.app, `${runtime}-`));
    symlinkSync(join(installed.app, "files"), join(cwd, "files"));
    const child = Bun.spawn([...under, program, "../application.mjs", ...words], {
      cwd,
      env: {
        ...installed.env(),
        ...(under.length > 0 && { PATH: process.env["PATH"] }),
        CODE: code,
        MASTER: masterOf(code),
        ...env,
      },
      stdin: stdin ?? "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const out = await child.stdout.text();
    expect(await child.exited).toBe(0);
    return JSON.parse(out) as unknown;
  }

  test("sends texts, folders and streams", async () => {
    const stream = new TextEncoder().encode("from a pipe");
    expect(await step(["all", relay.url], {}, stream)).toEqual({
      faults: Array(6).fill("none"),
      text: "hello",
      sum,
      list: `${sum}  files/a.bin\n`,
      stream: "from a pipe",
    });
  });

  test("ends at a signal, and resumes", async () => {
    const resumed = { first: "interrupted", second: "none", went: true, sum };
    expect(await step(["resume", relay.url])).toEqual(resumed);
  });

  test("lists a share that it stored, and deletes it", async () => {
    const once = { state: "stored", name: "text.txt", known: true };
    expect(await step(["stored", relay.url])).toEqual({ ...once, again: "usage", left: [] });
  });

  test("trusts the authorities that it is given, and no other", async () => {
    const authority = new Authority();
    const tls = writeCertificate(installed.folder, authority.issue());
    await using secure = await startRelay({ tls });
    const ca = join(installed.folder, "ca.pem");
    writeFileSync(ca, authority.cert);
    expect(await step(["text", secure.url, ca])).toMatchObject({ text: "hello" });
    expect(await step(["failed", secure.url])).toMatchObject({ code: "untrusted-certificate" });
  });

  test("goes through a proxy, and says when the proxy refuses", async () => {
    await using proxy = await httpProxy(relay.port);
    await using refusing = await httpProxy(relay.port, "407 Proxy Authentication Required");
    const address = "ws://relay.test:1";
    const passed = await step(["text", address], { HTTP_PROXY: proxy.url });
    expect(passed).toMatchObject({ text: "hello" });
    expect(proxy.asked).toContain("CONNECT relay.test:1 HTTP/1.1");
    const refused = await step(["failed", address], { HTTP_PROXY: refusing.url });
    expect(refused).toMatchObject({ code: "proxy-refused" });
  });

  test("goes to the next relay of a list", async () => {
    const gone = `ws://127.0.0.1:${await ownPort()}`;
    expect(await step(["text", `${gone},${relay.url}`])).toMatchObject({ text: "hello" });
  });

  test.skipIf(NAMESPACE === undefined)(
    "goes to the next address of a name (needs unshare)",
    async () => {
      await using second = await startRelay({ hostname: "127.0.0.2", workers: 1 });
      const hosts = join(installed.folder, "hosts");
      writeFileSync(hosts, "127.0.0.1 relays.example\n127.0.0.2 relays.example\n");
      const mount = `mount --bind '${hosts}' /etc/hosts && exec "$@"`;
      const under = ["unshare", NAMESPACE ?? "", "sh", "-c", mount, "sh"];
      const passed = await step(
        ["text", `ws://relays.example:${second.port}`],
        {},
        undefined,
        under,
      );
      expect(passed).toMatchObject({ text: "hello" });
    },
  );

  test("names a relay that is not there, one that is none, and an option that is none", async () => {
    const port = await ownPort();
    expect(await step(["unreachable", `ws://127.0.0.1:${port}`])).toMatchObject({
      code: "relay-unreachable",
    });
    using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hi") });
    expect(await step(["failed", `ws://127.0.0.1:${other.port}`])).toMatchObject({
      code: "not-a-relay",
      message: expect.stringContaining("something else answers there, 200") as string,
    });
    expect(await step(["options", relay.url])).toEqual({
      code: "usage",
      message:
        'The options of send() are not valid: receviers is no option (did you mean receivers?), not "receviers".',
    });
  });
});

describe("an application", () => {
  /** A folder whose only packages are fileshare and the types of Node. */
  function consumer(name: string): string {
    const folder = join(installed.folder, name);
    mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
    const theirs = join(folder, "node_modules");
    symlinkSync(join(installed.packages, "fileshare"), join(theirs, "fileshare"));
    for (const types of ["@types/node", "undici-types"]) {
      symlinkSync(join(ROOT, "node_modules", types), join(theirs, types));
    }
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    return folder;
  }

  test.each([
    ["NodeNext", "nodenext"],
    ["ESNext", "bundler"],
  ])(
    "type-checks with modules of %s, strictly and without the types of Bun",
    async (module, how) => {
      const folder = consumer(how);
      cpSync(
        join(import.meta.dir, "../../support/package/consumer.ts.txt"),
        join(folder, "main.ts"),
      );
      const compilerOptions = {
        module,
        moduleResolution: how,
        target: "ESNext",
        lib: ["ESNext"],
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
      };
      const config = JSON.stringify({ compilerOptions, files: ["main.ts"] });
      writeFileSync(join(folder, "tsconfig.json"), config);
      const checked = await ended([process.execPath, "check", "--no-script", "-p", folder], {
        ...installed.env(),
      });
      expect(checked).toMatchObject({
        exitCode: 0,
        err: expect.stringContaining("No type") as string,
      });
    },
  );

  test("in a browser is told what to use", async () => {
    const folder = consumer("browser");
    const entry = join(folder, "main.js");
    writeFileSync(entry, 'import { send } from "fileshare"; send({ what: ["a"] });');
    const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser" });
    const bundled = join(folder, "bundled.mjs");
    await Bun.write(bundled, outputs[0]!);
    const told = await ended([installed.nodes.newer, bundled], installed.env());
    expect(told.exitCode).toBe(1);
    expect(told.err).toContain("In a browser, open the page of a relay.");
  });

  test("runs the examples of the reference", async () => {
    const page = await read("docs/reference/api.md");
    const examples = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
    expect(examples).toHaveLength(4);
    const runs = examples.map(async (code, at) => {
      const folder = mkdtempSync(join(installed.app, "example-"));
      mkdirSync(join(folder, "photos"));
      writeFileSync(join(folder, "report.pdf"), "a report");
      writeFileSync(join(folder, "photos/one.jpg"), "a photo");
      writeFileSync(join(folder, "main.ts"), code);
      const child = Bun.spawn([installed.nodes.newer, "main.ts"], {
        cwd: folder,
        env: { ...installed.env(), FILESHARE_RELAY: relay.url, NODE_NO_WARNINGS: "1" },
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect({ at, exitCode: await child.exited, err }).toEqual({ at, exitCode: 0, err: "" });
      return { out, folder };
    });
    const [files, text, stored, fault] = await Promise.all(runs);
    expect(files?.out.match(/exitCode: 0/g)).toHaveLength(2);
    expect(readFileSync(join(files!.folder, "copy/photos/one.jpg"), "utf8")).toBe("a photo");
    expect(text?.out).toBe("see you at eight\n");
    expect(stored?.out).toMatch(/\nreport\.pdf stored 0\n[^]*known: true/);
    expect(fault?.out).toStartWith("bad-relay-address 2 ");
  });
});

/** The first group of a pattern in what a program says. `rest` gets all that it says until its end. */
async function said(
  output: ReadableStream<Uint8Array>,
  pattern: RegExp,
  rest: (text: string) => void = () => undefined,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const decoder = new TextDecoder();
  let text = "";
  const sink = new WritableStream<Uint8Array>({
    write: (bytes) => {
      text += decoder.decode(bytes, { stream: true });
      const found = pattern.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    },
  });
  void output.pipeTo(sink).then(() => {
    rest(text);
    reject(new Error(`the program ended: ${text}`));
  });
  return promise;
}
