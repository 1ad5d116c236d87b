/**
 * Asks whether the tests would notice: `bun run mutate --seed 7 --count 40` makes 40 small changes to
 * the product in a copy of the checkout. It runs the nearest test files against each alone, then the whole
 * suite against all survivors at once, and the files that fail then against each survivor.
 * `--json FILE` keeps the mutants, `--from FILE` tries the same ones on a tree that has changed since.
 * Ends with 0, however many survive: some changes make no difference that anyone could notice.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { inOrder, quotas, roomOf } from "./choice.ts";
import { Copy, filesOf, removeCopies } from "./copy.ts";
import { CleanRuns, failing, judge } from "./judge.ts";
import { find } from "./match.ts";
import { catcherFirst, importsOf, isTest, testsByDistance } from "./nearest.ts";
import { changeOf, lastLine, lineOf, placeOf, readRun, writeRun, type Mutant } from "./record.ts";
import { mutated, shown, sitesOf, type Site } from "./sites.ts";
import { namedFiles } from "./tree.ts";

const root = join(import.meta.dir, "../..");

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "40" },
    /** Files of the product that may be changed. */
    only: { type: "string", default: "{protocol,relay,cli,web}/**" },
    /** Test files that may run. */
    tests: { type: "string", default: "test/**" },
    /** Shows the mutants without running tests. */
    list: { type: "boolean", default: false },
    /** Test files that are tried against each mutant alone. */
    near: { type: "string", default: "8" },
    /** Leaves out the whole suite, which runs against all that survived the nearest files. */
    quick: { type: "boolean", default: false },
    /** Test files that run at once. */
    jobs: { type: "string", default: String(navigator.hardwareConcurrency) },
    json: { type: "string" },
    from: { type: "string" },
  },
});
const [count, near, jobs] = [values.count, values.near, values.jobs].map(Number);
if (![count, near, jobs].every((number) => Number.isSafeInteger(number) && Number(number) > 0)) {
  console.error("--count, --near and --jobs take whole numbers from 1");
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
const mayRun = new Bun.Glob(values.tests);
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
  await removeCopies(folder);
}

async function main(): Promise<void> {
  console.log(`seed ${values.seed}`);
  const mutant = await Copy.make(root, join(folder, "m"));
  if (!(await mutant.hasRightTypes())) throw new Error("`bun run types` fails without a mutation");
  const clean = new CleanRuns(await Copy.make(root, join(folder, "c")));
  const gone: string[] = [];
  const tried = new Map<Site, Mutant>();
  const keep = async (): Promise<void> => {
    if (values.json === undefined) return;
    const mutants = [...tried.values()];
    await writeRun(values.json, {
      seed: values.seed,
      mutants,
      gone,
      failing: await clean.failing(),
    });
  };
  const test = async (site: Site, origin: Mutant["origin"], paths: readonly string[]) => {
    const startedAt = performance.now();
    const { by, test, ran } = await judge(paths, mutant, clean, jobs ?? 1, interrupted.signal);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const [from, to] = shown(texts.get(site.path) ?? "", site);
    const { path, line, kind, before, after, statement, ordinal, context } = site;
    const known = { path, line, kind, before, after, statement, ordinal, context, from, to };
    const it = { ...known, origin, by: by ?? null, test: test ?? null, ran, seconds };
    tried.set(site, it);
    // After each, so that a run that is broken off leaves what it found.
    await keep();
    return it;
  };

  for await (const [site, origin, wanted] of chosen(mutant, gone)) {
    const order = catcherFirst(nearestTo(site), wanted, texts);
    const it = await test(site, origin, values.list ? [] : order.slice(0, near));
    if (values.list) console.log(`${placeOf(it)}  ${changeOf(it)}`);
    else if (it.by !== null) console.log(lineOf(it));
  }
  const survivors = [...tried].filter(([, { by }]) => by === null);
  if (!values.list && !values.quick && survivors.length > 0) {
    const suspects = await suspectsOf(
      survivors.map(([site]) => site),
      mutant,
    );
    for (const path of suspects) console.log(`suspected: ${path}`);
    for (const [site, { origin }] of survivors) {
      await make(mutant, site);
      await test(
        site,
        origin,
        nearestTo(site).filter((path) => suspects.has(path)),
      );
      await restore(mutant, site);
    }
  }
  if (values.list) return;
  for (const [site] of survivors) {
    const it = tried.get(site);
    if (it !== undefined) console.log(lineOf(it));
  }
  for (const what of gone) console.log(`gone: ${what}`);
  for (const path of await clean.failing()) console.log(`fails without a mutation: ${path}`);
  console.log(lastLine([...tried.values()]));
}

function nearestTo({ path }: Site): string[] {
  return testsByDistance(path, imports).filter((test) => mayRun.match(test));
}

/**
 * The test files that fail with all survivors made at once: no other catches one of them. So the whole
 * suite runs once, and not once for each survivor.
 */
async function suspectsOf(survivors: readonly Site[], copy: Copy): Promise<Set<string>> {
  // From the end of each file, so that what comes before stays where it is.
  for (const path of new Set(survivors.map((site) => site.path))) {
    const inFile = survivors.filter((site) => site.path === path);
    const fromEnd = inFile.toSorted((a, b) => b.start - a.start);
    await copy.write(path, fromEnd.reduce(mutated, texts.get(path) ?? ""));
  }
  const found = await failing(
    [...imports.keys()].filter((path) => isTest(path) && mayRun.match(path)),
    copy,
    jobs ?? 1,
    interrupted.signal,
  );
  for (const site of survivors) await restore(copy, site);
  return new Set(found);
}

/** The mutants one after the other, each made in `copy` while it is the last that was yielded. */
async function* chosen(
  copy: Copy,
  gone: string[],
): AsyncGenerator<[site: Site, origin: Mutant["origin"], wanted?: Mutant]> {
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
        yield [found.site, found.likeness === 1 ? "same" : "alike", wanted];
        await restore(copy, found.site);
      } else {
        gone.push(`${wanted.path}: ${wanted.from}  ->  ${wanted.to}`);
        left.set(roomOf(wanted.path), (left.get(roomOf(wanted.path)) ?? 0) + 1);
      }
    }
  }
  for (const site of order) {
    const room = roomOf(site.path);
    if ((left.get(room) ?? 0) === 0 || isTaken(site, taken)) continue;
    if (await make(copy, site)) {
      taken.add(site);
      left.set(room, (left.get(room) ?? 0) - 1);
      yield [site, values.from === undefined ? "chosen" : "replaced"];
    }
    await restore(copy, site);
  }
}

/** One mutant of a statement is enough, and two could not be made together. */
function isTaken({ path, statement }: Site, taken: ReadonlySet<Site>): boolean {
  return [...taken].some((other) => other.path === path && other.statement === statement);
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
