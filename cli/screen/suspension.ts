/**
 * Ctrl-Z, `fg` and `bg`: parts of this program that changed the terminal give it back before the
 * process stops, and take it again after it goes on.
 *
 * At a prompt the terminal is raw and sends a character for Ctrl-Z; elsewhere it sends SIGTSTP. Both
 * ways lead through `stop`. A SIGSTOP can't be caught, so only the second half happens there.
 */
import { writeSync } from "node:fs";

import { kernelText } from "../system/system-error.ts";

/** Makes a terminal's cursor visible. */
export const CURSOR_ON = "\u001B[?25h";

/** A part of this program that changed the terminal: the cursor, or how keys are read. */
export interface TerminalHold {
  /** Gives the terminal back as a shell wants it. */
  release(): void;
  /** Takes it again. A SIGSTOP skips `release`. */
  take(): void;
}

/** The SIGCONT that ended a Ctrl-Z may be told so long after it. ms */
const SAME_CONTINUE_MS = 100;
/** It ends the process at once, and unlike SIGINT, SIGTERM and SIGHUP has no other listener. */
const DEADLY = "SIGQUIT";

const holds: TerminalHold[] = [];
/** Until when a SIGCONT is the one that ended a Ctrl-Z. */
let continuedUntil = -Infinity;

/** Holds the terminal until disposed; of several holds the latest gives it back first. */
export function holdTerminal(hold: TerminalHold): Disposable {
  if (holds.length === 0) {
    process.on("SIGTSTP", stop);
    process.on("SIGCONT", goOn);
    process.on(DEADLY, die);
  }
  holds.push(hold);
  return {
    [Symbol.dispose]: () => {
      const index = holds.lastIndexOf(hold);
      if (index === -1) return;
      holds.splice(index, 1);
      if (holds.length > 0) return;
      process.off("SIGTSTP", stop);
      process.off("SIGCONT", goOn);
      process.off(DEADLY, die);
    },
  };
}

/** Ctrl-Z at a prompt, where the terminal sends no signal: it is for all processes of the job. */
export function suspendJob(): void {
  process.kill(0, "SIGTSTP");
}

/**
 * The default action stops the process inside `kill`. Where no shell could wake it the kernel
 * ignores the signal, which a SIGSTOP would not be.
 */
function stop(): void {
  release();
  process.off("SIGTSTP", stop);
  process.kill(process.pid, "SIGTSTP");
  process.on("SIGTSTP", stop);
  continuedUntil = performance.now() + SAME_CONTINUE_MS;
  take();
}

function goOn(): void {
  const known = performance.now() < continuedUntil;
  continuedUntil = -Infinity;
  if (!known) take();
}

function die(): void {
  release();
  process.off(DEADLY, die);
  process.kill(process.pid, DEADLY);
}

function release(): void {
  for (const hold of holds.toReversed()) attempt(() => hold.release());
}

function take(): void {
  attempt(() => refreshSize(process.stdout));
  for (const hold of holds) attempt(() => hold.take());
}

/** A terminal that is gone needs nothing, and its process ends by other means. */
function attempt(step: () => void): void {
  try {
    step();
  } catch {
    // EIO
  }
}

/**
 * Asks the terminal how large it is. A change is told to the job in the foreground alone, so a
 * process that was stopped or in the background has missed it.
 */
export function refreshSize(terminal: NodeJS.WriteStream & { _refreshSize?: () => void }): void {
  terminal._refreshSize?.();
}

/** However the process ends by itself, the terminal's cursor comes back. */
export function showCursorAtExit(terminal: { readonly fd: number }): void {
  process.on("exit", () => {
    try {
      writeSync(terminal.fd, CURSOR_ON);
    } catch {
      // The terminal is gone, and its cursor with it.
    }
  });
}

/**
 * Whether the shell has given the terminal to this job. A job behind `&` or `bg` has not got it,
 * and would draw over what the person types. Yes if the system does not say.
 */
export function inForeground(): boolean {
  const stat = kernelText("/proc/self/stat") ?? "";
  // The name of the program, in brackets, may hold anything.
  const fields = stat.replace(/^.*\) /s, "").split(" ");
  const [, , group, , , terminalGroup] = fields.map(Number);
  return terminalGroup === undefined || terminalGroup <= 0 || terminalGroup === group;
}
