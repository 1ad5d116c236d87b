/** A plain port beside one with TLS, where nothing is served: it tells where to go. */
import { CAN_SHARE_PORT, HTTP_IDLE_SECONDS, Listener } from "./listener.ts";
import { refusal } from "./http-refusal.ts";

const HTTPS_PORT = 443;

/** @param tlsPort where the relay speaks TLS */
export function openHint(hostname: string, port: number, tlsPort: number): Listener<undefined> {
  const open = (at: number): Bun.Server<undefined> =>
    Bun.serve({
      hostname,
      port: at,
      reusePort: CAN_SHARE_PORT,
      idleTimeout: HTTP_IDLE_SECONDS,
      development: false,
      // Bodies are refused with a sentence of ours, and not read.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request) => answer(request, tlsPort),
    });
  return new Listener({ open, port, tls: undefined });
}

/**
 * A client that only looks is led on. One that would send something is not: a client that repeats
 * what it sent there has said it in the clear here, every time, and nobody would notice.
 */
function answer(request: Request, tlsPort: number): Response {
  // Made by Bun of what the client says is its host, which may be anything.
  const url = URL.parse(request.url);
  if (url === null) return refusal(400, "That host is none.");
  const { hostname, pathname, search } = url;
  const host = tlsPort === HTTPS_PORT ? hostname : `${hostname}:${tlsPort}`;
  const { method, headers } = request;
  const says = headers.has("upgrade") || headers.has("authorization");
  // A program that follows no one would save the answer that leads on as its file.
  const isPage = pathname === "/" || headers.get("accept")?.includes("text/html") === true;
  if ((method === "GET" || method === "HEAD") && isPage && !says) {
    const location = `https://${host}${pathname}${search}`;
    return new Response(`This is at ${location}\n`, { status: 308, headers: { location } });
  }
  return refusal(
    426,
    `Nothing is taken here, where all is in the clear: use https://${host} or wss://${host}`,
    { upgrade: "TLS/1.2", connection: "close" },
  );
}
