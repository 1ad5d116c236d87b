/** Every process that the bench started and that runs, so that none outlives it. */

/** ms that a process may take to end when asked, at an interrupt */
const END_MS = 2000;

const running = new Set<Bun.Subprocess>();
let isEnding = false;

/** From now on it ends with the bench. */
export function adopt<T extends Bun.Subprocess>(child: T): T {
  running.add(child);
  void child.exited.finally(() => running.delete(child));
  if (isEnding) child.kill("SIGKILL");
  return child;
}

/** Ends all, and whatever is started from now on. Resolves when none runs. */
export async function endChildren(): Promise<void> {
  isEnding = true;
  // Asked first: who has children of its own ends them.
  for (const child of running) child.kill("SIGTERM");
  const kill = setTimeout(() => {
    for (const child of running) child.kill("SIGKILL");
  }, END_MS);
  while (running.size > 0) await Promise.all(Array.from(running, ({ exited }) => exited));
  clearTimeout(kill);
}
