/**
 * What the page was told of the link. A saver that takes nothing holds up the events of the link, so a loss
 * is told before the session hears of it, and only once.
 */
import type { FaultCode } from "../../protocol/wire/faults.ts";
import type { LinkNews } from "./relay-link.ts";

export class ToldLink {
  readonly #post: (news: LinkNews) => void;
  /** Undefined: the link is there, or nothing was told. */
  #lostBy: FaultCode | undefined;

  constructor(post: (news: LinkNews) => void) {
    this.#post = post;
  }

  tell(news: LinkNews): void {
    const isKnown = !news.online && news.fault === this.#lostBy;
    this.#lostBy = news.online ? undefined : news.fault;
    if (!isKnown) this.#post(news);
  }
}
