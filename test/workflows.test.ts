/** The files of .github/, the changelog and the check of a release. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import manifest from "../package.json" with { type: "json" };
import { disagreements } from "../deploy/check-release.ts";
import { PORTABLE } from "./portable.ts";
import { fileNameOf, TARGETS } from "../deploy/build/targets.ts";
import { read, ROOT } from "./support/documents.ts";

const steps = v.array(
  v.union([
    v.strictObject({ run: v.string(), env: v.optional(v.record(v.string(), v.string())) }),
    v.strictObject({ uses: v.string(), with: v.optional(v.record(v.string(), v.unknown())) }),
  ]),
);
const job = v.looseObject({
  "runs-on": v.optional(v.string()),
  uses: v.optional(v.string()),
  steps: v.optional(steps),
  "timeout-minutes": v.optional(v.number()),
  strategy: v.optional(
    v.looseObject({
      matrix: v.record(
        v.string(),
        v.array(v.union([v.string(), v.record(v.string(), v.string())])),
      ),
    }),
  ),
});
const workflow = v.looseObject({
  name: v.string(),
  on: v.record(v.string(), v.unknown()),
  permissions: v.record(v.string(), v.string()),
  jobs: v.record(v.string(), job),
});

/** Commands of a workflow that are no script of package.json. */
const OTHERS = new Set([
  "bun install --frozen-lockfile",
  'npm pkg set "repository.url=git+${{ github.server_url }}/${{ github.repository }}.git"',
  "npm publish --provenance --access public",
  'docker run --rm -v "$PWD:/here" -w /here alpine:3.22 deploy/build/smoke-musl.sh dist/${{ matrix.binary }}',
  'docker build -f deploy/Dockerfile --build-arg COMMIT="${GITHUB_SHA::12}" -t fileshare-relay .',
  "docker run -d --name relay --read-only --cap-drop ALL --security-opt no-new-privileges fileshare-relay",
  "timeout 60 sh -c 'until docker exec relay /fileshare relay status --json; do sleep 1; done'",
  "docker stop --time 20 relay",
  "gh release create ${{ github.ref_name }} dist/* packages/* --verify-tag --title ${{ github.ref_name }} --notes-file CHANGELOG.md",
  "apt-get update && apt-get install -y --no-install-recommends ca-certificates git unzip",
  "apt-get update && apt-get install -y --no-install-recommends ca-certificates git iproute2 nats-server unzip",
  "apt-get update && apt-get install -y --no-install-recommends ca-certificates git lintian nix-bin ruby shellcheck unzip",
]);

const glob = (pattern: string): string[] =>
  [...new Bun.Glob(pattern).scanSync({ cwd: ROOT, dot: true })].toSorted();
const parsed = async (path: string): Promise<unknown> => Bun.YAML.parse(await read(path));

describe.each(glob(".github/workflows/*.yml"))("%s", (path) => {
  test("has the form of a workflow, and a time for each job of its own", async () => {
    const { jobs } = v.parse(workflow, await parsed(path));
    for (const { uses, steps: own, "timeout-minutes": minutes } of Object.values(jobs)) {
      expect(own === undefined).toBe(uses !== undefined);
      if (own !== undefined) expect(minutes).toBeGreaterThan(0);
      if (uses !== undefined) expect(await Bun.file(join(ROOT, uses)).exists()).toBe(true);
    }
  });

  test("runs scripts of package.json, and few other commands", async () => {
    const { jobs } = v.parse(workflow, await parsed(path));
    for (const { steps: own = [], strategy } of Object.values(jobs)) {
      const runs = own.flatMap((step) => ("run" in step ? [step.run] : []));
      const matrix = (strategy?.matrix["run"] ?? []).filter((value) => typeof value === "string");
      const all = runs.flatMap((run) =>
        run.includes("${{ matrix.run }}")
          ? matrix.map((value) => run.replace("${{ matrix.run }}", value))
          : [run],
      );
      for (const run of all.filter((each) => !OTHERS.has(each))) {
        const script = /^bun run ([\w:-]+)(?: [^&|;`]*)?$/.exec(run)?.[1] ?? run;
        expect(Object.keys(manifest.scripts)).toContain(script);
      }
    }
  });

  test("pins every action, runs one Bun, and names no registry", async () => {
    const text = await read(path);
    const { jobs } = v.parse(workflow, await parsed(path));
    for (const { steps: own = [] } of Object.values(jobs)) {
      for (const step of own) {
        if (!("uses" in step)) continue;
        expect(step.uses).toMatch(/^[\w-]+\/[\w-]+@(?:v\d+|[0-9a-f]{40})$/);
        if (step.uses.startsWith("oven-sh/setup-bun@")) {
          expect(step.with).toEqual({ "bun-version": manifest.devDependencies["bun-types"] });
        }
      }
    }
    expect(text).not.toMatch(/registry|https?:\/\/|npm_config|NPM_TOKEN/i);
  });
});

test("the scripts that CONTRIBUTING.md and the template of pull requests name are there", async () => {
  const contributing = await read("CONTRIBUTING.md");
  const tiers = contributing.split("## Tiers of tests")[1]?.split("\n## ")[0] ?? "";
  const named = [...tiers.matchAll(/^\| (`.+?`) +\|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([\w-]+)`/g)].map(([, name = ""]) => name),
  );
  expect(named).toContain("check");
  const template = await read(".github/pull_request_template.md");
  named.push(...[...template.matchAll(/The `([\w-]+)` script/g)].map(([, name = ""]) => name));
  expect(named.filter((name) => !(name in manifest.scripts))).toEqual([]);
});

test.each(["bug", "feature"])("the form of issues for a %s has fields with ids", async (name) => {
  const field = v.looseObject({
    type: v.picklist(["markdown", "textarea", "dropdown", "checkboxes"]),
    id: v.optional(v.string()),
    attributes: v.record(v.string(), v.unknown()),
  });
  const form = v.strictObject({
    name: v.string(),
    description: v.string(),
    labels: v.array(v.string()),
    body: v.pipe(v.array(field), v.minLength(3)),
  });
  const { body } = v.parse(form, await parsed(`.github/ISSUE_TEMPLATE/${name}.yml`));
  const ids = body.filter(({ type }) => type !== "markdown").map(({ id }) => id);
  expect(ids).not.toContain(undefined);
  expect(new Set(ids).size).toBe(ids.length);
});

describe("the changelog", () => {
  test("begins with what is not released, and has kinds of changes alone", async () => {
    const text = await read("CHANGELOG.md");
    const versions = [...text.matchAll(/^## \[(.+?)\](.*)$/gm)];
    expect(versions[0]?.[1]).toBe("Unreleased");
    for (const [, , date = ""] of versions.slice(1)) expect(date).toMatch(/^ - \d{4}-\d\d-\d\d$/);
    const kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    for (const [, kind = ""] of text.matchAll(/^### (.+)$/gm)) expect(kinds).toContain(kind);
  });
});

describe("the check of a release", () => {
  const changelog = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2027-01-31\n";

  test("passes where tag, version and changelog agree", () => {
    expect(disagreements("v1.2.3", "1.2.3", changelog)).toEqual([]);
  });

  test("names each that does not", () => {
    expect(disagreements("v1.2.4", "1.2.3", changelog)).toHaveLength(1);
    expect(disagreements("v1.2.4", "1.2.4", changelog)).toHaveLength(1);
    expect(disagreements("1.2.3", "1x2y3", changelog)).toHaveLength(2);
  });
});

test.each(PORTABLE)("the list of portable tests names what is there: %s", (path) => {
  expect(existsSync(join(ROOT, "test", path))).toBe(true);
});

describe("the workflow of releases", () => {
  const releases = v.object({
    jobs: v.record(
      v.string(),
      v.looseObject({
        strategy: v.optional(
          v.object({
            matrix: v.object({
              include: v.optional(v.array(v.object({ runner: v.string(), binary: v.string() }))),
            }),
          }),
        ),
        needs: v.optional(v.union([v.string(), v.array(v.string())])),
      }),
    ),
  });

  test("starts the binary of every target, and releases nothing before", async () => {
    const { jobs } = v.parse(releases, await parsed(".github/workflows/release.yml"));
    const started = Object.values(jobs).flatMap(({ strategy }) => strategy?.matrix.include ?? []);
    const names = TARGETS.map(({ name }) => fileNameOf(name));
    expect(started.map(({ binary }) => binary).toSorted()).toEqual(names.toSorted());
    const starting = Object.entries(jobs).filter(([, { strategy }]) => strategy?.matrix.include);
    for (const [name] of starting) expect(jobs["release"]?.needs).toContain(name);
    for (const name of ["checks", "tests"]) expect(jobs["release"]?.needs).toContain(name);
  });
});
