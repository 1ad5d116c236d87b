/** One fault, and its exit code. `faults.ts` joins the tables of faults. */

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  someFailed: 3,
  relayFailed: 4,
  versionMismatch: 5,
  timedOut: 6,
  hungUp: 129,
  interrupted: 130,
} as const;

export interface Fault {
  /** One sentence without the final stop. */
  readonly sentence: string;
  /** The next step for the person. */
  readonly advice: string;
  /** Whether a client may try again by itself. */
  readonly retry: boolean;
  /** WebSocket close code with which the relay ends the socket; 0 where it stays open or none exists. */
  readonly closeCode: number;
  readonly exitCode: number;
}

export const failed = (sentence: string, advice: string, closeCode = 0, retry = false): Fault => ({
  sentence,
  advice,
  retry,
  closeCode,
  exitCode: EXIT.failed,
});

export const wrongUse = (sentence: string, advice: string): Fault => ({
  sentence,
  advice,
  retry: false,
  closeCode: 0,
  exitCode: EXIT.usage,
});

/** All is through, and not all of it is whole. */
export const inPart = (sentence: string, advice: string): Fault => ({
  sentence,
  advice,
  retry: false,
  closeCode: 0,
  exitCode: EXIT.someFailed,
});
