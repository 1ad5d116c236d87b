/** Takes over the entry of a share from the directory, and tells the parts of the book that depend on its owner. */
import type { Report } from "./book-effects.ts";
import type { OwnerValue } from "./directory-kv.ts";
import type { KnownShares } from "./known-shares.ts";
import type { Links } from "./links.ts";
import type { OpenQuestions } from "./open-questions.ts";
import type { RemoteShares } from "./remote-shares.ts";

export interface ShareNewsHost {
  readonly known: KnownShares;
  readonly links: Links;
  readonly remotes: RemoteShares;
  readonly questions: OpenQuestions;
  readonly report: Report;
}

export class ShareNews {
  readonly #host: ShareNewsHost;
  /** The directory was full at the last look, and the relay reported it. */
  #isFull = false;

  constructor(host: ShareNewsHost) {
    this.#host = host;
  }

  /** @param value undefined: there is no such share */
  learn(name: string, value: OwnerValue | undefined, revision: number, now: number): void {
    const { known, links, remotes, questions } = this.#host;
    const before = known.get(name);
    if (value === undefined) known.delete(name);
    else if (!known.set(name, value, revision, now)) this.#full();
    const after = known.get(name);
    const entry = after ?? before;
    if (entry === undefined) return;
    if (after?.isOver === true) questions.changed(entry.share);
    if (after?.relay === before?.relay) return;
    links.changed(entry.channel, after !== undefined, now);
    remotes.changed(name);
    questions.changed(entry.share);
  }

  tick(): void {
    if (!this.#host.known.isFull) this.#isFull = false;
  }

  #full(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const fields = { shares: this.#host.known.size };
    this.#host.report({ level: "warn", event: "cluster-full", fields });
  }
}
