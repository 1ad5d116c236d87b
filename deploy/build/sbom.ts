/**
 * `dist/fileshare.spdx.json`: what a binary consists of, as SPDX 2.3. It follows from bun.lock, the bundler and Bun's account of
 * its own libraries. Its time is that of the commit, so the same commit gives the same file.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "./binary.ts";
import type { Package } from "./inventory.ts";
import { BUN_LICENCE } from "./licences.ts";

interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo?: string;
  readonly downloadLocation: string;
  readonly filesAnalyzed: false;
  readonly licenseConcluded: string;
  readonly licenseDeclared: string;
  readonly licenseComments?: string;
  readonly copyrightText: string;
  readonly primaryPackagePurpose?: "APPLICATION" | "LIBRARY";
  readonly supplier?: string;
  readonly checksums?: readonly { readonly algorithm: "SHA512"; readonly checksumValue: string }[];
  readonly externalRefs?: readonly {
    readonly referenceCategory: "PACKAGE-MANAGER";
    readonly referenceType: "purl";
    readonly referenceLocator: string;
  }[];
}

interface Relationship {
  readonly spdxElementId: string;
  readonly relationshipType: "DESCRIBES" | "CONTAINS" | "DEPENDS_ON";
  readonly relatedSpdxElement: string;
}

export interface Sbom {
  readonly spdxVersion: "SPDX-2.3";
  readonly dataLicense: "CC0-1.0";
  readonly SPDXID: "SPDXRef-DOCUMENT";
  readonly name: string;
  readonly documentNamespace: string;
  readonly creationInfo: { readonly created: string; readonly creators: readonly string[] };
  readonly packages: readonly SpdxPackage[];
  readonly relationships: readonly Relationship[];
}

const UNKNOWN = "NOASSERTION";
const DOCUMENT = "SPDXRef-DOCUMENT";
const FILESHARE = "SPDXRef-fileshare";
const BUN = "SPDXRef-bun";

/**
 * @param build the commit, for the name of the document
 * @param at the time of the commit
 */
export function sbomOf(packages: readonly Package[], build: string, at: Date): Sbom {
  const own: SpdxPackage[] = [
    {
      ...known(FILESHARE, "fileshare", manifest.version, manifest.license),
      primaryPackagePurpose: "APPLICATION",
    },
    { ...known(BUN, "bun", Bun.version, "MIT"), primaryPackagePurpose: "APPLICATION" },
  ];
  const libraries = packages.map(({ name, version, licence, sha512 }) => ({
    ...known(idOf("npm", name), name, version, licence),
    primaryPackagePurpose: "LIBRARY" as const,
    checksums: [{ algorithm: "SHA512" as const, checksumValue: sha512 }],
    externalRefs: [purl(name, version)],
  }));
  const linked = partsOfBun().map(({ name, licence }) =>
    known(idOf("bun", name), name, undefined, UNKNOWN, `Bun's own account says: ${licence}`),
  );
  const contains = (whole: string) => (part: SpdxPackage) =>
    ({
      spdxElementId: whole,
      relationshipType: "CONTAINS",
      relatedSpdxElement: part.SPDXID,
    }) as const;
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name: `fileshare-${manifest.version}`,
    // SPDX's own place for documents without a site of their own.
    documentNamespace: `https://spdx.org/spdxdocs/fileshare-${manifest.version}-${build}`,
    creationInfo: {
      created: at.toISOString().replace(/\.\d+Z$/, "Z"),
      creators: ["Organization: The fileshare authors", "Tool: fileshare-build"],
    },
    packages: [...own, ...libraries, ...linked],
    relationships: [
      {
        spdxElementId: DOCUMENT,
        relationshipType: "DESCRIBES",
        relatedSpdxElement: FILESHARE,
      },
      ...[...own.slice(1), ...libraries].map(contains(FILESHARE)),
      ...linked.map(contains(BUN)),
    ],
  };
}

function known(
  id: string,
  name: string,
  version: string | undefined,
  licence: string,
  comments?: string,
): SpdxPackage {
  return {
    SPDXID: id,
    name,
    ...(version !== undefined && { versionInfo: version }),
    downloadLocation: UNKNOWN,
    filesAnalyzed: false,
    licenseConcluded: licence,
    licenseDeclared: licence,
    ...(comments !== undefined && { licenseComments: comments }),
    copyrightText: UNKNOWN,
  };
}

/** An identifier may have letters, digits, dots and dashes. */
function idOf(kind: string, name: string): string {
  return `SPDXRef-${kind}-${name.replaceAll(/[^A-Za-z0-9.-]+/g, "-").replaceAll(/^-|-$/g, "")}`;
}

function purl(name: string, version: string) {
  return {
    referenceCategory: "PACKAGE-MANAGER",
    referenceType: "purl",
    referenceLocator: `pkg:npm/${name.replace("@", "%40")}@${version}`,
  } as const;
}

/** The rows of the tables in Bun's account. */
function partsOfBun(): { readonly name: string; readonly licence: string }[] {
  const rows = readFileSync(join(ROOT, BUN_LICENCE), "utf8").matchAll(
    /^\| (?!-|Library|Package)(.+?) +\| (.+?) +\|$/gm,
  );
  const plain = (cell: string): string =>
    cell.replaceAll(/\[(.+?)\]\(.*?\)/g, "$1").replaceAll("`", "");
  const parts = [...rows].map(([, name = "", licence = ""]) => ({
    name: plain(name),
    licence: plain(licence),
  }));
  return [{ name: "JavaScriptCore (WebKit)", licence: "LGPL-2" }, ...parts];
}
