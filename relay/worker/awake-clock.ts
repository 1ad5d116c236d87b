/**
 * A thread that looks at the clock after so long was not running: the pause is many times TICK_MS. It has not read yet what
 * its clients said meanwhile. ms
 */
export const ASLEEP_MS = 2000;

/**
 * A clock that stands still while its thread does, as when a machine is moved or a process is stopped. Otherwise a relay
 * would take all its clients for silent afterwards. The clock never goes back.
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
