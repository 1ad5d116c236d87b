import { NAME_BYTES, senderName, utf8, type SafeName } from "../../protocol/mod.ts";

/** Under which a file travels whose name can't be made safe. */
const NAMELESS = "file";

/**
 * The name of a share for what a client without a notion of safe names calls its file: its last part,
 * with all that receivers would refuse replaced.
 */
export function clearName(given: string): SafeName {
  const last = given.slice(Math.max(given.lastIndexOf("/"), given.lastIndexOf("\\")) + 1);
  const plain = last
    .toWellFormed()
    .normalize("NFC")
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}<>:"|?*]/gu, "_")
    .replace(/[. ]+$/, "_");
  for (const name of plain === "" ? [NAMELESS] : [shorten(plain), `_${shorten(plain)}`, NAMELESS]) {
    try {
      return senderName(name);
    } catch {
      // The next one is tamer; the last is safe.
    }
  }
  throw new Error("no name is safe");
}

/** At most so many bytes as a name may have, one less for what is put before it. */
function shorten(name: string): string {
  let short = "";
  let bytes = 0;
  for (const character of name) {
    bytes += utf8(character).length;
    if (bytes > NAME_BYTES - 1) break;
    short += character;
  }
  return short;
}
