/** Opens what a sender was asked to send. */
import { senderName, type SafeName } from "../../protocol/content/names.ts";
import type { SendWhat } from "../job/jobs.ts";
import { listPaths, type ListOptions } from "./file-list.ts";
import { FilesContent, type ContentOptions } from "./files-content.ts";
import { KnownSource } from "./known-source.ts";
import type { Source } from "./source.ts";
import { StreamSource } from "./stream-source.ts";
import { TextContent } from "./text-content.ts";

/** The treatment of files that change while they are sent. */
export type SourceOptions = ContentOptions & Pick<ListOptions, "isAgain">;

/**
 * @param signal ends the search for files
 * @throws FaultError "no-such-file", "not-a-file", "unreadable-file", "endless-file", "share-too-big",
 *   "interrupted", or "unsendable-name" for a name that receivers would refuse
 */
export async function openSource(
  what: SendWhat,
  signal: AbortSignal,
  { isAgain, ...options }: SourceOptions = {},
): Promise<Source> {
  switch (what.from) {
    case "paths": {
      const list = await listPaths({ ...what, isAgain }, signal);
      return new KnownSource(new FilesContent(list, options), list.skipped);
    }
    case "text":
      return new KnownSource(new TextContent(what.text, nameOf(what.name, "text.txt")), []);
    case "stdin":
      return new StreamSource(nameOf(what.name, "stdin"));
  }
}

/** The name of a source that has none of its own. */
function nameOf(given: string | undefined, otherwise: string): SafeName {
  return senderName(given ?? otherwise);
}
