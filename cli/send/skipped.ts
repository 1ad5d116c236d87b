/** Links and the like that a sender lists as skipped; it counts the rest. */
export const SKIPPED_TOLD = 100;

/** Why an entry of a folder is not sent. */
export type SkippedWhy =
  /** It is a link, and links are not followed. */
  | "link"
  /** It leads out of the folder. */
  | "outside"
  /** It leads nowhere, or round in a circle. */
  | "broken"
  /** It is a pipe, a socket or a device. */
  | "special"
  /** Receivers would refuse its name. */
  | "unsafe"
  /** The system does not let it be read or searched. */
  | "unreadable"
  /** Its size is unknown, and no end of it was found. */
  | "endless";

export interface SkippedEntry {
  readonly path: string;
  readonly why: SkippedWhy;
  /** The system's reason, of one that could not be read. */
  readonly reason?: string;
  /** So many more were skipped after this one and are not listed. */
  readonly more?: number;
}

/** The entries that a share leaves out although the person did not ask for it; the first SKIPPED_TOLD are kept. */
export class Skipped {
  readonly #entries: SkippedEntry[] = [];
  #more = 0;

  add(path: string, why: SkippedWhy, reason?: string): undefined {
    const told = reason === undefined ? {} : { reason };
    if (this.#entries.length < SKIPPED_TOLD) this.#entries.push({ path, why, ...told });
    else this.#more++;
  }

  get entries(): SkippedEntry[] {
    const last = this.#entries.at(-1);
    if (last === undefined || this.#more === 0) return [...this.#entries];
    return [...this.#entries.slice(0, -1), { ...last, more: this.#more }];
  }
}
