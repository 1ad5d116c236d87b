import { FaultError, equalBytes } from "../../protocol/mod.ts";

/**
 * The one channel of a relay that a client carries for itself. The relay starts before that client knows its channel,
 * so it shows a token of this one run with its hello, and the relay serves the channel of that hello alone.
 */
export class OneChannel {
  readonly #token: Uint8Array;
  #channel: Uint8Array | undefined;

  /** @param token known to the carrier alone */
  constructor(token: string) {
    this.#token = encoded(token);
  }

  /**
   * Lets a client in whose hello is proved.
   * @throws FaultError `going-away` before the carrier came, so that others try again; `other-channel`
   */
  check(channel: Uint8Array, token: string | undefined): void {
    if (token !== undefined && equalBytes(encoded(token), this.#token)) this.#channel = channel;
    if (this.#channel === undefined) throw new FaultError("going-away", "it is not ready yet");
    if (!equalBytes(channel, this.#channel)) throw new FaultError("other-channel");
  }
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
