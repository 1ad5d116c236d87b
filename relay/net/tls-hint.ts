/** A plain port beside the one with TLS: it serves nothing and names the address with TLS. */
import { CAN_SHARE_PORT, HTTP_IDLE_SECONDS, Listener } from "./listener.ts";
import { refusal } from "./refusal.ts";

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
      // So that this server refuses a body, not Bun. It reads none.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request) => answer(request, tlsPort),
    });
  return new Listener({ open, port, tls: undefined });
}

/**
 * Redirects browsers that only read. A client that sends something gets an error: if it were redirected, it would
 * send its content in the clear here each time, unnoticed.
 */
function answer(request: Request, tlsPort: number): Response {
  // Bun makes the URL of the Host header, which may be anything.
  const url = URL.parse(request.url);
  if (url === null) return refusal(400, "That host is none.");
  const { hostname, pathname, search } = url;
  const host = tlsPort === HTTPS_PORT ? hostname : `${hostname}:${tlsPort}`;
  const { method, headers } = request;
  const says = headers.has("upgrade") || headers.has("authorization");
  // A program that follows no redirect would save this answer as its file.
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
