import { FaultError, isFaultCode, type FaultCode } from "../../protocol/mod.ts";
import type { Random } from "../simulation/random.ts";

/** Something that takes bytes from strangers. */
export interface Target extends AsyncDisposable {
  /** Plays one case. @returns how many inputs it had. @throws what must not happen */
  play(random: Random): number | Promise<number>;
  /** All cases were played: nothing may be left of them. */
  end(): Promise<void>;
}

export interface TargetKind {
  readonly name: string;
  /** Of all inputs, so many parts. */
  readonly weight: number;
  start(): Target | Promise<Target>;
}

/** A behaviour that must not happen did happen. */
export class Broken extends Error {
  override readonly name = "Broken";
}

/**
 * Runs what decodes bytes.
 * @returns what it made of them, or undefined for one of the faults that it may throw
 * @throws Broken for anything else
 */
export function taken<T extends object>(decode: () => T, ...faults: FaultCode[]): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof FaultError && faults.includes(error.code)) return undefined;
    throw new Broken(`not one of ${faults.join(", ")}`, { cause: error });
  }
}

export function checkCode(code: string): void {
  if (!isFaultCode(code)) throw new Broken(`no code of the table: ${code}`);
}

/** A target of one input a case, which leaves nothing. */
export function decoder(name: string, weight: number, check: (random: Random) => void): TargetKind {
  return {
    name,
    weight,
    start: () => ({
      play: (random) => {
        check(random);
        return 1;
      },
      end: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  };
}
