/**
 * The addresses that the page works with, from the `<meta>` of `index.html`. `web/build.ts` fills those in.
 *
 * The page's policy demands Trusted Types for scripts: a browser that has them takes the address of a worker only from the
 * policy here. It makes no address but these two.
 */

/** The part of Trusted Types that the page uses; TypeScript's DOM does not have it yet. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { readonly createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/** The WebSocket of the relay, such as `wss://relay.example/ws`. */
export function relayAddress(): string {
  const elsewhere = meta("fileshare-relay");
  if (elsewhere !== "") return elsewhere;
  const url = new URL("./ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** For `new Worker`. */
export function workerAddress(): string {
  return trusted(meta("fileshare-worker"));
}

/** The same as text, which starts nothing. */
export function workerFile(): string {
  return new URL(meta("fileshare-worker"), document.baseURI).href;
}

/** For `navigator.serviceWorker.register`. */
export function serviceWorkerAddress(): string {
  return trusted(meta("fileshare-service-worker"));
}

function meta(name: string): string {
  const content = document.querySelector(`meta[name="${name}"]`)?.getAttribute("content");
  if (typeof content !== "string") throw new Error(`The page has no meta ${name}.`);
  return content;
}

let policy: ReturnType<TrustedTypes["createPolicy"]> | undefined;

/** @returns a string, or what stands for it where the browser has Trusted Types */
function trusted(address: string): string {
  const url = new URL(address, document.baseURI).href;
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy("fileshare", { createScriptURL: (given) => given });
  return policy?.createScriptURL(url) ?? url;
}
