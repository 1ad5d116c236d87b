/** A relay whose workers obey orders, in a process of its own, of which one is blocked for ever. */
import { startRelay } from "../../../relay/mod.ts";
import { ORDERS, type Order } from "./unruly-worker.ts";

const relay = await startRelay({
  workers: 2,
  onTrouble: (trouble) => console.error(trouble),
  supervision: { script: new URL("./unruly-worker.ts", import.meta.url).href, pingMs: 300 },
});
const orders = new BroadcastChannel(ORDERS);
orders.postMessage({ worker: 1, does: "block" } satisfies Order);
const fault = await relay.ended;
console.error(fault?.message);
process.exit(fault?.fault.exitCode ?? 0);
