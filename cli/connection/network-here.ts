import { useNetwork } from "./relay-socket.ts";

/**
 * Gives this thread the network of its runtime. Bun has no use for Node's network, and loads none of it. A binary holds none of
 * it either, because its build knows the answer to this question.
 */
export async function networkHere(): Promise<void> {
  if (process.versions.bun === undefined) {
    useNetwork((await import("./node-network.ts")).nodeNetwork);
  }
}
