/** The service worker. `web/browser` registers it for `./page/`, so requests of other addresses never pass it. */
const scope = globalThis as unknown as {
  addEventListener(type: "install", listener: () => void): void;
  skipWaiting(): Promise<void>;
};

scope.addEventListener("install", () => void scope.skipWaiting());
