/** An offer as people see it before they agree. All text of peers is escaped here. */
import { NAMES_SHOWN } from "../receive/share-reports.ts";
import type { Danger } from "../../protocol/content/dangers.ts";
import { count, moment, shown, size } from "./format.ts";
import type { OfferEvent } from "./screen.ts";
import type { Style } from "./style.ts";

const WORDS: Readonly<Record<Danger, string>> = {
  hidden: "hidden",
  autorun: "systems act upon it",
  executable: "executable",
};

/** Folders and blocks that take more than the content and this are worth a word. */
const MUCH_ROOM_BYTES = 1024 * 1024;

/**
 * Names and sizes, of very many the first. Files that deserve a second look are listed and counted
 * all the same, so that nothing hides behind others.
 */
export function offerLines(offer: OfferEvent, style: Style): string[] {
  const { names, files, bytes, exists, flagged = [], sizes = [], kind, open } = offer;
  const { folders = 0, same = 0, made = 0, disk = 0, stored } = offer;
  const entries = files + folders;
  const store = stored === undefined ? [] : [`Stored ${storedText(stored)}`];
  if (kind === "text") return [`Offered: a text, ${size(bytes)}`, ...store];
  const empty = folders === 0 ? "" : ` and ${count(folders, "empty folder", "empty folders")}`;
  const inside = made > folders ? ` in ${count(made - folders, "folder", "folders")}` : "";
  const room = disk - bytes > Math.max(MUCH_ROOM_BYTES, bytes) ? `, ${size(disk)} on the disk` : "";
  const head =
    open === true
      ? "a stream, of any length"
      : `${count(files, "file", "files")}${inside}${empty}, ${size(bytes)}${room}`;
  const flags = new Map(flagged.map((one) => [one.name, one.flags]));
  const line = (name: string, at: number): string => {
    const bold = style.bold(shown(name));
    const words = flags
      .get(name)
      ?.map((flag) => WORDS[flag])
      .join(", ");
    const long =
      sizes[at] === undefined || open === true || name.endsWith("/") ? "" : `  ${size(sizes[at])}`;
    return `  ${bold}${long}${words === undefined ? "" : style.yellow(`  (${words})`)}`;
  };
  const first = names.slice(0, NAMES_SHOWN);
  const lines = first.map(line);
  if (entries > NAMES_SHOWN) {
    const seen = new Set(first);
    const more = flagged.filter(({ name }) => !seen.has(name));
    const listed = more.slice(0, NAMES_SHOWN);
    // Their sizes are not at hand: what is listed is listed for its flags.
    lines.push(...listed.map(({ name }) => line(name, entries)));
    const left = entries - first.length - listed.length;
    const hidden = more.length - listed.length;
    const which =
      hidden === 0 ? "none of them hidden or executable" : flagsLeft(more.slice(NAMES_SHOWN));
    if (left > 0) lines.push(`  and ${count(left, "file", "files")} more, ${which}`);
  }
  if (flagged.length > 0) lines.push(style.yellow(`Look twice: ${flagsLeft(flagged)}`));
  if (same > 0) lines.push(`${count(same, "file is", "files are")} here already`);
  if (exists)
    lines.push(
      entries === 1
        ? "A file of that name is in the folder already"
        : "Some of these names are in the folder already",
    );
  return [`Offered: ${head}`, ...lines, ...store];
}

/** `until Sun 6 Dec, 14:00, for 3 downloads`. */
export function storedText({ until, downloads }: NonNullable<OfferEvent["stored"]>): string {
  const most = downloads === undefined ? "" : `, for ${count(downloads, "download", "downloads")}`;
  return `until ${moment(until)}${most}`;
}

/** `2 hidden, 1 executable`. */
function flagsLeft(flagged: NonNullable<OfferEvent["flagged"]>): string {
  return (Object.keys(WORDS) as Danger[])
    .map(
      (danger) => [flagged.filter(({ flags }) => flags.includes(danger)).length, danger] as const,
    )
    .filter(([number]) => number > 0)
    .map(
      ([number, danger]) => `${number} ${danger === "autorun" ? "acted upon by systems" : danger}`,
    )
    .join(", ");
}
