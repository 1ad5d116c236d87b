import { EXIT } from "../../protocol/wire/faults.ts";
import { usage } from "../arguments/command-line.ts";
import { askFor, findManager, type ManagerValues } from "../operator/admin-client.ts";
import { shown } from "../screen/format.ts";
import { parseUntil, parseWhole } from "../arguments/values.ts";

const MS = 1000;

export interface KillValues extends ManagerValues {
  readonly number: readonly string[];
}

export async function runKill(values: KillValues): Promise<number> {
  const numbers = some(values.number, "the number of a share").map((number) =>
    parseWhole("kill", number, 1, Number.MAX_SAFE_INTEGER),
  );
  const manager = findManager(values, process.env);
  for (const share of numbers) {
    await askFor(manager, "remove", { share });
    print(`Share ${share} is over`);
  }
  return EXIT.done;
}

export interface BanValues extends ManagerValues {
  readonly address: readonly string[];
  readonly for: string | undefined;
}

export async function runBan(values: BanValues): Promise<number> {
  const addresses = some(values.address, "an address");
  const now = Date.now();
  const until = values.for === undefined ? undefined : parseUntil("--for", values.for, now);
  const seconds = until === undefined ? undefined : Math.ceil((until - now) / MS);
  const manager = findManager(values, process.env);
  for (const address of addresses) {
    await askFor(manager, "ban", { address, seconds });
    print(`${address} may not come any more`);
  }
  return EXIT.done;
}

export async function runUnban(values: Omit<BanValues, "for">): Promise<number> {
  const addresses = some(values.address, "an address");
  const manager = findManager(values, process.env);
  for (const address of addresses) {
    await askFor(manager, "unban", { address });
    print(`${address} may come again`);
  }
  return EXIT.done;
}

function some(words: readonly string[], what: string): readonly string[] {
  if (words.length === 0) throw usage(`${what} is needed`);
  return words;
}

function print(sentence: string): void {
  process.stdout.write(`${shown(sentence)}\n`);
}
