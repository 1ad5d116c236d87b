/** The end of a log tells what failed, by the runner's own report. */
import { expect, test } from "bun:test";
import { join } from "node:path";

import { describeFailures } from "./failed-tests.ts";
import { temporaryFolder } from "./support/disk.ts";

const FILES = {
  "compares.test.ts": `import { describe, expect, test } from "bun:test";
    describe("a relay", () => {
      describe("& its log", () => {
        test('says "<1>"', () => { expect(1).toBe(2); });
      });
    });
    test("is well", () => {});`,
  "hangs.test.ts": `import { test } from "bun:test";
    test("hangs", () => new Promise(() => {}), 1);
    test("throws", () => { throw new Error("first line\\nsecond line"); });`,
  "loads-not.test.ts": `import { nothing } from "./nowhere.ts"; nothing();`,
  "crashes.test.ts": `import { test } from "bun:test"; test("crashes", () => process.exit(3));`,
};

test("the steps end with each failure, its file and its error, above the sum", async () => {
  using folder = temporaryFolder();
  for (const [name, content] of Object.entries(FILES)) {
    await Bun.write(join(folder.path, name), content);
  }
  const program = `
    import { Sum } from ${JSON.stringify(join(import.meta.dir, "steps.ts"))};
    const sum = new Sum();
    await sum.step("made-up tests", ["test", "--parallel=2", ${JSON.stringify(folder.path)}], true);
    await sum.step("a program", ["-e", "console.log('its reason'); process.exit(3)"], false);
    await sum.step("good program", ["-e", "console.log('all well')"], false);
    sum.finish();`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    env: { ...process.env, CI: "true" },
  });
  const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  expect(exitCode).toBe(1);
  const end = output.slice(output.lastIndexOf("# failed\n")).replaceAll(/\S*\/(?=\w)/g, "");
  expect(end.trimEnd().split("\n").at(-1)).toBe("1 passed, 6 failed");
  expect(end).toContain('compares.test.ts:4: a relay > & its log > says "<1>"\n');
  expect(end).toContain("    Expected: 2\n    Received: 1\n");
  expect(end).toContain("hangs.test.ts:2: hangs\n    test timed out\n");
  expect(end).toContain("hangs.test.ts:3: throws\n    Error: first line\n    second line\n");
  expect(end).toContain("crashes.test.ts: (worker crashed)\n    worker process crashed");
  expect(end).toMatch(/^made-up tests: exit code 1\n[^]*^ {4}error: Cannot find module/m);
  expect(end).toContain("a program: exit code 3\n    its reason\n");
  expect(end).not.toContain("all well");
});

test("the end of a log stays short, however much failed", () => {
  const error = "x".repeat(10_000).concat("\n").repeat(1000);
  const failed = Array.from({ length: 5000 }, (_, index) => ({
    where: `test/a.test.ts:${index}`,
    name: "fails",
    error,
  }));
  const text = describeFailures(failed);
  expect(text.length).toBeLessThan(150_000);
  expect(text).toEndWith("and 4970 more");
});

test("nothing is said of a run without failures", () => {
  expect(describeFailures([])).toBe("");
});
