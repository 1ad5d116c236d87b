/**
 * Keeps the screen awake while a transfer runs: phones suspend a page with a dark screen. A browser
 * takes the lock away when the page is hidden, so it is asked again when the page is seen.
 * Browsers give it to secure pages alone; elsewhere nothing happens.
 */

/** @returns ends it */
export function keepAwake(): () => void {
  const lock = (navigator as Partial<Navigator>).wakeLock;
  if (lock === undefined) return () => undefined;
  let held: Promise<WakeLockSentinel | undefined> | undefined;
  const hold = (): void => {
    if (document.visibilityState !== "visible") return;
    // A battery that is low refuses it; the transfer goes on without.
    held = lock.request("screen").catch(() => undefined);
  };
  document.addEventListener("visibilitychange", hold);
  hold();
  return () => {
    document.removeEventListener("visibilitychange", hold);
    void held?.then((sentinel) => sentinel?.release()).catch(() => undefined);
  };
}
