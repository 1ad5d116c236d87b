/**
 * Stands for the servers that tools are downloaded from, at one rate for each machine. It runs in a namespace of its own,
 * started by `internet.ts`: `bun mirror.ts SETTINGS`, a JSON of `MirrorSettings`. It tells its parent what each address took.
 */
import { readFileSync } from "node:fs";

export interface MirrorSettings {
  /** bytes per second for each machine */
  readonly rate: number;
  readonly cert: string;
  readonly key: string;
  /** Paths of files, and texts, by address without its scheme, such as `tools.example/install.sh`. */
  readonly files: Readonly<Record<string, { readonly path: string } | { readonly text: string }>>;
}

export interface Taken {
  readonly address: string;
  readonly bytes: number;
}

/** Small against a second of any rate, so that the pace is even. bytes */
const CHUNK = 64 * 1024;
/** Time that a late machine may catch up: one that has other work keeps its rate. ms */
const CATCH_UP_MS = 500;
const HTTP = 80;
const HTTPS = 443;

if (import.meta.main)
  serve(JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as MirrorSettings);

function serve({ rate, cert, key, files }: MirrorSettings): void {
  /** When the link of each machine is free again. ms */
  const free = new Map<string, number>();
  const paced = (bytes: Uint8Array, address: string): ReadableStream<Uint8Array> => {
    let at = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const now = performance.now();
        const earliest = at === 0 ? now : now - CATCH_UP_MS;
        const start = Math.max(free.get(address) ?? now, earliest);
        const chunk = bytes.subarray(at, at + CHUNK);
        free.set(address, start + (chunk.length / rate) * 1000);
        if (start > now) await Bun.sleep(start - now);
        controller.enqueue(chunk);
        at += chunk.length;
        if (at >= bytes.length) controller.close();
      },
    });
  };
  const answer = (request: Request, server: Bun.Server<undefined>): Response => {
    const { pathname } = new URL(request.url);
    const name = `${request.headers.get("host")?.replace(/:\d+$/, "")}${decodeURIComponent(pathname)}`;
    const file = files[name] ?? files[`${name}/`];
    if (file === undefined) {
      process.send?.(`nothing at ${name}`);
      return new Response("", { status: 404 });
    }
    const bytes = "path" in file ? readFileSync(file.path) : new TextEncoder().encode(file.text);
    const address = server.requestIP(request)?.address ?? "";
    process.send?.({ address, bytes: bytes.length } satisfies Taken);
    const type =
      name.endsWith("/") || !name.includes(".") ? "text/html" : "application/octet-stream";
    const headers = { "content-type": name.includes("/npm/") ? "application/json" : type };
    return new Response(paced(bytes, address), { headers });
  };
  const common = { hostname: "0.0.0.0", idleTimeout: 0, fetch: answer } as const;
  Bun.serve({ ...common, port: HTTP });
  Bun.serve({ ...common, port: HTTPS, tls: { cert, key } });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}
