/** docs/reference/bench.md says what there is: every field, every name in `extra`, every option, and no other. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { help } from "../../../bench/help.ts";
import { SYSTEMS, type BenchResult } from "../../../bench/result.ts";
import { scenarios, standard } from "../../../bench/scenarios/registry.ts";
import { madeUpResult } from "../../support/bench/made-up-result.ts";

const root = join(import.meta.dir, "../../..");
const text = await Bun.file(join(root, "docs/reference/bench.md")).text();

/** First cells, in backticks, of the table under a heading. */
function named(heading: string): string[] {
  const after = text.split(`\n### ${heading}\n`)[1] ?? "";
  const section = after.split(/\n#+ /)[0] ?? "";
  return [...section.matchAll(/^\| `([^`]+)` /gm)].map(([, name = ""]) => name).toSorted();
}

/** `completion` has no table of its own: its parts stand with the rest. */
function fields(value: object): string[] {
  return Object.entries(value)
    .flatMap(([key, inner]) =>
      key === "completion" && typeof inner === "object"
        ? Object.keys(inner as object).map((part) => `${key}.${part}`)
        : [key],
    )
    .toSorted();
}

/** Scenarios whose runs have nothing in `extra` that those of others do not have. */
const OTHERS = new Set<string>(["fanout", "slow", "large"]);

const LITTLE =
  "--systems fileshare,fileshare-cluster --cluster-relays 2 --receivers 2 --size 2MiB --rounds 1 --idle-seconds 1 --small-sends 1 --small-count 20 --attack-count 12 --attack-seconds 1";

const result = madeUpResult();
const [run] = result.runs;
test.each([
  ["BenchResult", result],
  ["Machine", result.machine],
  ["SystemInfo", result.systems[0]],
  ["Run", run],
  ["ReceiverResult", run?.perReceiver[0]],
  ["Sample", run?.samples[0]],
] as const)("the fields of `%s` are those of the type", (name, value) => {
  expect(named(`\`${name}\``)).toEqual(fields(value ?? {}));
});

test("the options are those that the help names", () => {
  const flags = (of: string): string[] => [
    ...new Set([...of.matchAll(/--[a-z][a-z-]*/g)].map(([flag]) => flag)),
  ];
  const known = [...flags(help(scenarios)), "--help"];
  expect(flags(text).filter((flag) => !known.includes(flag))).toEqual([]);
  expect(known.filter((flag) => flag !== "--help" && !flags(text).includes(flag))).toEqual([]);
});

test("every scenario and every system is there", () => {
  for (const { name } of scenarios) expect(text).toContain(`\n### \`${name}\`\n`);
  for (const name of SYSTEMS) expect(text).toContain(`\`${name}\``);
});

test("the standard scenarios are those that run without names", () => {
  const names = standard.map((name) => `\`${name}\``).join(", ");
  expect(text).toContain(`Without names the standard ones run: ${names}.`);
});

test("no option has another value than it says when nobody names it", () => {
  const told = [...help(scenarios).matchAll(/^ +(--[\w-]+) \(([^)]*)\):/gm)];
  expect(told.length).toBeGreaterThan(0);
  const written = text.matchAll(/^- `(--[\w-]+) \w+` \(([^)]*)\)/gm);
  const pairs = (of: Iterable<RegExpExecArray>): string[] =>
    [...of].map(([, name, value]) => `${name} ${value}`).toSorted();
  expect(pairs(written)).toEqual(pairs(told));
});

test("every name in `extra` is one that the code has", async () => {
  const code: string[] = [];
  for await (const path of new Bun.Glob("**/*.ts").scan(join(root, "bench"))) {
    if (path === "result.ts" || path.startsWith("report/")) continue;
    code.push(await Bun.file(join(root, "bench", path)).text());
  }
  const all = code.join("\n");
  const names = named("Names in `extra`");
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(all))).toEqual([]);
});

test("a real result has no field and no name in `extra` that is not there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fileshare-bench-document-"));
  try {
    const json = join(folder, "result.json");
    const names = scenarios.map(({ name }) => name).filter((name) => !OTHERS.has(name));
    const child = Bun.spawn(
      [process.execPath, "bench/main.ts", ...names, ...LITTLE.split(" "), "--json", json],
      { cwd: root, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    const said = await child.stderr.text();
    expect(await child.exited, said).toBe(0);
    const { runs, ...whole } = (await Bun.file(json).json()) as BenchResult;
    const strange = (heading: string, values: readonly object[]): string[] =>
      values.flatMap(fields).filter((name) => !named(heading).includes(name));
    const [receivers, samples] = [
      runs.flatMap(({ perReceiver }) => perReceiver),
      runs.flatMap(({ samples }) => samples),
    ];
    expect(strange("`BenchResult`", [whole])).toEqual([]);
    expect(strange("`Run`", runs)).toEqual([]);
    expect(strange("`ReceiverResult`", receivers)).toEqual([]);
    expect(strange("`Sample`", samples)).toEqual([]);
    const extra = new Set(runs.flatMap(({ extra }) => Object.keys(extra)));
    expect([...extra].filter((name) => !named("Names in `extra`").includes(name))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
