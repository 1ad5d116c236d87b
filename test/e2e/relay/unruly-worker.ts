/** A worker of the relay that does, on demand, what no worker should. */
import type { ToWorker } from "../../../relay/worker/thread-messages.ts";
import "../../../relay/worker/worker.ts";

export interface Order {
  readonly worker: number;
  /**
   * `loop`: computes for ever. `block`: is in a call of the system for ever. `throw`: throws where
   * nobody catches it. `exit`: ends by itself.
   */
  readonly does: "loop" | "block" | "throw" | "exit";
}

/** The channel over which a test gives orders to workers, from anywhere in the process. */
export const ORDERS = "fileshare-test-orders";

const LONG_MS = 2 ** 31;

declare const self: Worker;

function obey(does: Order["does"]): void {
  if (does === "throw") throw new Error("unruly");
  if (does === "exit") process.exit(0);
  if (does === "block") Bun.sleepSync(LONG_MS);
  for (;;);
}

if (!Bun.isMainThread) {
  let here: number | undefined;
  self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
    if (data.t === "start") here = data.worker;
  });
  new BroadcastChannel(ORDERS).addEventListener("message", (event) => {
    const { worker, does } = (event as MessageEvent<Order>).data;
    if (worker === here) obey(does);
  });
}
