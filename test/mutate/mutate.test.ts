import { describe, expect, test } from "bun:test";

import { inOrder, quotas } from "./choice.ts";
import type { Outcome } from "./copy.ts";
import { CleanRuns, failing, judge, type Runner } from "./judge.ts";
import { find } from "./match.ts";
import { catcherFirst, importsOf, testsByDistance } from "./nearest.ts";
import { lastLine, lineOf, type Mutant } from "./record.ts";
import { mutated, shown, sitesOf } from "./sites.ts";
import { namedFiles } from "./tree.ts";

const PASSED: Outcome = { kind: "passed" };
const FAILED: Outcome = { kind: "failed", test: "a frame has a length" };

function everyMutant(text: string): string[] {
  return sitesOf("relay/a.ts", text).map((site) => mutated(text, site));
}

describe("the changes to a program", () => {
  test.each([
    ["a < b;", ["a <= b;"]],
    ["a >= b;", ["a > b;"]],
    ["a === b;", ["a !== b;"]],
    ["(a) - b;", ["(a) + b;"]],
    ["a || b;", ["a && b;"]],
    ["a ?? b;", ["(b);"]],
    ["n++;", ["n--;"]],
    ["x = -y;", [";"]],
    ["if (a) b();", ["if (!(a)) b();", "if (a) ;"]],
    ["if (a === b) throw c;", ["if (a !== b) throw c;", "if (a === b) ;"]],
    ["if (!a) { }", ["if ((a)) { }"]],
    ["for (;;) continue;", ["for (;;) ;"]],
    ["while (true) { }", []],
    ["await f();", [";", "f();"]],
    ["f(7, 1_000, true);", [";", "f(8, 1_000, true);", "f(7, 2000, true);", "f(7, 1_000, false);"]],
    ["f(2n);", [";", "f(3n);"]],
    ["x(Math.min);", [";"]],
    ["y = Math.min(a);", [";", "y = Math.max(a);"]],
  ])("%s", (text, mutants) => {
    expect(everyMutant(text)).toEqual(mutants);
  });

  test.each([
    "import { a } from './b.ts';",
    "type A = 1 | true; interface B { c: 2; d(): true }",
    "// a < b\n/* 5 + 5 */",
    "export const text = 'a < b && 5';",
    "export const table: Record<number, string> = { 404: 'not found' };",
    "export const a = b as 5;",
  ])("leave %s as it is", (text) => {
    expect(everyMutant(text)).toEqual([]);
  });

  test("are found in statements without the comments of the file", () => {
    const text = "function f() {\n  // Why.\n  if (a /* 1 */ < 2 && c < 2) g();\n}\n";
    const sites = sitesOf("relay/a.ts", text).filter(({ kind }) => kind === "comparison");
    expect(sites.map(({ line, ordinal }) => [line, ordinal])).toEqual([
      [3, 0],
      [3, 1],
    ]);
    expect(sites[0]?.statement).toBe("if (a < 2 && c < 2) g();");
    expect(sites[0]?.context).toBe("function f() { if (a < 2 && c < 2) g(); }");
  });

  test("are shown with the code around them", () => {
    const text = "function f() {\n  return a < b;\n}\n";
    const [, site] = sitesOf("relay/a.ts", text);
    expect(site && shown(text, site)).toEqual(["return a < b;", "return a <= b;"]);
  });
});

const STATEMENTS = Array.from({ length: 50 }, (_, at) => `if (value${at} < limit) stop(${at});`);

describe("the choice of a seed", () => {
  const sites = sitesOf("relay/a.ts", STATEMENTS.join("\n"));
  const names = (of: typeof sites): string[] =>
    of.map(({ statement, before, after }) => `${statement} ${before} ${after}`);

  test("is the same where the code has moved and other code has come before it", () => {
    const moved = sitesOf("relay/net/b.ts", `\n\n${STATEMENTS.toReversed().join("\n")}`);
    expect(names(inOrder(moved, "7"))).toEqual(names(inOrder(sites, "7")));
    expect(names(inOrder(sites, "8"))).not.toEqual(names(inOrder(sites, "7")));
  });

  test("covers each room in proportion to its lines", () => {
    const lines = new Map([
      ["protocol", 900],
      ["relay", 2000],
      ["cli", 2100],
      ["web", 10],
    ]);
    expect([...quotas(lines, 10)]).toEqual([
      ["protocol", 1],
      ["relay", 4],
      ["cli", 4],
      ["web", 1],
    ]);
  });
});

describe("a site of another tree", () => {
  const before =
    "function next(floor: number) { const end = floor + 1; if (end < most) take(end); }";
  const wanted = sitesOf("relay/floor.ts", before).find(({ kind }) => kind === "comparison");
  const found = (text: string): [line: number, likeness: number] | undefined => {
    const it = wanted && find(wanted, sitesOf("relay/share/low-watermark.ts", text));
    return it && [it.site.line, it.likeness];
  };

  test("is found where it is now", () => {
    const other = "function other() { if (end < most) take(end); }";
    expect(found(`${other}\n${before}`)).toEqual([2, 1]);
    const others = Array.from({ length: 20 }, (_, at) => `log.open("${at}", [key, body]);`).join(
      " ",
    );
    const away = `function start(log: Log) { ${others} if (end < most) take(end); }`;
    expect(found(away)).toBe(undefined);
  });

  test("is found by its shape where names have changed", () => {
    const renamed = before.replaceAll("end", "last").replaceAll("floor", "watermark");
    const [line, likeness] = found(`if (a < b) c(d, e);\n${renamed}`) ?? [];
    expect(line).toBe(2);
    expect(likeness).toBeWithin(0.7, 1);
  });

  test("is found in its function before the same statement in another", () => {
    const state = (name: string, at: string): string =>
      `function ${name}(state: State) { state.joined = true; state.acked = state.next; ${at} }`;
    const moved = "function accept(state: State) { if (state.next > 7) return; state.at = now; }";
    const [, , past] = sitesOf("relay/a.ts", state("join", "state.at = now;"));
    const all = sitesOf("relay/b.ts", `${moved}\n${state("join", "this.at = now;")}`);
    expect(past && find(past, all)?.site.line).toBe(2);
  });

  test("is not found where it is gone", () => {
    const [past] = sitesOf("relay/a.ts", "class A { start(a, b) { this.a = a; this.b = b; } }");
    const left = sitesOf(
      "relay/a.ts",
      "class A { start(b, c, d) { this.b = b; this.#go(c, d); } }",
    );
    expect(past && find(past, left)).toBe(undefined);
    expect(found("function next(floor: number) { return floor < most ? floor : most; }")).toBe(
      undefined,
    );
  });
});

describe("the tests near a file", () => {
  test("are those that reach it by few imports and reach little else", () => {
    const imports = importsOf(
      new Map([
        ["cli/mod.ts", ["../protocol/frame.ts"]],
        ["protocol/frame.ts", ["./limits.ts"]],
        ["protocol/limits.ts", []],
        ["test/a.test.ts", []],
        ["test/frame.test.ts", ["../protocol/frame.ts"]],
        ["test/limits.test.ts", ["../protocol/limits.ts"]],
        ["test/many.test.ts", ["../protocol/limits.ts", "../cli/mod.ts"]],
        ["test/public.test.ts", ["fileshare"]],
        ["test/e2e/started.test.ts", ["cli/mod.ts"]],
      ]),
    );
    expect(testsByDistance("protocol/limits.ts", imports)).toEqual([
      "test/limits.test.ts",
      "test/many.test.ts",
      "test/frame.test.ts",
      "test/e2e/started.test.ts",
      "test/public.test.ts",
      "test/a.test.ts",
    ]);
  });

  test("come after the one that caught the mutant in another tree", () => {
    const tests = ["test/a.test.ts", "test/relay/b.test.ts", "test/c.test.ts"];
    const past = { by: "test/b.test.ts", test: "a frame > has a length" };
    const texts = new Map([["test/c.test.ts", 'test("has a length", () => {});']]);
    expect(catcherFirst(tests, past, texts)).toEqual([
      "test/c.test.ts",
      "test/relay/b.test.ts",
      "test/a.test.ts",
    ]);
    expect(catcherFirst(tests, undefined, texts)).toEqual(tests);
  });

  test("are found by what they import, start and read, types left out", () => {
    const text = `
      import type { A } from "./a.ts";
      import { b } from "./b.ts";
      export * from "./c.ts";
      await import("./d.ts");
      spawn(\`\${root}/cli/main.ts\`, join(root, "test/e.py"), "not a file");`;
    expect(namedFiles("test/x.test.ts", text).toSorted()).toEqual([
      "./b.ts",
      "./c.ts",
      "./d.ts",
      "/cli/main.ts",
      "test/e.py",
    ]);
  });
});

/** Answers with what is listed for each file, the last again and again. */
function runner(outcomes: Readonly<Record<string, readonly Outcome[]>>): Runner {
  const left = new Map(Object.entries(outcomes).map(([path, all]) => [path, [...all]]));
  return {
    test: async (path) => {
      const all = left.get(path) ?? [];
      return (all.length > 1 ? all.shift() : all[0]) ?? PASSED;
    },
  };
}

describe("a mutant", () => {
  const { signal } = new AbortController();
  const paths = ["a.test.ts", "b.test.ts", "c.test.ts"];
  const healthy = new CleanRuns(runner({}));

  test("is caught by the first file that fails", async () => {
    const mutant = runner({ "b.test.ts": [FAILED], "c.test.ts": [FAILED] });
    expect(await judge(paths, mutant, healthy, 1, signal)).toEqual({
      by: "b.test.ts",
      test: "a frame has a length",
      ran: 2,
    });
  });

  test("is caught by a file that hangs or does not load", async () => {
    for (const outcome of [{ kind: "hung" }, { kind: "failed", test: undefined }] as const) {
      const verdict = await judge(paths, runner({ "c.test.ts": [outcome] }), healthy, 2, signal);
      expect(verdict).toEqual({ by: "c.test.ts", test: undefined, ran: 3 });
    }
  });

  test("survives a file that fails only once, and one that fails without it too", async () => {
    const mutant = runner({ "a.test.ts": [FAILED, PASSED], "b.test.ts": [FAILED] });
    const clean = new CleanRuns(runner({ "b.test.ts": [FAILED] }));
    expect(await judge(paths, mutant, clean, 1, signal)).toEqual({
      by: undefined,
      test: undefined,
      ran: 3,
    });
    expect(await clean.failing()).toEqual(["b.test.ts"]);
  });

  test("is suspected by files that fail with it among others", async () => {
    const mutant = runner({ "a.test.ts": [FAILED], "c.test.ts": [{ kind: "hung" }] });
    expect(await failing(paths, mutant, 1, signal)).toEqual(["a.test.ts", "c.test.ts"]);
  });

  test("is one line of the report", () => {
    const mutant: Mutant = {
      path: "relay/a.ts",
      line: 7,
      kind: "comparison",
      before: "<",
      after: "<=",
      statement: "if (a < b) c();",
      ordinal: 0,
      context: "",
      from: "if (a < b) c();",
      to: "if (a <= b) c();",
      origin: "alike",
      by: "test/a.test.ts",
      test: null,
      ran: 1,
      seconds: 2,
    };
    expect(lineOf(mutant)).toBe(
      "relay/a.ts:7 comparison (alike)  if (a < b) c();  ->  if (a <= b) c();  caught by test/a.test.ts",
    );
    expect(lineOf({ ...mutant, by: null })).toEndWith("  SURVIVED");
    expect(lastLine([mutant, { ...mutant, by: null }])).toBe("1 of 2 caught");
  });
});
