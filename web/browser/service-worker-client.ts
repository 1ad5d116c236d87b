/** Registers the service worker of the page. */
import { serviceWorkerAddress } from "./page-addresses.ts";

/** A first start takes a moment on a slow phone. Afterwards the page goes on without the worker. ms */
const ACTIVE_WITHIN = 10_000;

let registered: Promise<ServiceWorkerRegistration | undefined> | undefined;

/** The active service worker; undefined where the browser has none for this page. */
export async function serviceWorker(): Promise<ServiceWorker | undefined> {
  registered ??= register();
  const registration = await registered;
  // Asked each time: a new version may have taken the place of the one before.
  return registration === undefined ? undefined : active(registration);
}

async function register(): Promise<ServiceWorkerRegistration | undefined> {
  // Absent over plain http, and in private windows of some browsers.
  const container = (navigator as Partial<Navigator>).serviceWorker;
  if (container === undefined) return undefined;
  try {
    return await container.register(serviceWorkerAddress(), {
      scope: new URL("./page/", document.baseURI).href,
      updateViaCache: "none",
    });
  } catch {
    // Refused by the browser's settings: the other ways of saving remain.
    return undefined;
  }
}

/** `navigator.serviceWorker.ready` never resolves here, because the page itself lies outside the scope. */
async function active(registration: ServiceWorkerRegistration): Promise<ServiceWorker | undefined> {
  if (registration.active !== null) return registration.active;
  const worker = registration.installing ?? registration.waiting;
  if (worker === null) return undefined;
  const { promise, resolve } = Promise.withResolvers<ServiceWorker | undefined>();
  const timer = setTimeout(() => resolve(undefined), ACTIVE_WITHIN);
  worker.addEventListener("statechange", () => {
    if (worker.state === "activated") resolve(worker);
    if (worker.state === "redundant") resolve(undefined);
  });
  const found = await promise;
  clearTimeout(timer);
  return found;
}
