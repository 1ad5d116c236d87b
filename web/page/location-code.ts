/** The code of a link. It leaves the address bar and the history before anything else happens. */

/** The part of `Location` that is used. */
interface Place {
  readonly hash: string;
  readonly pathname: string;
  readonly search: string;
}

interface Entries {
  replaceState(state: unknown, unused: string, address: string): void;
}

/** @returns the text behind `#`, which may be a code; undefined: there is none */
export function takeCode(place: Place, history: Entries): string | undefined {
  const text = place.hash.replace(/^#/, "");
  if (text === "") return undefined;
  history.replaceState(null, "", place.pathname + place.search);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
