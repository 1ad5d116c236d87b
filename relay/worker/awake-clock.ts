/**
 * ms without one look at the clock, after which a thread was not running: TICK_MS many times over. Clients said much meanwhile that it
 * has not read yet.
 */
export const ASLEEP_MS = 2000;

/**
 * A clock that stands still while its thread does, as when a machine is moved or a process is stopped. Otherwise a relay
 * that goes on would take all its clients for silent. It never goes back.
 */
export function awakeClock(real = (): number => performance.now()): () => number {
  let lookedAt = real();
  let asleep = 0;
  return () => {
    const now = real();
    if (now - lookedAt > ASLEEP_MS) asleep += now - lookedAt;
    lookedAt = now;
    return now - asleep;
  };
}
