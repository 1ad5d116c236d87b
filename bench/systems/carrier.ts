/**
 * Programs that carry one file from one person to one other: only the scenario `transfer` asks them.
 * Each is run as a person would run it, with whatever relay it needs on this machine.
 */
import type { SystemName } from "../result.ts";
import type { Found, RelayStats, System } from "./system.ts";

export interface Program {
  readonly command: readonly string[];
  /** Beside what is in our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder in which it runs; undefined: ours. */
  readonly cwd?: string;
}

/** The side that is started first, and what it says when the other can be. */
export type Order =
  | { readonly first: "receiver"; readonly says: RegExp }
  /** The receiver gets the match of the expression's first group. */
  | { readonly first: "sender"; readonly says: RegExp };

/** A carrier whose relay runs. Disposing ends that. */
export interface Carriage extends AsyncDisposable {
  /** Processes of its relay; empty where it needs none. */
  readonly pids: readonly number[];
  readonly order: Order;
  /** Whether a sender ends by itself once its file is there. */
  readonly senderEnds: boolean;
  sender(file: string): Program;
  /**
   * Saves in the folder `out`, under the name that the file had.
   * @param said what the sender said, where it is first
   */
  receiver(out: string, said: string): Program;
  /** As of a RunningSystem. */
  takeStats?(): readonly RelayStats[];
}

export interface Carrier {
  readonly name: SystemName;
  readonly find: () => Promise<Found>;
  /** @param folder an empty one, for whatever it keeps */
  open(folder: string): Promise<Carriage>;
}

/** A carrier among the systems, where it can be found but not loaded with receivers. */
export function asSystem({ name, find }: Carrier): System {
  return {
    name,
    find,
    start: () => Promise.reject(new Error(`${name} carries files to one receiver only`)),
  };
}
