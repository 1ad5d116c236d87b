import { expect } from "bun:test";
import { type FaultCode, FaultError } from "../../protocol/wire/faults.ts";

/** Runs `work` and gives the fault that it must end with, of one of the given codes. */
export function faultOf(work: () => unknown, ...codes: FaultCode[]): FaultError {
  try {
    work();
  } catch (error) {
    return checkFault(error, codes);
  }
  throw new Error(`no fault, where one of ${codes.join(", ")} was due`);
}

/** As `faultOf`, for work that may end later. */
export async function faultOfAsync(
  work: () => unknown,
  ...codes: FaultCode[]
): Promise<FaultError> {
  try {
    await work();
  } catch (error) {
    return checkFault(error, codes);
  }
  throw new Error(`no fault, where one of ${codes.join(", ")} was due`);
}

function checkFault(error: unknown, codes: FaultCode[]): FaultError {
  if (!(error instanceof FaultError)) throw error;
  expect(codes).toContain(error.code);
  return error;
}
