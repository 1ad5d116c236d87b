import { printAtTerminal } from "./own-terminal.ts";
import { askChoice } from "./prompts.ts";
import { offerLines } from "./offer-lines.ts";
import type { Ask, Setting } from "./screen.ts";
import { makeStyle } from "./style.ts";

/** The same where nothing of the offer is at the terminal yet: the output leads elsewhere. */
export function askWithOffer(setting: Setting): Ask {
  const ask = askAboutOffer(setting);
  return (offer, signal) => {
    for (const line of offerLines(offer, makeStyle(false))) printAtTerminal(line);
    return ask(offer, signal);
  };
}

/** The question about an offer, whose files are on the screen already. */
export function askAboutOffer({ onExists }: Setting): Ask {
  return async (offer, signal) => {
    // Executables and files that systems act upon need more than Enter.
    const dangerous = (offer.flagged ?? []).length > 0;
    if (offer.exists && onExists === undefined) {
      const one = offer.files === 1;
      const question = one
        ? "(k)eep both, (r)eplace the file that is here, or (c)ancel?"
        : "(k)eep both, (r)eplace what is here, (s)kip what is here, or (c)ancel?";
      const choices = dangerous ? (["c", "k", "r", "s"] as const) : (["k", "r", "s", "c"] as const);
      const answer = await askChoice(`${question} [${choices[0]}] `, choices, signal);
      if (answer === "c") return { accept: false };
      const policies = { k: "number", r: "overwrite", s: "skip" } as const;
      return { accept: true, onExists: policies[answer] };
    }
    const replaces =
      offer.exists && onExists === "overwrite"
        ? `, replacing ${offer.files === 1 ? "the file that is here" : "what is here"}`
        : "";
    const answer = dangerous
      ? await askChoice(`Take it${replaces}? (y/N) `, ["n", "y"], signal)
      : await askChoice(`Take it${replaces}? (Y/n) `, ["y", "n"], signal);
    return { accept: answer === "y" };
  };
}
