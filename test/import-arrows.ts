/**
 * Which part may import which: the arrows of `docs/decisions/0001-imports-point-one-way.md`, as a pure function over sources.
 * Type-only imports count: a type is a dependency too.
 */
import { posix } from "node:path";

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Layer {
  /** The layers whose files it may import, besides its own. */
  readonly layers: readonly string[];
  /** The packages it may import; undefined: any of the product's dependencies. */
  readonly packages?: readonly string[];
  /** Whether it may use `node:` and `bun`. */
  readonly builtins: boolean;
  /** The one file outside `layers` that a dynamic import may name. */
  readonly lazily?: string;
}

const product = new Map<string, Layer>([
  [
    "protocol",
    {
      layers: [],
      packages: ["msgpackr", "valibot", "@scure/bip39", "@noble/hashes", "@noble/curves"],
      builtins: false,
    },
  ],
  ["relay", { layers: ["protocol"], builtins: true }],
  ["cli", { layers: ["protocol"], builtins: true, lazily: "relay/mod.ts" }],
  ["web", { layers: ["protocol"], builtins: false }],
]);

/** The one file of the protocol that may use `node:`; the browser has its counterpart. */
const builtinsAllowed = "protocol/crypto/crypto-node.ts";

const scanner = new Bun.Transpiler({ loader: "ts", trimUnusedImports: false });

/** One sentence per wrong import of the product; `test` and `bench` may import anything. */
export function wrongArrows(
  files: readonly SourceFile[],
  dependencies: readonly string[],
): string[] {
  return files.flatMap((file) => {
    const name = file.path.split("/")[0] ?? "";
    const layer = product.get(name);
    if (layer === undefined) return [];
    return scanner
      .scanImports(asValueImports(file.text))
      .filter(({ path, kind }) => !allowed(file.path, name, layer, path, kind, dependencies))
      .map(({ path }) => `${file.path} must not import ${path}`);
  });
}

/** The scanner skips type-only imports and refuses a `#!` line: plain imports alone remain. */
function asValueImports(text: string): string {
  return text
    .replace(/^#!.*/, "")
    .replaceAll(/^(\s*import)\s+type\s+(?=[\w{*])/gm, "$1 ")
    .replaceAll(/^(\s*export)\s+type\s+(?=[{*])/gm, "$1 ")
    .replaceAll(/([{,]\s*)type\s+(?=\w+\s*(?:as\s+\w+\s*)?[,}])/g, "$1");
}

function allowed(
  from: string,
  name: string,
  layer: Layer,
  specifier: string,
  kind: string,
  dependencies: readonly string[],
): boolean {
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(from), specifier);
    const targetLayer = target.split("/")[0] ?? "";
    if (targetLayer === name || layer.layers.includes(targetLayer)) return true;
    if (target === "package.json") return layer.builtins;
    return kind === "dynamic-import" && target === layer.lazily;
  }
  if (/^(?:node:|bun$|bun:)/.test(specifier)) {
    return layer.builtins || (from === builtinsAllowed && specifier.startsWith("node:"));
  }
  const packageName = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  return (layer.packages ?? dependencies).includes(packageName);
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** The clocks, chance, I/O and parts of Bun that the code of a file names; comments don't count. */
export function outsideWorld(file: SourceFile): string[] {
  const names =
    /(?<![.\w#$])(?:(?:Bun|process|console|performance)\.\w+|Date\.now|new Date\(\)|Math\.random|(?:setTimeout|setInterval|queueMicrotask|fetch)\(|new WebSocket)/g;
  const found = transpiler.transformSync(file.text).match(names) ?? [];
  return found.map((what) => `${file.path} uses ${what}`);
}
