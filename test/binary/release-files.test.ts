/** The files beside the binaries of a release: checksums, the list of parts, licences. The same sources give the same files. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { bundledPackages, licencesIn, type Package } from "../../deploy/build/inventory.ts";
import { fileNameOf, TARGETS, targetsNamed } from "../../deploy/build/targets.ts";
import manifest from "../../package.json" with { type: "json" };
import { buildInto, TARGET_HERE } from "../support/binary.ts";
import { temporaryFolder } from "../support/disk.ts";
import { read } from "../support/documents.ts";

const [first, second] = [temporaryFolder(), temporaryFolder()];
const name = fileNameOf(TARGET_HERE);
let packages: readonly Package[];

beforeAll(async () => {
  buildInto(first.path, TARGET_HERE);
  buildInto(second.path, TARGET_HERE);
  packages = await bundledPackages();
});
afterAll(() => {
  first[Symbol.dispose]();
  second[Symbol.dispose]();
});

const made = (file: string): string => readFileSync(join(first.path, file), "utf8");

test("a build leaves its four files and nothing else", () => {
  const files = ["LICENSES.txt", "SHA256SUMS", "fileshare.spdx.json", name];
  expect(readdirSync(first.path).toSorted()).toEqual(files.toSorted());
});

test("two builds of the same sources have the same bytes", () => {
  expect(readFileSync(join(second.path, "SHA256SUMS"), "utf8")).toBe(made("SHA256SUMS"));
});

test("sha256sum finds every file whole, and notices a changed one", () => {
  const check = () => Bun.spawnSync(["sha256sum", "-c", "SHA256SUMS"], { cwd: second.path });
  expect(check().stdout.toString()).toBe(
    ["LICENSES.txt", name, "fileshare.spdx.json"].map((file) => `${file}: OK\n`).join(""),
  );
  writeFileSync(join(second.path, "LICENSES.txt"), "none");
  expect(check().exitCode).toBe(1);
});

describe("the targets", () => {
  test("have names that differ, and documents name each", async () => {
    const names = TARGETS.map((target) => fileNameOf(target.name));
    expect(new Set(names).size).toBe(7);
    const reference = await read("docs/reference/binaries.md");
    for (const each of names) expect(reference).toContain(`\`${each}\``);
  });

  test("that are unknown are refused with a list of those that are known", () => {
    expect(() => targetsNamed(["linux-x86"])).toThrow("linux-x64, linux-arm64, linux-x64-musl");
    expect(targetsNamed(["macos-x64"]).map(({ bun }) => bun)).toEqual(["bun-darwin-x64"]);
  });
});

describe("the list of parts", () => {
  const id = v.pipe(v.string(), v.regex(/^SPDXRef-[A-Za-z0-9.-]+$/));
  /** The fields that SPDX 2.3 demands, and the form of the others that are used. */
  const schema = v.strictObject({
    spdxVersion: v.literal("SPDX-2.3"),
    dataLicense: v.literal("CC0-1.0"),
    SPDXID: v.literal("SPDXRef-DOCUMENT"),
    name: v.pipe(v.string(), v.minLength(1)),
    documentNamespace: v.pipe(v.string(), v.url(), v.regex(/^[^#]+$/)),
    creationInfo: v.strictObject({
      created: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
      creators: v.pipe(
        v.array(v.pipe(v.string(), v.regex(/^(?:Tool|Organization|Person): /))),
        v.minLength(1),
      ),
    }),
    packages: v.array(
      v.strictObject({
        SPDXID: id,
        name: v.pipe(v.string(), v.minLength(1)),
        versionInfo: v.optional(v.pipe(v.string(), v.minLength(1))),
        downloadLocation: v.literal("NOASSERTION"),
        filesAnalyzed: v.literal(false),
        licenseConcluded: v.string(),
        licenseDeclared: v.pipe(v.string(), v.regex(/^[A-Za-z0-9.+() -]+$/)),
        licenseComments: v.optional(v.string()),
        copyrightText: v.string(),
        primaryPackagePurpose: v.optional(v.picklist(["APPLICATION", "LIBRARY"])),
        checksums: v.optional(
          v.array(
            v.strictObject({
              algorithm: v.literal("SHA512"),
              checksumValue: v.pipe(v.string(), v.regex(/^[0-9a-f]{128}$/)),
            }),
          ),
        ),
        externalRefs: v.optional(
          v.array(
            v.strictObject({
              referenceCategory: v.literal("PACKAGE-MANAGER"),
              referenceType: v.literal("purl"),
              referenceLocator: v.pipe(
                v.string(),
                v.regex(/^pkg:npm\/(?:%40[\w.-]+\/)?[\w.-]+@[\w.-]+$/),
              ),
            }),
          ),
        ),
      }),
    ),
    relationships: v.array(
      v.strictObject({
        spdxElementId: id,
        relationshipType: v.picklist(["DESCRIBES", "CONTAINS", "DEPENDS_ON"]),
        relatedSpdxElement: id,
      }),
    ),
  });
  const parsed = () => v.parse(schema, JSON.parse(made("fileshare.spdx.json")));

  test("has the fields that SPDX 2.3 demands, ids that are unique, and relations between them", () => {
    const { packages: parts, relationships } = parsed();
    const ids = new Set(["SPDXRef-DOCUMENT", ...parts.map(({ SPDXID }) => SPDXID)]);
    expect(ids.size).toBe(parts.length + 1);
    for (const { spdxElementId, relatedSpdxElement } of relationships) {
      expect(ids).toContain(spdxElementId);
      expect(ids).toContain(relatedSpdxElement);
    }
    // Every part but the whole is contained in something.
    const contained = new Set(relationships.map(({ relatedSpdxElement }) => relatedSpdxElement));
    expect(contained.size).toBe(parts.length);
  });

  test("names fileshare, Bun, and each package that the bundler took, with its version", () => {
    const versions = new Map(parsed().packages.map((part) => [part.name, part.versionInfo]));
    expect(versions.get("fileshare")).toBe(manifest.version);
    expect(versions.get("bun")).toBe(Bun.version);
    for (const each of packages) expect(versions.get(each.name)).toBe(each.version);
    const linked = ["JavaScriptCore (WebKit)", "boringssl", "acorn"];
    expect(linked.filter((part) => !versions.has(part))).toEqual([]);
  });

  test("names no dependency of tests", () => {
    const names = new Set(packages.map((each) => each.name));
    for (const own of ["valibot", "preact", "chart.js", "prom-client"])
      expect(names).toContain(own);
    for (const other of ["fast-check", "puppeteer-core", "oxlint", "bun-types", "axe-core"]) {
      expect(names).not.toContain(other);
    }
  });
});

describe("the licences", () => {
  test("are those of fileshare, of each package and of Bun, as whole texts", () => {
    const text = made("LICENSES.txt");
    for (const each of packages) {
      expect(text).toContain(`\n${each.name} ${each.version} (${each.licence})\n`);
      for (const { text: own } of each.texts) expect(text).toContain(own.trim());
    }
    expect(text).toContain("The fileshare authors");
    expect(text).toContain(`\nBun ${Bun.version}\n`);
    expect(text).toContain("Bun statically links JavaScriptCore");
    expect(text.match(/GNU LIBRARY GENERAL PUBLIC LICENSE/g)).not.toBeNull();
    expect(text.match(/GNU LESSER GENERAL PUBLIC LICENSE/g)).not.toBeNull();
    expect(text).toContain("TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION");
  });

  test("a package without the text of its licence stops the build", () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "LICENSES"));
    writeFileSync(join(folder.path, "NOTICE"), "by somebody");
    expect(() => licencesIn(folder.path)).toThrow("has no text of its licence");
    writeFileSync(join(folder.path, "license.md"), "free");
    expect(licencesIn(folder.path).map(({ file }) => file)).toEqual(["NOTICE", "license.md"]);
  });
});
