/**
 * One receive as the screen shows it: a pure reducer over the worker's events and the steps of
 * saving. `receive-run.ts` owns the worker and the saver, and feeds it.
 *
 *   deriving -> connecting -> waiting -> offer -> placing -> transferring -> saving -> done
 *                    any step -> failed | stopped        (in the lobby: done -> waiting)
 */
import type { FaultCode } from "../../protocol/wire/faults.ts";
import type { Offer, ReceiveEvent } from "../job/receive-messages.ts";
import type { Choice } from "../save/saver.ts";
import { faultText } from "./fault-text.ts";
import { reached, type Samples } from "./rate.ts";

export type ReceiveStep =
  /** The code is stretched into keys. */
  | { readonly at: "deriving" }
  | { readonly at: "connecting" }
  /** No share of this code is offered. `edition`: the files changed, and come anew. */
  | { readonly at: "waiting"; readonly edition: boolean }
  /** The sender decides whether this receiver gets the share. */
  | { readonly at: "unadmitted" }
  /**
   * `notice`: a picker was closed, or could not do it. `settling`: it has just taken the place of another
   * offer, so a click may be meant for that one.
   */
  | {
      readonly at: "offer";
      readonly offer: Offer;
      readonly notice?: string | undefined;
      readonly settling?: true;
    }
  /** A picker of the browser is open. */
  | { readonly at: "placing"; readonly offer: Offer }
  | {
      readonly at: "transferring";
      readonly offer: Offer;
      /** Undefined: a text. */
      readonly choice: Choice | undefined;
      readonly bytes: number;
      readonly size: number;
      /** ms */
      readonly began: number;
      readonly samples: Samples;
    }
  | {
      readonly at: "saving";
      readonly offer: Offer;
      readonly choice: Choice | undefined;
      readonly ms: number;
    }
  | ({ readonly at: "done" } & Finished)
  | {
      readonly at: "failed";
      readonly fault: FaultCode | undefined;
      readonly message: string;
    }
  | { readonly at: "stopped" };

/** A share that arrived whole, or as whole as its sender had it. */
export interface Finished {
  readonly offer: Offer;
  /** The names of saved files; a text has none. */
  readonly names: readonly string[];
  readonly text: string | undefined;
  readonly way: Choice | undefined;
  readonly ms: number;
  /** Files that changed at the sender and did not arrive whole. */
  readonly unsound: readonly number[];
  /** The sender has the receipt. */
  readonly confirmed: boolean;
}

export interface LinkState {
  readonly online: boolean;
  readonly message?: string | undefined;
}

export interface ReceiveState {
  readonly lobby: boolean;
  readonly step: ReceiveStep;
  readonly link: LinkState;
  /** Undefined until the relay says it. */
  readonly senderHere: boolean | undefined;
  /** A sentence about a share that cannot be read or, in the lobby, that failed. */
  readonly problem: string | undefined;
  /** The share of a receive that goes on is not offered, and others of its code are. */
  readonly isElsewhere: boolean;
  /** The relay wants a token. */
  readonly wantsToken: boolean;
  /** Parts of the share that is under way, until it is over. */
  readonly text: string | undefined;
  readonly names: readonly string[];
  readonly unsound: readonly number[];
  /** An offer was on the screen before. */
  readonly hadOffer: boolean;
  /** Of the lobby: shares of before, the last first. */
  readonly before: readonly Finished[];
}

/** Shares of the lobby that stay on the screen. */
const BEFORE_MOST = 20;

export type ReceiveAction =
  | { readonly t: "event"; readonly event: ReceiveEvent; readonly now: number }
  /** The person chose a way; a picker may open. */
  | { readonly t: "placing" }
  | { readonly t: "not-placed"; readonly notice: string | undefined }
  /** An offer is on the screen long enough to be seen. */
  | { readonly t: "settled"; readonly share: string }
  | {
      readonly t: "accepted";
      readonly choice: Choice | undefined;
      readonly position: number;
      readonly now: number;
    }
  | { readonly t: "saved"; readonly names: readonly string[] }
  | { readonly t: "stopped" };

export function beginReceive(lobby: boolean): ReceiveState {
  return {
    lobby,
    step: lobby ? { at: "connecting" } : { at: "deriving" },
    link: { online: false },
    senderHere: undefined,
    problem: undefined,
    isElsewhere: false,
    wantsToken: false,
    text: undefined,
    names: [],
    unsound: [],
    hadOffer: false,
    before: [],
  };
}

export function receiveStep(state: ReceiveState, action: ReceiveAction): ReceiveState {
  const { step } = state;
  // An end is the last state; the worker may still have had words under way.
  if (step.at === "failed" || step.at === "stopped") return state;
  switch (action.t) {
    case "event":
      return onEvent(state, action.event, action.now);
    case "placing":
      return step.at === "offer" ? { ...state, step: { at: "placing", offer: step.offer } } : state;
    case "not-placed":
      if (step.at !== "placing") return state;
      return { ...state, step: { at: "offer", offer: step.offer, notice: action.notice } };
    case "settled": {
      if (step.at !== "offer" || step.offer.share !== action.share) return state;
      const { settling: _, ...settled } = step;
      return { ...state, step: settled };
    }
    case "accepted": {
      if (step.at !== "placing" && step.at !== "offer") return state;
      const { offer } = step;
      const { choice, position: bytes, now } = action;
      return {
        ...state,
        text: undefined,
        names: [],
        unsound: [],
        step: {
          at: "transferring",
          offer,
          choice,
          bytes,
          size: offer.open ? 0 : offer.bytes,
          began: now,
          samples: [],
        },
      };
    }
    case "saved":
      return { ...state, names: action.names };
    case "stopped":
      return { ...state, step: { at: "stopped" } };
  }
}

function onEvent(state: ReceiveState, event: ReceiveEvent, now: number): ReceiveState {
  const { step } = state;
  switch (event.t) {
    case "ready":
      return step.at === "deriving" ? { ...state, step: { at: "connecting" } } : state;
    case "link":
      return onLink(state, event);
    case "waiting":
      if (isUnderWay(step)) return state;
      return { ...state, step: { at: "waiting", edition: false } };
    case "sender":
      return { ...state, senderHere: event.here };
    case "unadmitted":
      return { ...state, step: { at: "unadmitted" } };
    case "offer":
      return {
        ...state,
        problem: undefined,
        hadOffer: true,
        isElsewhere: false,
        step: { at: "offer", offer: event.offer, ...(state.hadOffer && { settling: true }) },
      };
    case "piece":
      return state;
    case "text":
      return { ...state, text: event.text };
    case "progress":
      if (step.at !== "transferring") return state;
      return {
        ...state,
        step: {
          ...step,
          bytes: event.bytes,
          size: event.size,
          samples: reached(step.samples, event.bytes, now),
        },
      };
    case "save": {
      if (step.at !== "transferring") return state;
      const { offer, choice, began } = step;
      return {
        ...state,
        unsound: event.unsound,
        // The time ends here: giving names is no part of the transfer.
        step: { at: "saving", offer, choice, ms: now - began },
      };
    }
    case "elsewhere":
      return { ...state, isElsewhere: true };
    case "edition":
      return { ...state, step: { at: "waiting", edition: true } };
    case "unreadable":
      return { ...state, problem: event.message };
    case "over":
      return onOver(state, event, now);
    case "end":
      return onEnd(state, event);
  }
}

function onLink(
  state: ReceiveState,
  { online, fault, message }: Extract<ReceiveEvent, { t: "link" }>,
): ReceiveState {
  const text = fault === undefined ? message : faultText(fault, message);
  return {
    ...state,
    link: { online, message: online ? undefined : text },
    wantsToken: fault === "not-allowed" || (state.wantsToken && !online),
  };
}

function onOver(
  state: ReceiveState,
  { fault, message, confirmed }: Extract<ReceiveEvent, { t: "over" }>,
  now: number,
): ReceiveState {
  const { step } = state;
  // A share is whole in spite of this fault, except for files that are named.
  if (fault !== undefined && fault !== "not-whole") {
    if (state.lobby) {
      // The lobby has more shares; the person reads what became of this one.
      const problem = fault === "declined" ? undefined : faultText(fault, message);
      return { ...state, problem, step: { at: "waiting", edition: false } };
    }
    return { ...state, step: { at: "failed", fault, message: faultText(fault, message) } };
  }
  if (step.at !== "transferring" && step.at !== "saving") return state;
  const finished: Finished = {
    offer: step.offer,
    names: state.names,
    text: state.text,
    way: step.choice,
    ms: step.at === "transferring" ? now - step.began : step.ms,
    unsound: state.unsound,
    confirmed,
  };
  if (!state.lobby) return { ...state, step: { at: "done", ...finished } };
  const before = [finished, ...state.before].slice(0, BEFORE_MOST);
  return { ...state, before, step: { at: "waiting", edition: false } };
}

function onEnd(
  state: ReceiveState,
  { fault, message }: Extract<ReceiveEvent, { t: "end" }>,
): ReceiveState {
  if (state.step.at === "done") return state;
  if (fault === undefined) return { ...state, step: { at: "stopped" } };
  return {
    ...state,
    wantsToken: state.wantsToken || fault === "not-allowed",
    step: { at: "failed", fault, message: faultText(fault, message) },
  };
}

/** Whether content is on its way. */
export function isUnderWay(step: ReceiveStep): boolean {
  return step.at === "transferring" || step.at === "saving";
}

/** Whether leaving the page would lose something. */
export function isBusy({ step }: ReceiveState): boolean {
  return isUnderWay(step) || step.at === "placing";
}
