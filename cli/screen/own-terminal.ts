/**
 * The terminal at which a person can be asked: the standard input and output where both are one,
 * else the terminal that controls this process, as when the input or the output leads elsewhere.
 */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { ReadStream, WriteStream } from "node:tty";

import { inForeground } from "./suspension.ts";

const TERMINAL = "/dev/tty";
/** More than any person types ahead; a terminal that never runs dry is none. */
const TYPED_AHEAD_BYTES = 1 << 20;

export interface OwnTerminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

/** Whether there is a person to ask, wherever the standard input and output lead. */
export function canAsk(): boolean {
  if (process.stdin.isTTY && process.stdout.isTTY) return true;
  // The system stops a job in the background that reads from its terminal.
  if (!inForeground()) return false;
  try {
    closeSync(openSync(TERMINAL, constants.O_RDWR | constants.O_NOCTTY));
    return true;
  } catch {
    return false; // there is none, as for a service
  }
}

/** Its streams, the same for every question. @throws what the system throws where there is none */
export function openTerminal(): OwnTerminal {
  const { stdin, stdout } = process;
  if (stdin.isTTY && stdout.isTTY) return { input: stdin, output: stdout };
  // A stream of Bun's that is destroyed goes on reading from its descriptor, and takes the next answer.
  opened ??= {
    input: new ReadStream(openSync(TERMINAL, constants.O_RDWR | constants.O_NOCTTY)),
    output: new WriteStream(openSync(TERMINAL, constants.O_WRONLY | constants.O_NOCTTY)),
  };
  return opened;
}

let opened: OwnTerminal | undefined;

/** Prints a line at the terminal of the questions. */
export function printAtTerminal(line: string): void {
  const { stdin, stdout } = process;
  if (stdin.isTTY && stdout.isTTY) {
    stdout.write(`${line}\n`);
    return;
  }
  const fd = openSync(TERMINAL, constants.O_WRONLY | constants.O_NOCTTY);
  try {
    writeSync(fd, `${line}\n`);
  } finally {
    closeSync(fd);
  }
}

/** Drops what was typed or pasted before: it was meant for another question, or for none. */
export function dropTyped(input: ReadStream): void {
  while (input.read() !== null); // what the stream had read
  let fd: number;
  try {
    fd = openSync(TERMINAL, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return; // a terminal that does not control this process
  }
  try {
    const bytes = new Uint8Array(4096);
    for (let dropped = 0; dropped < TYPED_AHEAD_BYTES;) {
      const length = readSync(fd, bytes);
      if (length === 0) return;
      dropped += length;
    }
  } catch {
    // EAGAIN: that was all.
  } finally {
    closeSync(fd);
  }
}
