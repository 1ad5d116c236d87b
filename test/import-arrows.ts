/**
 * The imports that each part may have: the arrows of `docs/decisions/0001-imports-point-one-way.md`, as a pure function over sources.
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
  /** The files outside `layers` that any import may name: they import nothing above the protocol. */
  readonly tables?: readonly string[];
}

/**
 * The rooms of each layer, from the top to the bottom: a file may import from its own room and from
 * rooms below it. `mod.ts` and `main.ts` in the layer's own folder are rooms of one file.
 */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  relay: [
    "mod.ts",
    "main",
    "admin",
    "worker",
    "page",
    "lobby",
    "net",
    "share",
    "cluster",
    "store",
    "access",
    "limits",
    "log",
    "system",
  ],
  cli: [
    "launcher",
    "main.ts",
    "mod.ts",
    "commands",
    "operator",
    "screen",
    "carry",
    "library",
    "send",
    "receive",
    "discovery",
    "connection",
    "arguments",
    "job",
    "system",
  ],
  web: [
    "mod.ts",
    "build.ts",
    "page-files.ts",
    "page",
    "save",
    "source",
    "client",
    "service",
    "browser",
    "job",
  ],
  protocol: ["mod.ts", "session", "content", "crypto", "code", "wire"],
};

/** Files that may lie in the folder of a layer itself. */
const FILES_OUTSIDE_ROOMS = 6;

const product = new Map<string, Layer>([
  [
    "protocol",
    {
      layers: [],
      packages: [
        "msgpackr",
        "valibot",
        "@scure/bip39",
        "@noble/ciphers",
        "@noble/ed25519",
        "@noble/hashes",
      ],
      builtins: false,
    },
  ],
  ["relay", { layers: ["protocol"], builtins: true, tables: ["web/mod.ts"] }],
  [
    "cli",
    {
      layers: ["protocol"],
      builtins: true,
      lazily: "relay/mod.ts",
      tables: ["relay/limits/operator-limits.ts", "relay/system/binary.ts"],
    },
  ],
  [
    "web",
    {
      layers: ["protocol"],
      tables: ["relay/system/compiled.ts"],
      // All of it is bundled (by rolldown), so these are no dependencies of the product.
      packages: ["preact", "@preact/signals", "client-zip", "pretty-bytes", "qr", "rolldown"],
      builtins: false,
    },
  ],
]);

/** The files that may use `node:` and `bun` in layers that may not: the primitives, and the bundling of the page. */
const builtinsAllowed: ReadonlySet<string> = new Set([
  "protocol/crypto/crypto-node.ts",
  "web/mod.ts",
  "web/build.ts",
  "web/page-files.ts",
]);

const SCANNERS = {
  ts: new Bun.Transpiler({ loader: "ts", trimUnusedImports: false }),
  tsx: new Bun.Transpiler({ loader: "tsx", trimUnusedImports: false }),
};

function scan({ path, text }: SourceFile): { readonly path: string; readonly kind: string }[] {
  const scanner = SCANNERS[path.endsWith(".tsx") ? "tsx" : "ts"];
  // The scanner adds React for JSX; the page's own configuration names Preact.
  return scanner.scanImports(asValueImports(text)).filter((found) => !/^react\b/.test(found.path));
}

/** One sentence per wrong import of the product; `test` and `bench` may import anything. */
export function wrongArrows(
  files: readonly SourceFile[],
  dependencies: readonly string[],
): string[] {
  return files.flatMap((file) => {
    const name = file.path.split("/")[0] ?? "";
    const layer = product.get(name);
    if (layer === undefined) return [];
    return scan(file)
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
    if (layer.tables?.includes(target) === true) return true;
    if (target === "package.json") return layer.builtins;
    return kind === "dynamic-import" && target === layer.lazily;
  }
  if (/^(?:node:|bun$|bun:)/.test(specifier)) {
    const isAllowed = from.startsWith("web/") || specifier.startsWith("node:");
    return layer.builtins || (builtinsAllowed.has(from) && isAllowed);
  }
  const packageName = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  return (layer.packages ?? dependencies).includes(packageName);
}

/** The files of the product that a file imports, lazily too. */
function importsOf(file: SourceFile): string[] {
  return scan(file)
    .filter(({ path }) => path.startsWith("."))
    .map(({ path }) => posix.join(posix.dirname(file.path), path));
}

/** The files that some files lead to, lazily too, with those themselves. */
export function reachedFrom(starts: readonly string[], files: readonly SourceFile[]): SourceFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set(starts);
  // A set also visits what is added meanwhile.
  for (const path of reached) {
    const file = byPath.get(path);
    if (file !== undefined) for (const next of importsOf(file)) reached.add(next);
  }
  return [...reached].flatMap((path) => byPath.get(path) ?? []);
}

/** The room of a file, as its layer and the place in the order; undefined outside the product. */
function roomOf(path: string): { readonly layer: string; readonly floor: number } | undefined {
  const [layer = "", room = ""] = path.split("/");
  const rooms = ROOMS[layer];
  return rooms === undefined ? undefined : { layer, floor: rooms.indexOf(room) };
}

/** One sentence per file that lies in no room, and per import that points up to another room. */
export function wrongRooms(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const from = roomOf(file.path);
    if (from === undefined) return [];
    if (from.floor === -1) return [`${file.path} lies in no room`];
    return importsOf(file).flatMap((path) => {
      const to = roomOf(path);
      if (to === undefined || to.layer !== from.layer || to.floor >= from.floor) return [];
      return [`${file.path} must not import ${path}, which lies above it`];
    });
  });
}

/** One sentence per layer whose own folder holds too many files. */
export function crowdedLayers(files: readonly SourceFile[]): string[] {
  return Object.keys(ROOMS).flatMap((layer) => {
    const outside = files.filter(({ path }) => posix.dirname(path) === layer);
    if (outside.length <= FILES_OUTSIDE_ROOMS) return [];
    return [`${layer}/ holds ${outside.length} files outside its rooms`];
  });
}

/** Files that import each other in a circle, one list per circle (Tarjan's algorithm). */
export function circles(files: readonly SourceFile[]): string[][] {
  const imports = new Map(files.map((file) => [file.path, importsOf(file)] as const));
  const found: string[][] = [];
  const order = new Map<string, number>();
  const open: string[] = [];
  const visit = (path: string): number => {
    const number = order.size;
    order.set(path, number);
    let low = number;
    open.push(path);
    for (const next of imports.get(path) ?? []) {
      if (!imports.has(next)) continue;
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (open.includes(next)) low = Math.min(low, order.get(next) ?? number);
    }
    if (low === number) {
      const circle = open.splice(open.indexOf(path));
      if (circle.length > 1) found.push(circle.toSorted());
    }
    return low;
  };
  for (const { path } of files) if (!order.has(path)) visit(path);
  return found;
}

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** The clocks, chance, I/O and parts of Bun that the code of a file names; comments don't count. */
export function outsideWorld(file: SourceFile): string[] {
  const names =
    /(?<![.\w#$])(?:(?:Bun|process|console|performance)\.\w+|Date\.now|new Date\(\)|Math\.random|(?:setTimeout|setInterval|queueMicrotask|fetch)\(|new WebSocket)/g;
  const found = transpiler.transformSync(file.text).match(names) ?? [];
  return found.map((what) => `${file.path} uses ${what}`);
}
