/**
 * Before and after `npm pack` and `npm publish`, which call it as `prepack` and `postpack`. Before, it compiles `lib/` and
 * writes the package.json, the README.md and the launcher of users. After, it puts those of developers back.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { minifySync } from "rolldown/utils";

import type manifest from "../../package.json";
import { OLDEST_NODE } from "../../cli/system/supported.ts";
import { NATS_PACKAGES } from "../../relay/cluster/nats-connection.ts";
import { compile } from "./library.ts";

type Manifest = typeof manifest;

/**
 * Before the name of a file of developers, which lies in the folder of the repository while that of users has its place.
 * npm would pack a README with any ending.
 */
const ASIDE = "developers.";

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

/** npm packs the README in any case. Its pictures and links are files of the repository, which the package does not have. */
export function usersReadme(readme: string): string {
  const [title, what, , why] = readme.split(/\n\n+/);
  const commands = /^Run the first command[^]*?(?=\n\nWithout a relay)/m.exec(readme)?.[0];
  if (why?.startsWith("One sender") !== true || commands === undefined) {
    throw new Error("README.md has other paragraphs than those that its short form is made of.");
  }
  const install = "```sh\nnpm install --global fileshare\n```";
  const more =
    "`fileshare relay` starts a relay that stays. `fileshare --help` lists all commands. The repository of fileshare has the rest in\n" +
    "[docs/](docs/README.md): guides, [commands](docs/reference/cli.md), [the library](docs/reference/api.md) and " +
    "[security](docs/explanation/security.md).";
  return `${[title, what, why, install, commands, more].join("\n\n")}\n`;
}

/** Without its comments, and with short names. */
function minified(text: string): string {
  const { code, errors } = minifySync("launcher.cjs", text, {
    module: false,
    compress: { target: `node${OLDEST_NODE}` },
    mangle: { toplevel: true },
  });
  if (errors.length > 0) throw new AggregateError(errors, "The launcher cannot be minified.");
  return code;
}

/** `fileshare.cjs` stays as it is: every old Node has to parse it, and a minifier would write newer syntax. */
const USERS: Readonly<Record<string, (text: string) => string>> = {
  "cli/launcher/find-bun.cjs": minified,
  "cli/launcher/launch.cjs": minified,
  "package.json": (text) =>
    `${JSON.stringify(published(JSON.parse(text) as Manifest), undefined, 2)}\n`,
  "README.md": usersReadme,
};

async function prepack(root: string): Promise<void> {
  // A run that was killed left them there.
  postpack(root);
  await compile(root);
  for (const [name, ofUsers] of Object.entries(USERS)) {
    const path = join(root, name);
    const text = ofUsers(readFileSync(path, "utf8"));
    renameSync(path, aside(root, name));
    writeFileSync(path, text);
  }
}

function postpack(root: string): void {
  for (const name of Object.keys(USERS)) {
    const kept = aside(root, name);
    if (existsSync(kept)) renameSync(kept, join(root, name));
  }
}

function aside(root: string, name: string): string {
  return join(root, `${ASIDE}${basename(name)}`);
}

if (import.meta.main) {
  const root = join(import.meta.dir, "../..");
  if (process.argv[2] === "prepack") await prepack(root);
  else postpack(root);
}
