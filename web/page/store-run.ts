/** One question to the relay about its store, by a worker of its own. */
import type { StoreEvent, StoreJob } from "../job/store-messages.ts";
import { pageMessage } from "../client/fault-texts.ts";
import { relayAddress } from "../browser/page-addresses.ts";
import { PageWorker } from "./page-worker.ts";

export type StoreAnswer = StoreEvent;

/** The answer; never rejects. */
export function askStore(
  question: Pick<StoreJob, "token" | "revoke"> & { readonly relay?: string },
): Promise<StoreAnswer> {
  const { promise, resolve } = Promise.withResolvers<StoreAnswer>();
  const worker = new PageWorker<StoreJob, StoreEvent>("fileshare store", {
    onEvent: resolve,
    onBroken: (why) => {
      resolve({ t: "failed", fault: "internal", message: why ?? pageMessage("internal") });
    },
  });
  worker.post({ t: "store", relay: relayAddress(), ...question });
  return promise.finally(() => worker.end());
}
