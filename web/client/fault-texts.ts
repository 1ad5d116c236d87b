/**
 * The words of faults on the page. The tables of the protocol speak to people at a terminal; a page has
 * neither options nor files of its own, so the next step is another one here. The sentence stays, unless
 * it names a thing of the terminal.
 */
import { escapeForDisplay } from "../../protocol/wire/display.ts";
import { FaultError, FAULTS, sentenceOf, type FaultCode } from "../../protocol/wire/faults.ts";

interface PageText {
  readonly sentence?: string;
  readonly advice: string;
}

const ASK_AGAIN = "Ask the sender to send it again.";
const RELOAD = "Reload this page, then try again.";

const PAGE_TEXTS: { readonly [Code in FaultCode]?: PageText } = {
  "bad-code": {
    sentence: "This is not a code",
    advice: "A code has seven words; the first four letters of each are enough.",
  },
  "weak-code": { advice: "Leave the code empty to get random words." },
  "version-mismatch": {
    sentence: "The relay and this page are of different versions",
    advice: RELOAD,
  },
  "bad-message": { advice: `${RELOAD} If it stays, report it.` },
  "wrong-role": { advice: `${RELOAD} If it stays, report it.` },
  "not-proved": { advice: `${RELOAD} If it stays, report it.` },
  "not-allowed": {
    advice: "Ask the person who runs the relay for a token.",
  },
  "other-channel": {
    sentence: "This relay is here for one code alone, and not for this one",
    advice: "Check the code. To send files of your own, use another relay.",
  },
  "not-your-share": { advice: "Send it again; it gets a new code." },
  "log-full": { advice: "It is tried again. The person who runs the relay can give it more room." },
  "too-large": { advice: "Send less at once, or use a relay that allows more." },
  expired: { advice: ASK_AGAIN },
  "no-store": { advice: "Send without keeping it there, or ask the relay's operator for a token." },
  "store-full": {
    advice: "Send it without keeping it there, delete stored shares, or use another relay.",
  },
  interrupted: { sentence: "Stopped", advice: "Open the link again to continue." },
  "relay-unreachable": {
    advice: "Check this device's network. The page connects again by itself.",
  },
  "not-a-relay": { advice: RELOAD },
  "wants-tls": { advice: "Open this page with https:// in front." },
  "wrong-relay": {
    sentence: "The relay expects this page at another address",
    advice:
      "Open this page at the relay's own name, or ask the person who runs the relay to give it this one by --public-url.",
  },
  "upgrade-dropped": {
    advice: "The person who runs the relay has to let the proxy pass WebSockets.",
  },
  "connection-lost": { advice: "The page connects again by itself." },
  "line-stuck": {
    advice: "It continues when the network lets data pass. Otherwise use another network.",
  },
  "sender-gone": { advice: "Open the link again when the sender is back." },
  "no-such-share": { advice: ASK_AGAIN },
  "too-late": { advice: "Ask the sender to send it again, and be here when it begins." },
  "not-admitted": { advice: "Ask the sender, if that was a mistake." },
  "too-slow": { advice: ASK_AGAIN },
  "sender-stopped": { advice: "Ask the sender to send it again." },
  "source-changed": {
    sentence: "A file changed or disappeared while it was being sent",
    advice: "The sender has to send it again when the file is complete.",
  },
  "source-unreadable": {
    advice: "The sender has to check the file, then send it again.",
  },
  "new-edition": { advice: "Open the link again to receive them." },
  "not-a-file": {
    sentence: "That is not a file that a browser can read",
    advice: "Choose files and folders.",
  },
  "unsendable-name": { advice: "Rename the file, or leave it out." },
  "unreadable-file": { advice: "Choose it again, or leave it out." },
  "no-such-file": { advice: "Choose it again." },
  "bad-manifest": {
    advice: "Nothing was saved. Reload this page, and ask the sender to try again.",
  },
  "unsafe-name": { advice: "Nothing was saved. Ask the sender to rename the file." },
  "corrupt-record": {
    sentence: "A part of the share could not be decrypted",
    advice: "It was damaged or forged on the way. Open the link again.",
  },
  declined: { sentence: "You did not take it", advice: "Nothing was saved." },
  "disk-full": { advice: "Free some space, then open the link again." },
  "write-failed": { advice: "Open the link again, and choose another place." },
  "bad-destination": {
    sentence: "The browser cannot write there",
    advice: "Open the link again, and choose another place.",
  },
  "file-exists": { advice: "Choose another name or folder." },
  "in-the-way": { advice: "Choose another folder." },
  "name-exhausted": { advice: "Choose another folder." },
  "output-closed": {
    sentence: "The browser's download was cancelled",
    advice: "Open the link again to receive it.",
  },
  "files-changed": { advice: "All others arrived whole. Send these again." },
  "not-whole": { advice: "All others are saved. Ask the sender to send these again." },
  "some-failed": { advice: "Send it again for them." },
  internal: { sentence: "This page has an internal error", advice: RELOAD },
};

/** As `faultMessage` of the protocol: `sentence: detail. advice`. A screen shows it as text. */
export function pageMessage(code: FaultCode, detail?: string): string {
  const { sentence = sentenceOf(code, detail), advice }: PageText =
    PAGE_TEXTS[code] ?? FAULTS[code];
  // A relay or a peer may have said it.
  const said = escapeForDisplay(detail ?? "");
  const about = said === "" ? "" : `: ${said.replace(/\.$/, "")}`;
  return `${sentence}${about}. ${advice}`;
}

/** An error that is no fault is `internal`. */
export function asFault(error: unknown): FaultError {
  if (error instanceof FaultError) return error;
  // The page's console is all that a person can report from.
  console.error(error);
  return new FaultError("internal", String(error), { cause: error });
}
