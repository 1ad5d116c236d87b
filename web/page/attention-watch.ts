/**
 * The wishes of a transfer to the browser around the page: a screen that stays on, a question before the
 * tab closes, a title and an icon that show how far it is. It follows the screen that is shown.
 */
import { effect } from "@preact/signals";

import { showAttention } from "../browser/attention.ts";
import { guardLeaving } from "../browser/leave-guard.ts";
import { keepAwake } from "../browser/wake-lock.ts";
import { screen, type Screen } from "./app-state.ts";
import { isBusy } from "./receive-state.ts";

interface Attention {
  /** Leaving the page would end something. */
  readonly isRunning: boolean;
  /** From 0 to 1; undefined: not known, or nothing moves. */
  readonly part: number | undefined;
  readonly words: string;
}

const NONE: Attention = { isRunning: false, part: undefined, words: "" };

/** Call it once. */
export function watchAttention(): void {
  let release: (() => void) | undefined;
  effect(() => {
    const { isRunning, part, words } = attentionOf(screen.value);
    showAttention(part, words);
    if (!isRunning) {
      release?.();
      release = undefined;
    } else if (release === undefined) {
      const ends = [guardLeaving(), keepAwake()];
      release = () => {
        for (const end of ends) end();
      };
    }
  });
}

function attentionOf(now: Screen): Attention {
  if (now.at === "receive") {
    const state = now.run.state.value;
    const { step } = state;
    if (step.at === "offer") return { ...NONE, words: "Offer" };
    if (step.at === "done") return { ...NONE, words: "Received" };
    if (step.at !== "transferring") return { ...NONE, isRunning: isBusy(state) };
    const part = step.size === 0 ? undefined : step.bytes / step.size;
    return { isRunning: true, part, words: "Receiving" };
  }
  if (now.at === "send") {
    const { step, bytes, size } = now.run.state.value;
    const { rows } = now.run.rows.value;
    if (rows.asking.length > 0) return { isRunning: true, part: undefined, words: "Asked" };
    if (step.at === "ended") return { ...NONE, words: step.byPerson ? "" : "Sent" };
    const isMoving = bytes > 0 && bytes < size;
    return { isRunning: true, part: isMoving ? bytes / size : undefined, words: "Sending" };
  }
  return NONE;
}
