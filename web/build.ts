/**
 * Bundles the page. `web/mod.ts` calls `bundlePage` for a relay that runs from sources; as a command:
 *
 *   bun web/build.ts                                        prints the sizes
 *   bun web/build.ts --dist                                 writes `web/dist/page.bundle`, for packages and binaries
 *   bun web/build.ts --out DIR [--relay wss://relay.example]  writes files for another web server
 *
 * The page finds its other files by the `<meta>` of `index.html`, which are filled in here; `web/browser/page-addresses.ts`
 * reads them. The names of script, worker and style hold a hash of their content, so browsers keep them for good.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import type { Plugin } from "rolldown";

import { compressed, toBundle, type PageFile } from "./page-files.ts";

export { toBundle } from "./page-files.ts";
export type { PageFile } from "./page-files.ts";

/** The bundle for packages and binaries, in the folder of this file. */
export const DIST = "dist/page.bundle";

/** Scripts of the first screen, compressed, all together. bytes */
export const SCRIPT_BUDGET_BYTES = 120 * 1024;

const HERE = dirname(fileURLToPath(import.meta.url));
const HASH_CHARACTERS = 12;
/** A year: what RFC 9111 calls for ever. */
const FOR_GOOD_SECONDS = 31_536_000;
/** The oldest that the page works in, as `docs/how-to/use-the-page.md` says. */
const BROWSERS = ["chrome120", "edge120", "firefox121", "safari17.4"];

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  webmanifest: "application/manifest+json",
};

/** Files that are served as they lie here: their place at the relay, and their source. */
const PLAIN: Readonly<Record<string, string>> = {
  "manifest.webmanifest": "manifest.webmanifest",
  "page/icon.svg": "page/icons/icon.svg",
  "page/icon-192.png": "page/icons/icon-192.png",
  "page/icon-512.png": "page/icons/icon-512.png",
  "page/maskable-512.png": "page/icons/maskable-512.png",
  "page/apple-touch-icon.png": "page/icons/apple-touch-icon.png",
};

/**
 * The Content-Security-Policy of the page. The page makes the addresses of its scripts with one named policy
 * of Trusted Types, so no other text becomes a script.
 * @param connect where it may connect to besides its own origin
 */
function pagePolicy(connect: readonly string[] = []): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    ["connect-src 'self'", ...connect].join(" "),
    "worker-src 'self'",
    "frame-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types fileshare",
  ].join("; ");
}

/** A meta element cannot say the last part. */
function headerPolicy(connect: readonly string[] = []): string {
  return `${pagePolicy(connect)}; frame-ancestors 'none'`;
}

/** The headers of every file. A worker has the policy of its own script, so all files have it. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": headerPolicy(),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy":
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), " +
    "clipboard-read=(self), clipboard-write=(self), screen-wake-lock=(self)",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * @param relay of a page that another server serves, such as `wss://relay.example/ws`; undefined: where the page came from
 * @throws AggregateError with the mistakes in the sources
 */
export async function bundlePage(relay?: string): Promise<readonly PageFile[]> {
  const [[app, worker, ...chunks], [serviceWorker], style] = await Promise.all([
    bundledScripts({ app: "page/main.tsx", worker: "client/worker.ts" }),
    bundledScripts({ "service-worker": "service/service-worker.ts" }),
    bundledStyle(),
  ]);
  const fixed = {
    "./page/app.js": app!,
    "./page/worker.js": worker!,
    "./page/style.css": style,
  };
  let html = await Bun.file(join(HERE, "index.html")).text();
  for (const [address, { path }] of Object.entries(fixed)) {
    if (!html.includes(`"${address}"`)) throw new Error(`index.html does not name ${address}`);
    html = html.replaceAll(`"${address}"`, `"./${path}"`);
  }
  html = html.replaceAll(/<!--.*?-->\s*/gs, "");
  // Otherwise the browser finds these only inside the script.
  for (const path of importsOf(app!.bytes)) {
    html = html.replace(
      "    <script ",
      `    <link rel="modulepreload" href="./${path}" />\n    <script `,
    );
  }
  if (relay !== undefined) html = withRelay(html, relay);
  const plain = Object.entries(PLAIN).map(async ([path, source]) => ({
    path,
    isFixed: false,
    bytes: await Bun.file(join(HERE, source)).bytes(),
  }));
  const files = [
    { path: "", isFixed: false, bytes: encode(html) },
    ...Object.values(fixed),
    ...chunks,
    // A browser asks for a new one under the address that it has.
    { path: "page/service-worker.js", isFixed: false, bytes: serviceWorker!.bytes },
    ...(await Promise.all(plain)),
  ];
  return Promise.all(files.map((file) => completed(file)));
}

/**
 * Scripts, minified: the entries by their names, and behind them the chunks that they share. Page and worker have the list of
 * words, the codes and the faults in common. Names hold a hash of the content.
 */
async function bundledScripts(input: Readonly<Record<string, string>>): Promise<readonly Raw[]> {
  // Only here: a binary holds this file too, and brings the page bundled.
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({
    cwd: HERE,
    input,
    platform: "browser",
    tsconfig: "tsconfig.json",
    transform: {
      target: BROWSERS,
      define: { "process.env.NODE_ENV": '"production"' },
    },
    plugins: [withoutEval],
    onLog: (level, { code, message }) => {
      // The form of choosing has the same module, and is on the first screen.
      if (code !== "INEFFECTIVE_DYNAMIC_IMPORT") throw new Error(`${level}: ${message}`);
    },
  });
  const { output } = await bundle.generate({
    format: "esm",
    entryFileNames: `page/[name]-[hash:${HASH_CHARACTERS}].js`,
    chunkFileNames: `page/shared-[hash:${HASH_CHARACTERS}].js`,
    hashCharacters: "hex",
    minify: true,
    comments: false,
  });
  await bundle.close();
  return output.map((file) => {
    if (file.type !== "chunk") throw new Error(`${file.fileName} is no script`);
    return { path: file.fileName, isFixed: true, bytes: encode(file.code) };
  });
}

async function bundledStyle(): Promise<Raw> {
  const { outputs } = await Bun.build({
    entrypoints: [join(HERE, "page/style.css")],
    target: "browser",
    minify: true,
  });
  return named("style", "css", new Uint8Array(await outputs[0]!.arrayBuffer()));
}

const IMPORTS = new Bun.Transpiler({ loader: "js" });

/** The chunks that a script needs before it runs, as paths below the address of the page. */
function importsOf(script: Uint8Array): string[] {
  const found = IMPORTS.scanImports(new TextDecoder().decode(script));
  return found
    .filter(({ kind }) => kind === "import-statement")
    .map(({ path }) => `page/${basename(path)}`);
}

/**
 * msgpackr makes faster readers by `new Function`, which the policy forbids and browsers report. The package's own
 * builds for such pages make the same replacement; it then goes on without them.
 */
const withoutEval: Plugin = {
  name: "without-eval",
  transform(code, id) {
    if (!/[\\/]msgpackr[\\/]unpack\.js$/.test(id)) return undefined;
    return { code: code.replaceAll("new Function(", "new BlockedFunction("), map: null };
  },
};

interface Raw extends Pick<PageFile, "path" | "bytes"> {
  /** Its name holds a hash of its content, so the content of this name never changes. */
  readonly isFixed: boolean;
}

function named(name: string, ending: string, bytes: Uint8Array<ArrayBuffer>): Raw {
  return { path: `page/${name}-${hashOf(bytes)}.${ending}`, isFixed: true, bytes };
}

function hashOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, HASH_CHARACTERS);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function completed({ path, bytes, isFixed }: Raw): Promise<PageFile> {
  const ending = path === "" ? "html" : path.slice(path.lastIndexOf(".") + 1);
  const type = TYPES[ending];
  if (type === undefined) throw new Error(`${path} has no type`);
  const headers = {
    ...HEADERS,
    "cache-control": isFixed ? `public, max-age=${FOR_GOOD_SECONDS}, immutable` : "no-cache",
    "content-type": type,
    // Weak: one for all encodings.
    etag: `W/"${hashOf(bytes)}"`,
  };
  return compressed({ path, headers, bytes });
}

/** The page for another web server, which cannot be told the policy by a header everywhere. */
function withRelay(html: string, relay: string): string {
  const policy = pagePolicy(connectTo(relay));
  const content = Bun.escapeHTML(policy);
  const meta = `<meta http-equiv="Content-Security-Policy" content="${content}" />`;
  return html
    .replace('<meta charset="utf-8" />', (charset) => `${charset}\n    ${meta}`)
    .replace(
      '<meta name="fileshare-relay" content="" />',
      () => `<meta name="fileshare-relay" content="${Bun.escapeHTML(relay)}" />`,
    );
}

/** The relay's socket, and its lobby by HTTP. */
function connectTo(relay: string): string[] {
  const { host, protocol } = new URL(relay);
  return [`${protocol}//${host}`, `${protocol.replace("ws", "http")}//${host}`];
}

/** @throws Error for an address that is none of a relay */
function socketOf(relay: string): string {
  const url = URL.parse(relay.replace(/^http(?=s?:)/i, "ws"));
  if (url === null || !/^wss?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw new Error(`--relay takes an address such as wss://relay.example, not "${relay}"`);
  }
  const path = url.pathname.replace(/\/+$/, "");
  return `${url.protocol}//${url.host}${path.endsWith("/ws") ? path : `${path}/ws`}`;
}

/** The headers in the form that several hosts of static files read; other servers need them in their own. */
function headersFile(files: readonly PageFile[], relay: string | undefined): string {
  const all = {
    ...HEADERS,
    "content-security-policy": headerPolicy(relay === undefined ? [] : connectTo(relay)),
  };
  const blocks = files.map(({ path, headers }) => {
    return [`/${path}`, `  cache-control: ${headers["cache-control"]}`];
  });
  const lines = ["/*", ...Object.entries(all).map(([name, value]) => `  ${name}: ${value}`)];
  return `${[lines, ...blocks].flat().join("\n")}\n`;
}

async function writeStatic(folder: string, relay: string | undefined): Promise<void> {
  const socket = relay && socketOf(relay);
  const files = await bundlePage(socket);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "_headers"), headersFile(files, socket));
  for (const { path, bytes } of files) {
    const at = join(folder, path === "" ? "index.html" : path);
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, bytes);
  }
}

function printSizes(files: readonly PageFile[]): void {
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`.padStart(11);
  console.log(`${"file".padEnd(32)}${"plain".padStart(11)}${"gzip".padStart(11)}     brotli`);
  for (const { path, bytes, gzip, brotli } of files) {
    const sizes = [bytes, gzip ?? bytes, brotli ?? bytes].map(({ length }) => kib(length));
    console.log(`${(path || "index.html").padEnd(32)}${sizes.join("")}`);
  }
  const [brotliSum, gzipSum, most] = [
    firstScripts(files, "brotli"),
    firstScripts(files, "gzip"),
    SCRIPT_BUDGET_BYTES,
  ].map((bytes) => kib(bytes).trim());
  console.log(
    `scripts of the first screen: ${brotliSum} with brotli, ${gzipSum} with gzip, of at most ${most}`,
  );
}

/** Bytes of script, compressed, that the first screen needs. */
export function firstScripts(
  files: readonly PageFile[],
  packing: "brotli" | "gzip" = "brotli",
): number {
  const needed = new Set(
    files.flatMap(({ path }) => (/^page\/(?:app|worker)-\w+\.js$/.test(path) ? [path] : [])),
  );
  // A set also visits what is added meanwhile.
  for (const path of needed) {
    const script = files.find((file) => file.path === path);
    if (script === undefined) throw new Error(`${path} is not there`);
    for (const chunk of importsOf(script.bytes)) needed.add(chunk);
  }
  const scripts = files.filter(({ path }) => needed.has(path));
  return scripts.reduce(
    (sum, { brotli, gzip, bytes }) => sum + ({ brotli, gzip }[packing] ?? bytes).length,
    0,
  );
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      dist: { type: "boolean" },
      out: { type: "string" },
      relay: { type: "string" },
    },
  });
  if (values.out === undefined && values.relay !== undefined) {
    throw new Error("--relay is for a page at another server; give --out too");
  }
  if (values.out === undefined) {
    const files = await bundlePage();
    if (values.dist === true) await Bun.write(join(HERE, DIST), toBundle(files));
    printSizes(files);
  } else {
    await writeStatic(values.out, values.relay);
  }
}
