/**
 * Before and after `npm pack` and `npm publish`, which call it as `prepack` and `postpack`. Before, it compiles `lib/` and
 * writes the package.json of users. After, it puts the package.json of developers back.
 */
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type manifest from "../../package.json";
import { NATS_PACKAGES } from "../../relay/cluster/nats-connection.ts";
import { compile } from "./library.ts";

type Manifest = typeof manifest;

/** The package.json of developers, while that of users has its place. */
const ASIDE = "package.json.developers";

const EXPORTS = {
  ".": {
    types: "./lib/cli/mod.d.ts",
    browser: "./lib/cli/elsewhere.js",
    default: "./lib/cli/mod.js",
  },
  "./package.json": "./package.json",
};

/** Of relays in a cluster alone. Few install those by npm, and six packages more would go to every sender and receiver. */
const OPTIONAL: readonly string[] = NATS_PACKAGES;

/**
 * The package.json of users. It brings Bun, whose binary has 50 MB packed: developers have one already, and are not
 * to fetch it a second time.
 */
export function published({ scripts, devDependencies, trustedDependencies, ...kept }: Manifest) {
  void [scripts, trustedDependencies];
  const all = { ...kept.dependencies, bun: devDependencies["bun-types"] };
  const sorted = Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const isOptional = ([name]: readonly [string, string]): boolean => OPTIONAL.includes(name);
  const optional = OPTIONAL.map((name) => [name, { optional: true }]);
  return {
    ...kept,
    exports: EXPORTS,
    dependencies: Object.fromEntries(sorted.filter((each) => !isOptional(each))),
    peerDependencies: Object.fromEntries(sorted.filter(isOptional)),
    peerDependenciesMeta: Object.fromEntries(optional) as Record<string, { optional: true }>,
  };
}

async function prepack(root: string): Promise<void> {
  const [path, aside] = [join(root, "package.json"), join(root, ASIDE)];
  // A run that was killed left it there.
  if (existsSync(aside)) renameSync(aside, path);
  await compile(root);
  const text = await Bun.file(path).text();
  renameSync(path, aside);
  const users = published(JSON.parse(text) as Manifest);
  writeFileSync(path, `${JSON.stringify(users, undefined, 2)}\n`);
}

function postpack(root: string): void {
  renameSync(join(root, ASIDE), join(root, "package.json"));
}

if (import.meta.main) {
  const root = join(import.meta.dir, "../..");
  if (process.argv[2] === "prepack") await prepack(root);
  else postpack(root);
}
