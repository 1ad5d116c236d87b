/**
 * Ends a share that an earlier run offered, as its files changed and it is offered anew: receivers
 * that wait for it would wait in vain.
 */
import {
  CLIENT_TICK_MS,
  FaultError,
  SenderSession,
  capabilityOf,
  decodeControl,
  signerOf,
  type Keys,
  type Offer,
  type SenderEffect,
  type SenderEvent,
} from "../../protocol/mod.ts";
import { SessionDriver } from "../../protocol/session/driver.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import type { SendJob } from "../job/jobs.ts";
import { askStore } from "./ask-store.ts";
import { SessionLink } from "../connection/session-link.ts";

/**
 * How long a sender tries to end at the relay what an earlier run offered; otherwise receivers wait
 * SENDER_GRACE_MS.
 */
const END_SHARE_MS = 5000;

/** The facts by which a sender opens the share once more. */
export interface OldShare {
  readonly offer: Offer;
  readonly proof: Uint8Array;
  readonly keys: Keys;
  /** Where it was. */
  readonly relay: string;
}

function ignoreFault(error: unknown): void {
  if (!(error instanceof FaultError)) throw error;
}

/** Settles when the relay was told, or END_SHARE_MS later: then its receivers find out by themselves. */
export async function endShare(given: SendJob, old: OldShare, signal: AbortSignal): Promise<void> {
  const { offer, proof, keys, relay } = old;
  const job = { ...given, relay, further: undefined };
  if (job.store !== undefined) {
    // The relay's records of it are of no use any more. They also go by themselves, within a day.
    const revoke = { t: "revoke", share: offer.share, proof } as const;
    await askStore(job, keys, [revoke], signal).catch(ignoreFault);
    return;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const session = new SenderSession(
    {
      signer: signerOf(keys, primitives),
      host: new URL(job.relay).hostname,
      token: job.token,
      offer,
      proof,
      capability: capabilityOf(keys, primitives, offer.share),
      goal: { receivers: 1, stay: true },
      giveUpAfterMs: END_SHARE_MS,
      random: Math.random,
    },
    performance.now(),
  );
  const hear = (bytes: Uint8Array): void => {
    try {
      const message = decodeControl(bytes, "relay-to-sender");
      handle({ type: "message", message });
      if (message.t === "accepted") handle({ type: "failed", fault: "new-edition" });
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      handle({ type: "failed", fault: error.code });
    }
  };
  const link = new SessionLink(
    { ...job, connections: 1 },
    {
      opened: () => handle({ type: "opened" }),
      message: hear,
      lost: (fault) => handle({ type: "lost", fault }),
    },
  );
  const clock = (): number => performance.now();
  const { handle } = new SessionDriver<SenderEvent, SenderEffect>(
    session,
    link,
    clock,
    (effect) => {
      if (effect.type === "finish") resolve();
    },
  );
  const until = performance.now() + END_SHARE_MS;
  const timer = setInterval(() => {
    link.watch(performance.now());
    handle({ type: "tick" });
    if (performance.now() >= until) resolve();
  }, CLIENT_TICK_MS);
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  handle({ type: "tick" });
  try {
    await promise;
  } finally {
    clearInterval(timer);
    await link.close();
  }
}
