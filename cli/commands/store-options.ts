/** The options of a share that is to be stored: its life and its downloads. `run-send.ts` calls this before anything starts. */
import type { StoreWish } from "../../protocol/wire/control.ts";
import { STORE_DOWNLOADS_MOST, STORE_LIFE_MOST_S } from "../../protocol/wire/limits.ts";
import { usage } from "../arguments/command-line.ts";
import { parseUntil, parseWhole } from "../arguments/values.ts";
import type { Call } from "./command.ts";
import { NEED_SENDER, type SendValues } from "./transfer-commands.ts";

/** The life of a stored share for which none was given. */
const DEFAULT_LIFE = "7d";

type StoreValues = Pick<
  SendValues,
  "store" | "expires" | "downloads" | (typeof NEED_SENDER)[number]
>;

/** @throws FaultError "usage" */
export function storeOptions(values: StoreValues, { routeOf }: Call): StoreWish | undefined {
  const { store, expires, downloads } = values;
  for (const option of ["expires", "downloads"] as const) {
    if (!store && routeOf(option) === "option") throw usage(`--${option} needs --store`);
  }
  if (!store) return undefined;
  const rival = NEED_SENDER.find((option) => values[option]);
  if (rival !== undefined) throw usage(`give either --store or --${rival}`);
  const now = Date.now();
  const ms = parseUntil("--expires", expires ?? DEFAULT_LIFE, now) - now;
  const most = STORE_DOWNLOADS_MOST;
  return {
    life: Math.min(Math.ceil(ms / 1000), STORE_LIFE_MOST_S),
    downloads: downloads === undefined ? undefined : parseWhole("--downloads", downloads, 1, most),
  };
}
