/**
 * The one description of a release: its words, and the binaries of `bun run build` with their checksums. All that
 * `deploy/packages/` makes comes from it. Addresses are options, so a fork or a mirror makes packages of its own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import manifest from "../package.json" with { type: "json" };
import { fileNameOf, TARGETS, type TargetName } from "./build/targets.ts";

export const ROOT = join(import.meta.dir, "..");

export interface Asset {
  readonly target: TargetName;
  /** Its name below the base address. */
  readonly file: string;
  /** hex */
  readonly sha256: string;
  /** Of the same file compressed, with `.gz` behind its name; undefined: the release has none. */
  readonly gzipSha256: string | undefined;
}

export interface Release {
  readonly name: string;
  readonly version: string;
  /** SPDX's identifier. */
  readonly licence: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** Sentences for package managers that show more than a line. */
  readonly description: string;
  readonly homepage: string;
  /** As Debian writes it: `Name <address>`. */
  readonly maintainer: string;
  /** Where the assets are, without a slash at its end. `{version}` stands for the number of any version. */
  readonly base: string;
  /** Of the sources. Packages bear it, so the same sources give the same bytes. */
  readonly at: Date;
  /** Holds the binaries. */
  readonly folder: string;
  readonly assets: readonly Asset[];
}

/** They differ between a release and a mirror, so the repository has none. */
export interface Addresses {
  readonly base: string;
  readonly homepage: string;
  readonly maintainer: string;
}

const DESCRIPTION =
  "One sender streams files through a relay to many receivers, each at its own pace. " +
  "The relay copies ciphertext and knows no key. Late receivers get the whole file, " +
  "and interrupted transfers resume. The relay and its page for browsers are included.";

/**
 * Reads `SHA256SUMS` in the folder of binaries.
 * @throws Error that names what is wrong, and how to mend it
 */
export function releaseIn(folder: string, addresses: Addresses, at: Date): Release {
  for (const [name, value] of Object.entries(checked)) {
    const text = addresses[name as keyof Addresses];
    if (!value.test(text))
      throw new Error(`--${name} cannot be "${text}"; ${EXAMPLES[name as keyof Addresses]}`);
  }
  const sums = sumsIn(folder);
  const assets = TARGETS.flatMap(({ name: target }) => {
    const file = fileNameOf(target);
    const sha256 = sums.get(file);
    const gzipSha256 = sums.get(`${file}.gz`);
    return sha256 === undefined ? [] : [{ target, file, sha256, gzipSha256 }];
  });
  return {
    name: manifest.name,
    version: manifest.version,
    licence: manifest.license,
    summary: manifest.description,
    description: DESCRIPTION,
    ...addresses,
    base: addresses.base.replace(/\/+$/, ""),
    at,
    folder,
    assets,
  };
}

/** Packages quote these texts in five languages, so no character may end a quotation in any of them. */
const ADDRESS = /^https?:\/\/[\w.[\]:-]+(?:\/[\w.~%@+/-]*)?$/;
const checked: Record<keyof Addresses, RegExp> = {
  base: /^https?:\/\/[\w.[\]:-]+(?:\/[\w.~%@+/-]*(?:\{version\}[\w.~%@+/-]*)?)?$/,
  homepage: ADDRESS,
  maintainer: /^[\p{L}\p{N} .'-]+ <[\w.+-]+@[\w.-]+>$/u,
};
const EXAMPLES: Record<keyof Addresses, string> = {
  base: "give an address such as https://releases.example/v{version}.",
  homepage: "give an address such as https://fileshare.example.",
  maintainer: 'give a name and an address such as "Ada Lovelace <ada@example.org>".',
};

function sumsIn(folder: string): ReadonlyMap<string, string> {
  const path = join(folder, "SHA256SUMS");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path} cannot be read. Run "bun run build" before.`, { cause: error });
  }
  return new Map(
    [...text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)].map(([, sum = "", name = ""]) => [name, sum]),
  );
}

/** @throws Error that names the target to build */
export function assetOf({ assets }: Release, target: TargetName): Asset {
  const asset = assets.find((each) => each.target === target);
  if (asset === undefined) {
    throw new Error(
      `SHA256SUMS has no ${fileNameOf(target)}. Run "bun run build", or leave its packages out with --only.`,
    );
  }
  return asset;
}

/** The address of a file of this release. */
export function urlOf({ base, version }: Release, file: string): string {
  return `${base.replaceAll("{version}", version)}/${file}`;
}
