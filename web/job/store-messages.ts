/**
 * The words between the page and its worker about the relay's store: whether this page may use it, and what became of a share that
 * it stored. One question, one answer, and the worker is over.
 */
import type { FaultCode } from "../../protocol/wire/faults.ts";

/** The terms on which the relay lets this page store. */
export interface StoreOffer {
  /** Longest life of a share. s */
  readonly life: number;
  /** Most bytes of one share. */
  readonly bytes: number;
}

export interface StoreJob {
  readonly t: "store";
  /** Such as `wss://relay.example/ws`. */
  readonly relay: string;
  readonly token?: string | undefined;
  /** Delete this share; undefined: say what may be stored. Both in hex. */
  readonly revoke?: { readonly share: string; readonly proof: string } | undefined;
}

export type StoreEvent =
  | { readonly t: "may-store"; readonly store: StoreOffer | undefined }
  /** `known`: it was still stored. */
  | { readonly t: "revoked"; readonly known: boolean }
  | { readonly t: "failed"; readonly fault: FaultCode; readonly message: string };
