/**
 * Asks whether the tests would notice: `bun run mutate --seed 7 --count 40` makes 40 small changes to
 * the product, one at a time in a copy of the checkout, and runs the nearest test files against each.
 * `--json FILE` keeps the mutants, `--from FILE` tries the same ones on a tree that has changed since.
 * Ends with 0, however many survive: some changes make no difference that anyone could notice.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { inOrder, quotas, roomOf } from "./choice.ts";
import { Copy, filesOf } from "./copy.ts";
import { CleanRuns, judge } from "./judge.ts";
import { find } from "./match.ts";
import { importsOf, testsByDistance } from "./nearest.ts";
import { lastLine, lineOf, readRun, writeRun, type Mutant, type Run } from "./record.ts";
import { mutated, shown, sitesOf, type Site } from "./sites.ts";
import { namedFiles } from "./tree.ts";

const root = join(import.meta.dir, "../..");

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "40" },
    /** Files of the product that may be changed. */
    only: { type: "string", default: "{protocol,relay,cli,web}/**" },
    /** Shows the mutants without running tests. */
    list: { type: "boolean", default: false },
    /** Test files that are tried against a mutant before it has survived. */
    files: { type: "string", default: "24" },
    /** Test files that run at once. */
    jobs: { type: "string", default: String(navigator.hardwareConcurrency) },
    json: { type: "string" },
    from: { type: "string" },
  },
});
const [count, files, jobs] = [values.count, values.files, values.jobs].map(Number);
if (![count, files, jobs].every((number) => Number.isSafeInteger(number) && Number(number) > 0)) {
  console.error("--count, --files and --jobs take whole numbers from 1");
  process.exit(2);
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort());
}

const scripts = filesOf(root).filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"));
const others = filesOf(root).filter((path) => /\.(?:js|py|css|html)$/.test(path));
const texts = new Map<string, string>();
for (const path of scripts) texts.set(path, await Bun.file(join(root, path)).text());

const named = new Map<string, readonly string[]>(others.map((path) => [path, []]));
for (const [path, text] of texts) named.set(path, namedFiles(path, text));
const imports = importsOf(named);

const product = /^(?:protocol|relay|cli|web)\//;
const only = new Bun.Glob(values.only);
const changed = [...texts].filter(([path]) => product.test(path) && only.match(path));
const order = inOrder(
  changed.flatMap(([path, text]) => sitesOf(path, text)),
  values.seed,
);
const linesOfRooms = new Map<string, number>();
for (const [path, text] of changed) {
  const before = linesOfRooms.get(roomOf(path)) ?? 0;
  linesOfRooms.set(roomOf(path), before + text.split("\n").length);
}

const folder = await mkdtemp(join(tmpdir(), "mutate-"));
try {
  await main();
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  console.error("interrupted");
  process.exitCode = 130;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const mutant = await Copy.make(root, join(folder, "m"));
  if (!(await mutant.hasRightTypes())) throw new Error("`bun run types` fails without a mutation");
  const clean = new CleanRuns(await Copy.make(root, join(folder, "c")));
  const gone: string[] = [];
  const mutants: Mutant[] = [];
  for await (const [site, origin] of chosen(mutant, gone)) {
    const text = texts.get(site.path) ?? "";
    const [from, to] = shown(text, site);
    const startedAt = performance.now();
    const tests = values.list ? [] : testsByDistance(site.path, imports).slice(0, files);
    const { by, test, ran } = await judge(tests, mutant, clean, jobs ?? 1, interrupted.signal);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const { path, line, kind, before, after, statement, ordinal, context } = site;
    const known = { path, line, kind, before, after, statement, ordinal, context, from, to };
    const it = { ...known, origin, by: by ?? null, test: test ?? null, ran, seconds };
    mutants.push(it);
    console.log(values.list ? lineOf(it).replace(/ {2}SURVIVED$/, "") : lineOf(it));
    const run: Run = { seed: values.seed, files: files ?? 0, mutants, gone, failing: [] };
    // After each, so that a run that is broken off leaves what it found.
    if (values.json !== undefined) {
      await writeRun(values.json, { ...run, failing: await clean.failing() });
    }
  }
  for (const what of gone) console.log(`gone: ${what}`);
  for (const path of await clean.failing()) console.log(`fails without a mutation: ${path}`);
  if (!values.list) console.log(lastLine(mutants));
}

/** The mutants one after the other, each made in `copy` while it is the last that was yielded. */
async function* chosen(
  copy: Copy,
  gone: string[],
): AsyncGenerator<[site: Site, origin: Mutant["origin"]]> {
  const taken = new Set<Site>();
  const left = quotas(linesOfRooms, count ?? 0);
  if (values.from !== undefined) {
    const before = await readRun(values.from);
    left.clear();
    for (const wanted of before.mutants) {
      const found = find(
        wanted,
        order.filter((site) => !taken.has(site)),
      );
      if (found !== undefined && (await make(copy, found.site))) {
        taken.add(found.site);
        yield [found.site, found.likeness === 1 ? "same" : "alike"];
        await restore(copy, found.site);
      } else {
        gone.push(`${wanted.path}: ${wanted.from}  ->  ${wanted.to}`);
        left.set(roomOf(wanted.path), (left.get(roomOf(wanted.path)) ?? 0) + 1);
      }
    }
  }
  for (const site of order) {
    const room = roomOf(site.path);
    if ((left.get(room) ?? 0) === 0 || taken.has(site)) continue;
    if (await make(copy, site)) {
      left.set(room, (left.get(room) ?? 0) - 1);
      yield [site, values.from === undefined ? "chosen" : "replaced"];
    }
    await restore(copy, site);
  }
}

/** @returns whether the mutant passes the type check */
async function make(copy: Copy, site: Site): Promise<boolean> {
  interrupted.signal.throwIfAborted();
  await copy.write(site.path, mutated(texts.get(site.path) ?? "", site));
  if (await copy.hasRightTypes()) return true;
  await restore(copy, site);
  return false;
}

async function restore(copy: Copy, { path }: Site): Promise<void> {
  await copy.write(path, texts.get(path) ?? "");
}
