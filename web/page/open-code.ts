/** A code that came by a link: the page receives with it at once, unless it is none. */
import { LOBBY_CODE } from "../../protocol/code/code.ts";
import { CODE_MAX_CHARACTERS } from "../../protocol/wire/limits.ts";
import { relayAddress } from "../browser/page-addresses.ts";
import { pageAddress } from "./addresses.ts";
import {
  codeMeanwhile,
  codeProblem,
  codeText,
  goHome,
  isOccupied,
  receive,
  screen,
} from "./app-state.ts";
import { entryOf } from "./code-entry.ts";
import { takeCode } from "./location-code.ts";

/** A code that names another relay is none for this page. */
export function ownAddresses(): readonly string[] {
  return [pageAddress(), relayAddress()];
}

export function openCode(text: string): void {
  const entry = entryOf(text, ownAddresses());
  switch (entry.is) {
    case "code":
      return receive({ code: entry.code, lobby: false });
    case "lobby":
      return receive({ code: LOBBY_CODE, lobby: true });
    case "problem":
      // The field shows the text, so that the person can mend it.
      goHome();
      codeText.value = text.slice(0, CODE_MAX_CHARACTERS);
      codeProblem.value = entry.sentence;
  }
}

/** Reads the code of the page's link, now and whenever another one is opened in this tab. */
export function watchLocation(): void {
  const look = (): void => {
    const text = takeCode(location, history);
    if (text === undefined) return;
    if (isOccupied(screen.peek())) codeMeanwhile.value = text;
    else openCode(text);
  };
  look();
  addEventListener("hashchange", look);
}
