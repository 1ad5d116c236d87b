/**
 * All faults: the sentence for people, the next step, whether trying again can
 * help, the WebSocket close code and the exit code of the CLI. The tables are three, by where a fault
 * may come from: `wire-faults.ts`, `cli-faults.ts` and `relay-faults.ts`.
 */
import { CLI_FAULTS } from "./cli-faults.ts";
import type { Fault } from "./fault.ts";
import { RELAY_FAULTS } from "./relay-faults.ts";
import { WIRE_FAULTS } from "./wire-faults.ts";

export { EXIT, type Fault } from "./fault.ts";

export const FAULTS = {
  ...CLI_FAULTS,
  ...WIRE_FAULTS,
  ...RELAY_FAULTS,
} as const satisfies Record<string, Fault>;

export type FaultCode = keyof typeof FAULTS;

/** The relay has no record of a stored share after these. */
export const STORE_ENDS: ReadonlySet<FaultCode> = new Set([
  "stored-expired",
  "exhausted",
  "revoked",
]);

/** Narrows a string to a code of the tables; one from the wire is for `faultFrom` instead. */
export function isFaultCode(value: string): value is FaultCode {
  return Object.hasOwn(FAULTS, value);
}

/** An error that people may see: a code of the table and, where it helps, the thing it is about. */
export class FaultError extends Error {
  override readonly name = "FaultError";
  /** Names the fault for programs. */
  readonly code: FaultCode;
  /** For example a path. A screen must escape it: it may be text of a peer. */
  readonly detail: string | undefined;
  /** Seconds, before which trying again is of no use. */
  readonly after: number | undefined;

  constructor(code: FaultCode, detail?: string, options?: ErrorOptions & { after?: number }) {
    super(faultMessage(code, detail), options);
    this.code = code;
    this.detail = detail;
    this.after = options?.after;
  }

  /** Its row in the table of faults: sentence, advice, exit code. */
  get fault(): Fault {
    return FAULTS[this.code];
  }
}

/** The sentence of a fault. A relay that says why it goes away from a client stays for the others. */
export function sentenceOf(code: FaultCode, detail: string | undefined): string {
  const isAway = code !== "going-away" || detail === undefined || detail === "";
  return isAway ? FAULTS[code].sentence : "The relay cannot serve you yet";
}

/** `sentence: detail. advice`, or `sentence. advice` without detail. */
export function faultMessage(code: FaultCode, detail?: string): string {
  const { advice } = FAULTS[code];
  const sentence = sentenceOf(code, detail);
  const about = detail === undefined || detail === "" ? "" : `: ${detail.replace(/\.$/, "")}`;
  return `${sentence}${about}. ${advice}`;
}

/** The part of a relay's fault that the table does not have. */
export function detailIn({
  code,
  message,
}: {
  code: FaultCode;
  message: string;
}): string | undefined {
  return message === "" || faultMessage(code).startsWith(message) ? undefined : message;
}

/** A relay's words about a fault that may pass. */
export interface Said {
  readonly detail?: string | undefined;
  /** Seconds, before which trying again is of no use. */
  readonly after?: number | undefined;
}

export function saidIn(fault: {
  code: FaultCode;
  message: string;
  after?: number | undefined;
}): Said {
  return { detail: detailIn(fault), after: fault.after };
}

/** The same for people; nothing where nothing was said. */
export function aboutOf({ detail, after }: Said): { readonly detail?: string } {
  const again = after === undefined || after === 0 ? undefined : `to be tried again in ${after} s`;
  const parts = [detail, again].filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { detail: parts.join(", ") };
}
