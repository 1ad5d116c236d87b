import { isHiddenName } from "../../protocol/names.ts";
import type { Answer } from "../jobs.ts";
import { askChoice } from "../prompts.ts";
import type { OfferEvent, Setting } from "./screen.ts";

/** The question about an offer, whose files are on the screen already. */
export function askAboutOffer({
  overwrite,
}: Setting): (offer: OfferEvent, signal: AbortSignal) => Promise<Answer> {
  return async (offer, signal) => {
    if (offer.exists && !overwrite) {
      const question = "(k)eep both, (r)eplace the file that is here, or (c)ancel? [k] ";
      const answer = await askChoice(question, ["k", "r", "c"], signal);
      if (answer === "c") return { accept: false };
      return { accept: true, onExists: answer === "r" ? "overwrite" : "number" };
    }
    const hidden = offer.names.some(isHiddenName);
    const replaces = offer.exists ? ", replacing the file that is here" : "";
    // What systems act upon by themselves needs more than Enter.
    const answer = hidden
      ? await askChoice(`Take it${replaces}? (y/N) `, ["n", "y"], signal)
      : await askChoice(`Take it${replaces}? (Y/n) `, ["y", "n"], signal);
    return { accept: answer === "y" };
  };
}
