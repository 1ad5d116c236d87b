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
    .catch(() => undefined);
  return resolve;
}

export async function runningSends(): Promise<ReadonlySet<string>> {
  const held = (await locks()?.query())?.held ?? [];
  const names = held.flatMap(({ name }) => (name?.startsWith(PREFIX) === true ? [name] : []));
  return new Set(names.map((name) => name.slice(PREFIX.length)));
}
