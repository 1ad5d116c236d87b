/** The ways of saving, as a receive uses them. */
import type { Offer } from "../job/receive-messages.ts";
import type { Choice, Saver } from "../save/saver.ts";

export interface Saving {
  /** The ways that this browser has, the best first. */
  choices(offer: Offer): Promise<readonly Choice[]>;
  /** @throws DOMException "AbortError" when the picker is closed */
  open(choice: Choice, offer: Offer, wish: { readonly code: string }): Promise<Saver>;
}

export const saving: Saving = {
  choices: () => Promise.resolve([]),
  open: () => Promise.reject(new Error("The browser has no way to save this.")),
};
