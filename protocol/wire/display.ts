/** Text of a peer, made safe to show, and text cut to a length. */

// Variation selectors are left alone: they are part of ordinary emoji and change no place.
const ESCAPED =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?![\u{FE00}-\u{FE0F}])\p{Default_Ignorable_Code_Point}/gu;
const QUOTED_CHARACTERS = 80;

/**
 * Text of a peer made safe to show: controls, direction marks, invisible characters and lone
 * surrogates come as \u{..}, so that nothing moves a cursor or hides.
 */
export function escapeForDisplay(text: string): string {
  return text.replaceAll(ESCAPED, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** A name as a fault quotes it: escaped, and its first characters alone. */
export function quoted(path: string): string {
  const start = Array.from(path.slice(0, 2 * QUOTED_CHARACTERS)).slice(0, QUOTED_CHARACTERS);
  const more = start.join("").length < path.length ? "…" : "";
  return `"${escapeForDisplay(start.join(""))}${more}"`;
}

/** The longest beginning of `text` in whole characters with at most `maxBytes` bytes of UTF-8. */
export function cutUtf8(text: string, maxBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(Math.max(0, maxBytes)));
  return text.slice(0, read);
}
