/**
 * One send as the screen shows it: a pure reducer over the worker's events. `send-run.ts` owns the
 * worker and the rows of receivers, and feeds it.
 *
 *   preparing -> offering -> offered -> ended
 *         any step -> ended
 */
import type { FaultCode } from "../../protocol/wire/faults.ts";
import type { SendEvent } from "../job/send-messages.ts";
import { faultText } from "./fault-text.ts";
import { reached, type Samples } from "./rate.ts";
import type { LinkState } from "./receive-state.ts";

/** The share as the worker made it. */
interface SentShare {
  readonly code: string;
  readonly share: string;
  readonly records: number;
  readonly bytes: number;
  readonly files: number;
  /** It is to be stored at the relay. */
  readonly toStore: boolean;
}

/** A share that needs its sender no more. */
export interface StoredShare {
  /** ms since 1970 */
  readonly until: number;
  /** Receivers that may still get it; undefined: any number. */
  readonly downloads: number | undefined;
  /** The browser remembers it, and can delete it. */
  readonly isKept: boolean;
}

export type SendStep =
  /** The worker reads the list of files, and stretches the code. */
  | { readonly at: "preparing" }
  /** The relay does not have the share yet. */
  | { readonly at: "offering"; readonly share: SentShare }
  | { readonly at: "offered"; readonly share: SentShare }
  | {
      readonly at: "ended";
      readonly share: SentShare | undefined;
      readonly verified: number;
      readonly failed: number;
      /** Undefined: as it should be. */
      readonly problem: string | undefined;
      readonly byPerson: boolean;
    };

export interface Gate {
  readonly agreed: number;
  readonly wanted: number;
  readonly open: boolean;
}

export interface SendState {
  readonly step: SendStep;
  readonly link: LinkState;
  readonly wantsToken: boolean;
  readonly gate: Gate | undefined;
  /** Of the upload. */
  readonly bytes: number;
  readonly size: number;
  readonly samples: Samples;
  /** Bytes that the relay keeps for good. */
  readonly storedBytes: number;
  readonly stored: StoredShare | undefined;
}

export type SendAction =
  | { readonly t: "event"; readonly event: SendEvent; readonly now: number }
  | { readonly t: "stopped"; readonly verified: number };

/** @param gate the start gate, of which the relay tells with the first receiver */
export function beginSend(gate?: Gate): SendState {
  return {
    step: { at: "preparing" },
    link: { online: false },
    wantsToken: false,
    gate,
    bytes: 0,
    size: 0,
    samples: [],
    storedBytes: 0,
    stored: undefined,
  };
}

export function sendStep(state: SendState, action: SendAction): SendState {
  const { step } = state;
  if (step.at === "ended") return state;
  if (action.t === "stopped") {
    const share = step.at === "preparing" ? undefined : step.share;
    const { verified } = action;
    return {
      ...state,
      step: { at: "ended", share, verified, failed: 0, problem: undefined, byPerson: true },
    };
  }
  const { event, now } = action;
  switch (event.t) {
    case "code": {
      const { t: _, ...share } = event;
      return { ...state, size: share.bytes, step: { at: "offering", share } };
    }
    case "link": {
      const { online, fault, message } = event;
      const text = fault === undefined ? message : faultText(fault, message);
      return {
        ...state,
        link: { online, message: online ? undefined : text },
        wantsToken: fault === "not-allowed" || (state.wantsToken && !online),
      };
    }
    case "offered":
      return step.at === "offering" ? { ...state, step: { ...step, at: "offered" } } : state;
    case "gate":
      return { ...state, gate: { agreed: event.agreed, wanted: event.wanted, open: event.open } };
    case "progress":
      return {
        ...state,
        bytes: event.bytes,
        size: event.size,
        samples: reached(state.samples, event.bytes, now),
      };
    case "storing":
      return { ...state, storedBytes: event.bytes };
    case "stored": {
      const { until, downloads, isKept } = event;
      return { ...state, stored: { until, downloads, isKept } };
    }
    case "receiver":
    case "asks":
    case "dismissed":
      return state; // rows of `ReceiverRows`
    case "end":
      return onEnd(state, event.verified, event.failed, event.fault, event.message);
  }
}

function onEnd(
  state: SendState,
  verified: number,
  failed: number,
  fault: FaultCode | undefined,
  message: string | undefined,
): SendState {
  const { step } = state;
  const share = step.at === "offering" || step.at === "offered" ? step.share : undefined;
  const byPerson = fault === "interrupted";
  const problem = fault === undefined || byPerson ? undefined : faultText(fault, message);
  return {
    ...state,
    wantsToken: fault === "not-allowed",
    step: { at: "ended", share, verified, failed, problem, byPerson },
  };
}
