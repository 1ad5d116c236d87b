import { EXIT } from "../../protocol/wire/faults.ts";
import { usage } from "../arguments/command-line.ts";
import { count, shown } from "../screen/format.ts";
import { chosen, forget, unfinished } from "./unfinished.ts";

export interface ForgetValues {
  readonly number: string | undefined;
  readonly all: boolean;
}

/** A receiver's part of a file stays in its folder, as `.partial`. */
export function runForget({ number, all }: ForgetValues): number {
  if (all === (number !== undefined)) throw usage("give a number of fileshare list, or --all");
  const items = number === undefined ? unfinished() : [chosen(number)];
  const left = items.filter((item) => !forget(item));
  for (const { kept } of left) {
    process.stderr.write(`${shown(kept.name)} is being sent, and is not forgotten\n`);
  }
  process.stdout.write(`Forgot ${count(items.length - left.length, "share", "shares")}\n`);
  return left.length === 0 ? EXIT.done : EXIT.failed;
}
