/** What Ctrl-C does: the first time what is under way is told to stop, the second time all ends. */
import { closeSync, openSync } from "node:fs";

import { EXIT } from "../protocol/faults.ts";

type Stop = () => void;

const underWay: Stop[] = [];
let interrupted = false;
let endProcess: ((exitCode: number) => void) | undefined;

/** Takes the signals; `end` ends the process at once, when nothing is under way to stop by itself. */
export function listenForSignals(end: (exitCode: number) => void): void {
  endProcess = end;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
}

/** A signal, or Ctrl-C at a prompt, where the terminal sends none. */
export function interrupt(): void {
  const stop = underWay.at(-1);
  if (interrupted || stop === undefined) {
    endProcess?.(EXIT.interrupted);
    return;
  }
  interrupted = true;
  stop();
}

/**
 * Registers how to stop what is under way, until disposed; only the latest is told. `stop` must
 * lead to an end by itself.
 */
export function onInterrupt(stop: Stop): Disposable {
  underWay.push(stop);
  return {
    [Symbol.dispose]: () => {
      const index = underWay.lastIndexOf(stop);
      if (index !== -1) underWay.splice(index, 1);
    },
  };
}

/**
 * What SIGHUP does until disposed, but for one that came because the terminal is gone, which is as
 * Ctrl-C.
 */
export function onHangup(handle: () => void): Disposable {
  const hadTerminal = hasTerminal();
  const hangup = (): void => {
    if (hadTerminal && !hasTerminal()) interrupt();
    else handle();
  };
  process.on("SIGHUP", hangup);
  return { [Symbol.dispose]: () => void process.off("SIGHUP", hangup) };
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
