/** Saves shares for ever, and says the number of each once it is saved. Is killed by its test. */
import { SqliteLedger, prepareFolder } from "../../../relay/store/sqlite-ledger.ts";
import { hexOf, storedShare } from "./stored-shares.ts";

const [folder = "", first = "0"] = process.argv.slice(2);
const ledger = new SqliteLedger(folder, prepareFolder(folder));
await ledger.load();
for (let number = Number(first); ; number++) {
  // The same few places, again and again, and one that goes.
  const place = hexOf(number % 7);
  const share = storedShare(number % 7, { place, seenAt: number, downloads: number });
  const removed = number % 5 === 0 ? [hexOf((number + 3) % 7)] : [];
  await ledger.save({ shares: [share], removed, tombstones: [], forgotten: [] });
  process.stdout.write(`${number}\n`);
}
