/**
 * The sends that run in this browser now, in any tab, by Web Locks. A browser frees a lock with its
 * worker, so a send that a reload ended is free at once. Over plain http there are no locks: then all
 * sends count as free, and a worker that claims one takes it from the other.
 */
const PREFIX = "fileshare-send-";

function locks(): LockManager | undefined {
  return (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
}

/** @returns ends it */
export function markRunning(share: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  locks()
    ?.request(`${PREFIX}${share}`, () => promise)
    // Without the lock the send counts as free, as over plain http.
    .catch(() => undefined);
  return resolve;
}

export async function runningSends(): Promise<ReadonlySet<string>> {
  const held = (await locks()?.query())?.held ?? [];
  const names = held.flatMap(({ name }) => (name?.startsWith(PREFIX) === true ? [name] : []));
  return new Set(names.map((name) => name.slice(PREFIX.length)));
}

/** Waits until one of these sends has ended in its tab. The signal ends the waiting too. */
export async function oneEnds(shares: readonly string[], signal: AbortSignal): Promise<void> {
  const others = new AbortController();
  const stop = (): void => others.abort();
  signal.addEventListener("abort", stop);
  const waits = shares.map((share) => untilFree(share, others.signal));
  try {
    await Promise.race(waits);
  } catch {
    // The list is gone from the screen.
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
    await Promise.allSettled(waits);
  }
}

/** A shared lock is granted when the send's own is free, and ends at once. */
async function untilFree(share: string, signal: AbortSignal): Promise<void> {
  await locks()?.request(`${PREFIX}${share}`, { mode: "shared", signal }, () => undefined);
}
