/** Faults as the screens tell them. */
import { FaultError, type FaultCode } from "../../protocol/wire/faults.ts";
import { pageMessage } from "../client/fault-texts.ts";

/** A fault in whole sentences. The message of the worker may name the file. */
export function faultText(fault: FaultCode, message?: string): string {
  return message ?? pageMessage(fault);
}

/** The same of anything that was thrown. */
export function thrownText(thrown: unknown): string {
  if (thrown instanceof FaultError) return pageMessage(thrown.code, thrown.detail);
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Faults after which trying again is of no use, so no button offers it. */
const FINAL: ReadonlySet<FaultCode> = new Set(["banned", "declined", "removed"]);

export function mayTryAgain(fault: FaultCode | undefined): boolean {
  return fault === undefined || !FINAL.has(fault);
}
