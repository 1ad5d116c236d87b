/** The ways of saving, as a receive uses them. */
import { relayAddress } from "../browser/page-addresses.ts";
import type { Offer } from "../job/receive-messages.ts";
import type { Choice, Saver } from "../save/saver.ts";

export interface Saving {
  /** The ways that this browser has, the best first. */
  choices(offer: Offer): Promise<readonly Choice[]>;
  /** @throws DOMException "AbortError" when the picker is closed */
  open(choice: Choice, offer: Offer, wish: { readonly code: string }): Promise<Saver>;
}

/** Most of the page's script is for saving, and its first screen needs none of it. */
export const saving: Saving = {
  async choices(offer) {
    const { savingChoices } = await import("../save/saving.ts");
    return savingChoices(offer);
  },
  /** `choices` has loaded the module, so the click is still young enough for a picker. */
  async open(choice, offer, { code }) {
    const { openSaver } = await import("../save/saving.ts");
    return openSaver(choice, offer, { code, relay: relayAddress() });
  },
};
