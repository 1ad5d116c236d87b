/** The ways of saving, as a receive uses them. */
import { relayAddress } from "../browser/page-addresses.ts";
import type { Offer } from "../job/receive-messages.ts";
import type { Choice, Saver } from "../save/saver.ts";
import { openSaver, savingChoices } from "../save/saving.ts";

export interface Saving {
  /** The ways that this browser has, the best first. */
  choices(offer: Offer): Promise<readonly Choice[]>;
  /** @throws DOMException "AbortError" when the picker is closed */
  open(choice: Choice, offer: Offer, wish: { readonly code: string }): Promise<Saver>;
}

export const saving: Saving = {
  choices: savingChoices,
  open: (choice, offer, { code }) => openSaver(choice, offer, { code, relay: relayAddress() }),
};
