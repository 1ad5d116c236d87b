/** The sender of a stored share deletes it, as its user would: again and again while its relay gives no answer. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { EXIT } from "../../../protocol/wire/faults.ts";
import type { Surroundings } from "../clients.ts";
import { RUNS } from "../limits.ts";

const MAIN = join(import.meta.dir, "../../../cli/main.ts");
/** ms between two runs */
const AGAIN_MS = 1000;
/** Faults of a relay that can't answer just now. */
const BUSY: ReadonlySet<string> = new Set(["going-away", "hello-timeout", "relay-unreachable"]);

export const REVOKER = "revoker";

/** @param state folder of the sender's state */
export async function revoke(code: string, state: string, world: Surroundings): Promise<void> {
  const { children, history, signal } = world;
  for (let run = 0; run < RUNS; run++) {
    let error = "";
    const child = children.start({
      who: REVOKER,
      command: [process.execPath, MAIN, "revoke", code, "--json"],
      env: { XDG_STATE_HOME: state },
      seen: (line) => {
        history.add({ what: "said", who: REVOKER, line });
        const said = line as { readonly event: string; readonly code?: string };
        if (said.event === "error") error = said.code ?? "";
      },
    });
    if ((await child.ended) === EXIT.done || !BUSY.has(error)) return;
    await sleep(AGAIN_MS, undefined, { signal });
  }
}
