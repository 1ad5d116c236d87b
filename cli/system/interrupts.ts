/**
 * The effects of Ctrl-C: the first one tells the running parts to stop, the second one ends the process.
 * The deadline of --timeout does the same, until a client runs and keeps the rest of it.
 */
import { closeSync, openSync } from "node:fs";

import { EXIT } from "../../protocol/wire/faults.ts";
import { kernelText } from "./system-error.ts";

type Stop = () => void;

/**
 * A signal so soon after the last one is the same one. timeout(1) and a closed terminal signal a launcher and this process,
 * and the launcher passes its own on. No person presses Ctrl-C twice in that time. ms
 */
const SAME_SIGNAL_MS = 100;

const underWay: Stop[] = [];
let interrupted = false;
let endProcess: ((exitCode: number) => void) | undefined;
let hungUp = false;
let late = false;
let last: { readonly signal: NodeJS.Signals; readonly at: number } | undefined;
/** Handlers of `onHangup`, for which SIGHUP means something else. */
let hangupHandlers = 0;

/**
 * Signals that mean Ctrl-C. Windows has no SIGTERM: what ends a process there ends it at once. It has
 * Ctrl-Break, and a closed console is a SIGHUP, after which the system ends the process within seconds.
 */
export function stopSignals(platform: NodeJS.Platform): readonly NodeJS.Signals[] {
  return platform === "win32" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
}

/** Takes the signals; `end` ends the process at once, when nothing is under way to stop by itself. */
export function listenForSignals(end: (exitCode: number) => void): void {
  endProcess = end;
  for (const signal of stopSignals(process.platform)) process.on(signal, signalled);
  // `nohup` has it ignored, and a handler would undo that.
  if (!isHangupIgnored()) process.on("SIGHUP", hangUp);
}

/** The terminal was closed: the same as Ctrl-C, with an exit code of its own. */
function hangUp(): void {
  if (hangupHandlers > 0) return;
  hungUp = true;
  signalled("SIGHUP");
}

function signalled(signal: NodeJS.Signals): void {
  const at = performance.now();
  const isSame = last?.signal === signal && at - last.at < SAME_SIGNAL_MS;
  last = { signal, at };
  if (!isSame) interrupt();
}

/** The exit code of the process: a closed terminal and a deadline have their own. */
export function exitCodeOf(exitCode: number): number {
  if (late && exitCode === EXIT.interrupted) return EXIT.timedOut;
  return hungUp && exitCode === EXIT.interrupted ? EXIT.hungUp : exitCode;
}

/** The time for all of a command, from its first moment. */
export interface Deadline extends Disposable {
  /** The rest of it, for a client that keeps it by itself; undefined: no limit. ms */
  handOver(): number | undefined;
}

/**
 * Counts from now: a person or a pipe that gives no code, and the search for the relay, end as the
 * transfer does.
 * @param timeoutMs undefined: none
 */
export function startDeadline(timeoutMs: number | undefined): Deadline {
  const endsAt = performance.now() + (timeoutMs ?? Infinity);
  const timer = timeoutMs === undefined ? undefined : setTimeout(runOut, timeoutMs);
  const stop = (): void => clearTimeout(timer);
  return {
    handOver: () => {
      stop();
      return timeoutMs === undefined ? undefined : Math.max(1, endsAt - performance.now());
    },
    [Symbol.dispose]: stop,
  };
}

function runOut(): void {
  late = true;
  interrupt();
}

/** Whether the deadline, and not Ctrl-C, interrupted the command. */
export function isLate(): boolean {
  return late;
}

/** Linux alone says so; elsewhere a process without a terminal is taken for one under `nohup`. */
function isHangupIgnored(): boolean {
  const status = kernelText("/proc/self/status");
  if (status === undefined) return !process.stdin.isTTY && !process.stdout.isTTY;
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask !== undefined && (BigInt(`0x${mask}`) & 1n) === 1n;
}

/** A signal, or Ctrl-C at a prompt, where the terminal sends none. */
export function interrupt(): void {
  const stop = underWay.at(-1);
  if (interrupted || stop === undefined) {
    endProcess?.(exitCodeOf(EXIT.interrupted));
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
 * The effect of SIGHUP until disposed, except where the terminal is gone: then it is as
 * Ctrl-C. On Windows it never means anything else.
 */
export function onHangup(
  handle: () => void,
  platform: NodeJS.Platform = process.platform,
): Disposable {
  const hadTerminal = hasTerminal();
  const hangup = (): void => {
    if (platform === "win32" || (hadTerminal && !hasTerminal())) interrupt();
    else handle();
  };
  hangupHandlers += 1;
  process.on("SIGHUP", hangup);
  return {
    [Symbol.dispose]: () => {
      hangupHandlers -= 1;
      process.off("SIGHUP", hangup);
    },
  };
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
