/** Every command in README.md and docs/ works as it is written there. */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parseGuard } from "../../../bench/guard/options.ts";
import { parseOptions } from "../../../bench/options.ts";
import { scenarios } from "../../../bench/scenarios/registry.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { commandLines, documents, read, ROOT, RUN_TOGETHER } from "../../support/documents.ts";
import { madeUpResult } from "../../support/bench/made-up-result.ts";

const pages = documents().filter((page) => !(page in RUN_TOGETHER));
const folder = mkdtempSync(join(tmpdir(), "fileshare-commands-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where a person stands who uses an installed fileshare. */
const elsewhere = join(folder, "elsewhere");
mkdirSync(elsewhere);
symlinkSync(join(ROOT, "node_modules"), join(elsewhere, "node_modules"));

/** Commands in `sh` blocks, and in the text those that start with a program of ours. */
async function commandsOf(page: string): Promise<string[]> {
  const text = await read(page);
  const blocks = commandLines(text);
  const inline = [...text.matchAll(/`((?:bun|bunx|npx)\s[^`]*)`/g)].map(([, command = ""]) =>
    command.replaceAll(/\s+/g, " "),
  );
  return [...blocks, ...inline];
}

interface Shell extends AsyncDisposable {
  readonly exited: Promise<number>;
  /** The first line of output that matches; rejects when there is none. */
  line(match: RegExp): Promise<string>;
}

function shell(command: string, cwd: string, env: Record<string, string> = {}): Shell {
  const path = [
    join(process.execPath, ".."),
    join(ROOT, "node_modules/.bin"),
    process.env["PATH"],
  ].join(":");
  const child = Bun.spawn(["sh", "-c", `exec ${command}`], {
    cwd,
    env: { ...process.env, PATH: path, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let output = "";
  return {
    exited: child.exited,
    async line(match) {
      for (;;) {
        const found = output
          .split("\n")
          .slice(0, -1)
          .find((line) => match.test(line));
        if (found !== undefined) return found;
        const { value, done } = await reader.read();
        if (done) throw new Error(`${command} ended without ${match}:\n${output}`);
        output += decoder.decode(value, { stream: true });
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** One short run of the bench. */
const SHORT = "--receivers 2 --size 2MiB --rounds 1";
const FEW_SLOW = "--slow-slow 1 --slow-stopped 1 --slow-stop-after 1MiB";

/** test/torture/torture.test.ts and cluster/cluster.test.ts run the commands with their options. */
const torture = "bun run torture --help";
const tortureCluster = "bun run torture:cluster --help";
const simulate = "bun run simulate --seeds 3";
const fuzz = "bun run fuzz --inputs 300 --seed 7";

/**
 * How each command is tried: "parsed" and "guard" where another test runs that scenario of the bench, else by the command that
 * stands here. A long command is tried with less work.
 */
const TRIED: Record<string, "ci" | "together" | "parsed" | "guard" | (string & {})> = {
  "npx -y bun@1.4.5 run demo": "ci",
  "npx -y bun@1.4.5 run check": "ci",
  "bun install": "ci",
  "bun install --frozen-lockfile": "ci",
  "bun run test": "ci",
  "bun run check": "ci",
  "bun run types": "ci",
  "bun run lint": "ci",
  "bun run fmt": "ci",
  // The tests of the binary build one target.
  "bun run build": "together",
  // install-guide.test.ts and manifests.test.ts run the first, the workflow of releases both.
  "bun run packages": "together",
  "bun run check-packages": "ci",
  "bun run smoke": "together",
  "bun run relay --tls-cert relay.pem --tls-key relay.key --http-port 8080": "together",
  "bunx fileshare relay token add --token-file tokens.json --name ada":
    "bunx fileshare relay token add --token-file tokens.json --name ada",
  "fileshare relay --host 127.0.0.1 --trusted-proxy 127.0.0.1 --public-url https://relay.example":
    "together",
  "fileshare relay status": "together",
  "fileshare relay kill 12": "together",
  "fileshare relay ban 203.0.113.7 --for 12h": "together",
  "fileshare relay unban 203.0.113.7": "together",
  "fileshare send big.iso": "together",
  "fileshare recv": "together",
  "bun web/build.ts --out public --relay wss://relay.example": `bun web/build.ts --out ${join(folder, "public")} --relay wss://relay.example`,
  "fileshare relay --origin https://page.example": "together",
  // The package's test runs it through `prepack`.
  "bun web/build.ts --dist": "together",
  "bun run simulate": simulate,
  "bun run simulate --seeds 1000": simulate,
  "bun run simulate --topics": `${simulate} --topics`,
  "bun run simulate --stored --seeds 1000": `${simulate} --stored`,
  "bun run simulate --cluster --seeds 10000": `${simulate} --cluster`,
  "bun run torture": torture,
  "bun run soak --minutes 30 --chart docs/pictures/soak.svg": `bun run soak --minutes 0.03 --chart ${join(folder, "soak.svg")}`,
  "bun run torture --minutes 5": torture,
  "bun run torture:cluster --minutes 10": tortureCluster,
  "bun docs/generate/tables.ts": `bun docs/generate/tables.ts ${join(folder, "page.md")}`,
  "bun run fuzz --inputs 100000": fuzz,
  "bun run fuzz --inputs 100000 --seed 7": fuzz,
  "bun test/golden/record.ts": `bun test/golden/record.ts ${join(folder, "golden")}`,
  "bun test/measure/large.ts": "bun test/measure/large.ts 0",
  "bun test/measure/egress.ts": "bun test/measure/egress.ts 40 1",
  "bun test/measure/latency.ts": "bun test/measure/latency.ts 1",
  "bun test/measure/start.ts": "bun test/measure/start.ts 1",
  "bun test/measure/first-screen.ts": "bun test/measure/first-screen.ts 1",
  "bun test/measure/page.ts --size 512MiB --runs download,send,file":
    "bun test/measure/page.ts --size 8MiB --runs download,send",
  "bun test/measure/page.ts": "bun test/measure/page.ts --size 8MiB --runs download,send",
  "bun test/measure/proof.ts": "bun test/measure/proof.ts",
  // Network namespaces need root.
  "bun test/measure/first-file.ts --peers peers":
    process.getuid?.() === 0
      ? "bun test/measure/first-file.ts 1 --ways binary --rate 500 --size 2"
      : "together",
  "bun run bench": "parsed",
  "bun run bench stored": "parsed",
  "bun run bench stored --receivers 64 --size 256MiB --rounds 4": "parsed",
  "bun run bench cluster --receivers 64 --size 256MiB --rounds 4": "parsed",
  "bun run bench cluster --systems fileshare-cluster --cluster-relays 2 --receivers 8": "parsed",
  "bun run bench fanout --receivers 1 --fanout-total 1GiB": "parsed",
  "bun run bench fanout --systems fileshare-lobby,original --receivers 8 --size 256MiB --rounds 2":
    "parsed",
  "bun run bench fanout --systems fileshare-copy,fileshare-tls --receivers 8,64,1000 --fanout-total 1GiB --rounds 5":
    "parsed",
  "bun run bench idle --receivers 5000": "parsed",
  "bun run bench fanout --systems fileshare --receivers 10000 --workers 2 --size 3MiB": "parsed",
  // guard.test.ts runs it with one row.
  "bun run bench guard": "guard",
  "bun run bench guard main~20 --rows fanout-8,fanout-64 --peers --rounds 5 --json guard.json":
    "guard",
  "bun run bench fanout --relay ws://127.0.0.1:8000 --receivers 500 --size 64MiB": "together",
  "bun run bench fanout slow --systems fileshare,nginx --receivers 8,64 --rounds 5 --json result.json --html result.html": `bun run bench fanout slow --systems fileshare ${SHORT} ${FEW_SLOW} --json ${folder}/new.json --html ${folder}/new.html`,
  "bun run bench slow --systems fileshare --receivers 54 --slow-slow 8 --slow-rate 1MiB --slow-stopped 2":
    "parsed",
  "bun run bench slow --systems fileshare --receivers 500 --slow-slow 0 --slow-stopped 500 --slow-stop-after 1MiB --slow-size 16MiB":
    "parsed",
  "bun run bench attack --rounds 5": "parsed",
  "bun run bench transfer --systems fileshare --size 256MiB --json small.json": "parsed",
  "bun run bench transfer --systems fileshare --size 1280MiB --json large.json": "parsed",
  "bun run bench large --large-log 64MiB --large-size 640MiB": "parsed",
  "bun run bench distance --one-way 0,25,150 --rate 1Gbit":
    "bun run bench distance --one-way 1 --rate 1Gbit --size 2MiB --rounds 1",
  "bun run bench report result.json --html result.html": `bun run bench report ${folder}/result.json --html ${folder}/result.html`,
};
/** Named in the text, and nothing to run. */
const NOT_OURS = new Set(["bun check", "bun fmt", "bun lint", "bunx fileshare", "bun test FILE"]);

test("every command in the documents is tried here or by CI", async () => {
  const all = (await Promise.all(pages.map(commandsOf))).flat();
  const unknown = all.filter((command) => !(command in TRIED) && !NOT_OURS.has(command));
  expect(unknown).toEqual([]);
  expect(Object.keys(TRIED).filter((command) => !all.includes(command))).toEqual([]);
});

test("a test of its own runs the commands of each document that is left out here", async () => {
  for (const [page, file] of Object.entries(RUN_TOGETHER)) expect(await read(file)).toContain(page);
});

test("CI runs the two commands that the README begins with", async () => {
  const ci = await Bun.file(join(ROOT, ".ci/run")).text();
  for (const [command, how] of Object.entries(TRIED)) {
    if (how === "ci" && command.startsWith("npx")) expect(ci).toContain(command);
  }
});

test("relay, send and recv as the README says, in three terminals", async () => {
  const content = crypto.getRandomValues(new Uint8Array(50_000));
  await Bun.write(join(elsewhere, "big.iso"), content);
  await using relay = shell("fileshare relay --host 127.0.0.1 --port 0 --json", elsewhere);
  const { url } = JSON.parse(await relay.line(/listening/)) as { url: string };
  const env = {
    FILESHARE_RELAY: url,
    FILESHARE_CODE: "timber-magnet-sunny-cliff-oven-price-script",
  };
  await using send = shell("fileshare send big.iso", elsewhere, env);
  await send.line(/fileshare recv/);
  const out = join(folder, "out");
  mkdirSync(out);
  await using recv = shell(`fileshare recv --yes --out ${out}`, elsewhere, env);
  expect(await Promise.all([send.exited, recv.exited])).toEqual([0, 0]);
  expect(await Bun.file(join(out, "big.iso")).bytes()).toEqual(content);
});

test("a relay with a certificate, and a plain port that leads to it", async () => {
  const authority = new Authority();
  const { cert, key } = writeCertificate(folder, authority.issue());
  const options = `--tls-cert ${cert} --tls-key ${key} --http-port 0`;
  await using relay = shell(`bun run relay ${options} --host 127.0.0.1 --port 0 --json`, ROOT);
  const { url, httpPort } = JSON.parse(await relay.line(/listening/)) as Record<string, string>;
  const page = await fetch(`http://127.0.0.1:${httpPort}/`, { tls: { ca: authority.cert } });
  expect(page.url).toBe(`${url?.replace("wss", "https")}/`);
  expect(await page.text()).toContain("fileshare");
});

test("a relay that is there already is put under load", async () => {
  await using relay = shell("bun run relay --host 127.0.0.1 --port 0 --json", ROOT);
  const { url } = JSON.parse(await relay.line(/listening/)) as { url: string };
  await using bench = shell(`bun run bench fanout --relay ${url} ${SHORT}`, ROOT);
  expect(await bench.line(/^fileshare +2 +2MiB/)).not.toContain("no figures");
  expect(await bench.exited).toBe(0);
});

describe("commands of the documents", () => {
  cpSync(join(ROOT, "docs/reference/protocol.md"), join(folder, "page.md"));
  writeFileSync(join(folder, "result.json"), JSON.stringify(madeUpResult()));
  const runs = new Set<string>();
  for (const [command, how] of Object.entries(TRIED)) {
    if (how === "parsed") {
      test(`${command} is understood`, () => {
        const specs = scenarios.flatMap((scenario) => scenario.options);
        const words = command.split(" ").slice("bun run bench".split(" ").length);
        expect(() => parseOptions(words, specs)).not.toThrow();
      });
    } else if (how === "guard") {
      test(`${command} is understood`, () => {
        expect(() => parseGuard(command.split(" ").slice(4))).not.toThrow();
      });
    } else if (how !== "ci" && how !== "together") runs.add(how);
  }
  test.each([...runs])("%s", async (command) => {
    await using running = shell(command, command.startsWith("bunx ") ? elsewhere : ROOT);
    expect(await running.exited).toBe(0);
  });
});
