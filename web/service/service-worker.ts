/**
 * The service worker of the page, with the scope `./page/`. It answers two addresses below it:
 *
 *   GET  save/<id>/<name>   the download that a page announced under this id, once
 *   POST share              files that another app shares with the installed page
 *
 * All other requests go to the relay as if it were not there, and it caches nothing.
 */
import { keepShared, sharedIn } from "../browser/shared-files.ts";
import { Download } from "./download.ts";
import {
  DOWNLOAD_LOCK,
  type DownloadAnswer,
  type WorkerCall,
  type WorkerWord,
} from "./download-messages.ts";

/** Downloads at once, of all pages of this browser; each holds a few MiB. */
const DOWNLOADS_MOST = 16;

// The types of the DOM have no service worker, and both sets of types exclude each other.
interface WorkerEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(response: Response | Promise<Response>): void;
}
interface CallEvent extends WorkerEvent {
  readonly data: WorkerCall;
  readonly ports: readonly MessagePort[];
  readonly source: { postMessage(word: WorkerWord): void } | null;
}
interface WorkerScope {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: WorkerEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: CallEvent) => void): void;
}

const scope = globalThis as unknown as WorkerScope;
const downloads = new Map<string, Download>();

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(scope.clients.claim()));

/** @throws Error while a download runs in the version of before; the browser tries again later */
async function install(): Promise<void> {
  if (scope.registration.active !== null) {
    const { held } = await navigator.locks.query();
    if (held?.some(({ name }) => name === DOWNLOAD_LOCK) === true) {
      throw new Error("A download runs: the new version waits");
    }
  }
  await scope.skipWaiting();
}

scope.addEventListener("message", (event) => {
  const call = event.data;
  if (call.t === "ping") {
    const download = downloads.get(call.id);
    if (download === undefined) event.source?.postMessage({ t: "gone", id: call.id });
    else download.ping();
    return;
  }
  const [port] = event.ports;
  if (port === undefined) return;
  if (downloads.size >= DOWNLOADS_MOST) {
    port.postMessage({ t: "full", most: DOWNLOADS_MOST } satisfies DownloadAnswer);
    return;
  }
  const download = new Download(port, call.name, call.size);
  downloads.set(call.id, download);
  event.waitUntil(download.over.then(() => downloads.delete(call.id)));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const home = new URL(scope.registration.scope);
  const path = new URL(request.url).pathname.slice(home.pathname.length);
  if (path === "share" && request.method === "POST") {
    event.respondWith(takeShare(request, home));
    return;
  }
  const id = /^save\/([0-9a-f]{32})\//.exec(path)?.[1];
  if (id === undefined || request.method !== "GET") return;
  const download = downloads.get(id);
  const response = download?.response();
  event.respondWith(response ?? new Response("This download is over.", { status: 404 }));
  if (response !== undefined && download !== undefined) event.waitUntil(download.over);
});

/** Keeps what another app shared, and shows the page, which asks for it. */
async function takeShare(request: Request, home: URL): Promise<Response> {
  try {
    await keepShared(sharedIn(await request.formData()));
    return Response.redirect(new URL("../", home), 303);
  } catch {
    const text =
      "The browser could not keep what you shared. Free some space, and share it again, or choose the files on the page.";
    return new Response(text, { status: 507, headers: { "Content-Type": "text/plain" } });
  }
}
