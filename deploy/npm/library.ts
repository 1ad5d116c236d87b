/**
 * Compiles the package to JavaScript, into `lib/`:
 *
 *   cli/main.js                  the command, in Bun
 *   cli/mod.js, cli/mod.d.ts     the library, in Bun and Node
 *   cli/elsewhere.js             the library for a browser's bundle: it says what to use there
 *   cli/library/worker.js        its thread
 *   relay/worker/worker.js       a worker of a relay
 *   page.bundle                  the page for browsers, and the admin page without its chart library
 *   0.js, 1.js, ...              code that entries share
 *
 * Sources would be twice as large, and Node takes no TypeScript from packages. Dependencies stay outside.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { build, rolldown, type Plugin } from "rolldown";

import { bundlePage, toBundle } from "../../web/build.ts";
import { adminFiles, dictionaryOf, type AdminSources } from "../../web/page-files.ts";
import { OLDEST_NODE, whyUnsupported } from "../../cli/system/supported.ts";
import { libraryTypes } from "./types.ts";

export const LIB = "lib";

const ENTRIES = [
  "cli/main.ts",
  "cli/mod.ts",
  "cli/library/worker.ts",
  // By itself, so the line that Node shows above the error is a short one.
  "cli/library/runs-here.ts",
  "relay/worker/worker.ts",
];

/** Modules besides the command itself that help and the quickest commands load. What they share with transfers stays apart from those. */
const HELP = [
  "cli/commands/relay-commands",
  "cli/commands/no-such-command",
  "cli/commands/run-config",
  "cli/commands/run-relay-token",
];

/** Small modules of one subject that several parts load. A chunk for each set of parts would have 60 bytes more, packed. */
const SHARED: Readonly<Record<string, RegExp>> = {
  discovery: /\/cli\/discovery\//,
  relay: /\/relay\//,
  terminal:
    /\/cli\/(?:screen\/(?!painter)|system\/standard-input|commands\/(?:code-input|run-client|carry-options))/,
};

/** The same for modules that one part alone loads. */
const TOGETHER: Readonly<Record<string, RegExp>> = {
  definitions: /\/cli\/commands\/(?:definition|relay-limits|\w+-commands)\.ts$/,
  quick: /\/cli\/commands\/(?:no-such-command|run-config|completion\/)/,
  story:
    /\/cli\/screen\/(?:position|people|receivers|carrying-lines|story|wait-line|plain|ask-offer)\.ts$/,
  stored: /\/cli\/(?:send\/stored-shares|library\/stored)\.ts$/,
};

/** Chunks are numbered from here, so the order of their names is that of their numbers, and related code is packed together. */
const FIRST_CHUNK = 10;

/** The code that stands for newer syntax. It becomes part of the compiled code. */
const HELPERS = "@oxc-project/runtime/";

/** @throws Error with the mistakes in the sources */
export async function compile(root: string): Promise<void> {
  const lib = join(root, LIB);
  await rm(lib, { recursive: true, force: true });
  const [page, admin] = await Promise.all([
    bundlePage(),
    bundleAdmin(root),
    bundleLibrary(root, lib),
  ]);
  const files = [...page, ...adminFiles(admin)];
  await Bun.write(join(lib, "page.bundle"), toBundle(files, dictionaryOf(lib)));
  await Bun.write(join(lib, "cli/mod.d.ts"), libraryTypes(root));
  await Bun.write(join(lib, "cli/elsewhere.js"), elsewhere());
}

/** The chart library stays outside, so the relay bundles the script once more. */
async function bundleAdmin(root: string): Promise<AdminSources> {
  const folder = join(root, "relay/admin/page");
  const scripts = await build({
    cwd: root,
    input: join(folder, "browser.ts"),
    external: (id) => !/^[./]/.test(id),
    logLevel: "warn",
    onLog: refuse,
    write: false,
    output: { format: "esm", minify: true, comments: false },
  });
  const { outputs } = await Bun.build({ entrypoints: [join(folder, "style.css")], minify: true });
  return { script: scripts.output[0].code, style: await outputs[0]!.text() };
}

/**
 * Each command loads its own part alone, so the code is split. Names of chunks are numbers: a package is installed
 * whole, so a hash of the content has no use there, and a thousand imports repeat the names.
 */
async function bundleLibrary(root: string, lib: string): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(ENTRIES.map((entry) => [entry.replace(/\.ts$/, ""), entry])),
    platform: "node",
    // Dependencies stay outside, and the page is bundled already.
    external: (id) => (!/^[./]/.test(id) && !id.startsWith(HELPERS)) || id === "./build.ts",
    transform: {
      // `using` is written for a Node that has not got it.
      target: `node${OLDEST_NODE}`,
      define: { FILESHARE_BUILD: '"npm"', "process.env.NODE_ENV": '"production"' },
    },
    logLevel: "warn",
    onLog: refuse,
  });
  let chunks = FIRST_CHUNK;
  const [command, help, library, client, relay] = [
    ["cli/main"],
    HELP,
    ["cli/mod"],
    ["cli/library/worker"],
    ["relay/worker/worker"],
  ].map((entries) => imports(entries.map((entry) => join(root, `${entry}.ts`)))) as [
    Imports,
    Imports,
    Imports,
    Imports,
    Imports,
  ];
  await bundle.write({
    dir: lib,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: () => `${chunks++}.js`,
    minify: true,
    plugins: [withoutFacades],
    comments: { legal: false, annotation: false, jsdoc: false },
    codeSplitting: {
      // In chunks of its own each module takes more, packed. A chunk takes the imports of its modules along, so the order
      // matters: help and a command that starts no transfer load the first two chunks, and no library of the transfer.
      groups: [
        {
          debugName: "base",
          priority: 4,
          name: (id, modules) =>
            [command, help].some((has) => has(id, modules)) &&
            [library, client, relay].some((has) => has(id, modules))
              ? "base"
              : null,
        },
        {
          debugName: "command",
          priority: 3,
          name: (id, modules) => (command(id, modules) ? "command" : null),
        },
        {
          debugName: "both threads",
          priority: 2,
          name: (id, modules) => (client(id, modules) && relay(id, modules) ? "shared" : null),
        },
        {
          debugName: "library",
          priority: 1,
          name: (id, modules) => (library(id, modules) ? "library" : null),
        },
        {
          debugName: "client thread",
          priority: 0,
          name: (id, modules) => (client(id, modules) ? "client" : null),
        },
        ...Object.entries(TOGETHER).map(([name, test]) => ({ name, test })),
        ...Object.entries(SHARED).map(([name, test]) => ({ name, test, minShareCount: 2 })),
      ],
    },
  });
  await bundle.close();
}

/**
 * An import at run time of a module that shares a chunk leads to a file of its own, which only names the exports anew. The import
 * names them itself here.
 */
const withoutFacades: Plugin = {
  name: "without-facades",
  generateBundle(_options, bundle) {
    const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
    for (const { fileName, moduleIds, isDynamicEntry, code } of chunks) {
      const [, names, from] = /^export\{([^}]+)\}from"\.\/(\d+\.js)";\s*$/.exec(code) ?? [];
      if (!isDynamicEntry || moduleIds.length > 0 || names === undefined) continue;
      const exports = names.split(",").map((each) => {
        const [inner, outer = inner] = each.split(" as ");
        return `${outer}:e.${inner}`;
      });
      for (const chunk of chunks) {
        chunk.code = chunk.code.replaceAll(
          new RegExp(`import\\(\`([./]+)${fileName}\`\\)`, "g"),
          `import(\`$1${from}\`).then(e=>({${exports.join(",")}}))`,
        );
        if (chunk.code.includes(`/${fileName}`))
          throw new Error(`${chunk.fileName} needs ${fileName}.`);
      }
      delete bundle[fileName];
    }
  },
};

function refuse(_level: string, { message }: { readonly message: string }): never {
  throw new Error(message);
}

interface Modules {
  getModuleInfo(
    id: string,
  ): { readonly importedIds: readonly string[]; readonly isEntry: boolean } | null;
}

type Imports = (id: string, modules: Modules) => boolean;

/** Whether a module is among those that entries import at once, and their imports. Entries are not: they have own files. */
function imports(entries: readonly string[]): Imports {
  const found = new Set<string>();
  const follow = (id: string, modules: Modules): void => {
    for (const next of modules.getModuleInfo(id)?.importedIds ?? []) {
      if (found.has(next) || modules.getModuleInfo(next)?.isEntry === true) continue;
      found.add(next);
      follow(next, modules);
    }
  };
  return (id, modules) => {
    if (found.size === 0) for (const entry of entries) follow(entry, modules);
    return found.has(id);
  };
}

/** Bundlers want each name that an import has. */
function elsewhere(): string {
  const names = ["send", "receive", "stored", "revoke", "FaultError"].map(
    (name) => `export const ${name} = undefined;`,
  );
  return `throw new Error(${JSON.stringify(whyUnsupported(undefined))});\n${names.join("\n")}\n`;
}
