/**
 * The ways of saving that this browser has for an offer, from the best to the last, with what the
 * person should know before anything starts.
 */
import prettyBytes from "pretty-bytes";

import type { Abilities } from "../browser/abilities.ts";
import type { Offer } from "../job/receive-messages.ts";
import { downloadName, isOneFile } from "./names.ts";
import type { Choice } from "./saver.ts";
import { zipLength } from "./zip-stream.ts";

const NOTES = {
  folder: "Saves into a folder that you choose. After a reload or a crash it goes on where it was.",
  file: "Saves to a file that you choose. After a reload it goes on where it was, if the browser can rename files.",
  download: "Your browser downloads it. Keep this page open: after a reload it starts anew.",
  memory:
    "This page collects it in memory, then saves it. Keep the page open: after a reload it starts anew.",
} as const;

export function choicesFor(offer: Offer, abilities: Abilities): readonly Choice[] {
  const { files, kind, open } = offer;
  // A text is shown on the page.
  if (kind === "text") return [];
  const isOne = isOneFile(files);
  const name = downloadName(files);
  const zip = !isOne;
  const choices: Choice[] = [];
  const folder: Choice = { way: "folder", zip: false, name: undefined, note: NOTES.folder };
  if (isOne && abilities.hasFilePicker) {
    choices.push({ way: "file", zip: false, name, note: NOTES.file });
  }
  // A folder saver needs the sizes of its files from the start.
  if (abilities.hasFolderPicker && !open) choices.push(folder);
  if (abilities.hasDownloads) {
    choices.push({ way: "download", zip, name, note: withZip(NOTES.download, zip) });
  }
  choices.push(memoryChoice(offer, abilities, zip, name));
  return choices;
}

function memoryChoice(offer: Offer, abilities: Abilities, zip: boolean, name: string): Choice {
  const most = sizeText(abilities.memoryMost);
  const limit = ` It holds at most about ${most}.`;
  const note = withZip(NOTES.memory, zip) + (offer.open ? limit : "");
  const size = zip ? (zipLength(offer.files) ?? Number.POSITIVE_INFINITY) : offer.bytes;
  const choice: Choice = { way: "memory", zip, name, note };
  if (offer.open || size <= abilities.memoryMost) return choice;
  const instead = abilities.isSecure
    ? "Open the link in Chrome or Edge on a computer"
    : "Open this page with https:// in front if the relay has that";
  const impossible = `This browser holds at most about ${most} in memory, and this is ${sizeText(offer.bytes)}. ${instead}, or receive it in a terminal with fileshare recv.`;
  return { ...choice, impossible };
}

function withZip(note: string, zip: boolean): string {
  return zip ? `${note} All files come in one ZIP.` : note;
}

/** `1.5 GiB`, as the page shows sizes. */
function sizeText(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}
