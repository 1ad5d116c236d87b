/** A relay with a share whose sender gives each record that is wanted. */
import { startRelay, type Relay, type RelayOptions } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare, type RawShare } from "./raw-client.ts";
import { RawReceiver, type RawReceiverOptions } from "./raw-receiver.ts";

export class ServedShare implements AsyncDisposable {
  readonly relay: Relay;
  readonly url: string;
  readonly channel = randomId();
  readonly share: RawShare;
  readonly #stack = new AsyncDisposableStack();
  #sender: RawClient | undefined;

  private constructor(relay: Relay, share: RawShare) {
    this.relay = this.#stack.use(relay);
    this.url = `${relay.url}/ws`;
    this.share = share;
  }

  static async open(
    records: number,
    recordSize: number,
    options: Partial<RelayOptions> = {},
  ): Promise<ServedShare> {
    const served = new ServedShare(await startRelay(options), rawShare(records, recordSize));
    await served.sender();
    return served;
  }

  /** A sender of the share, in place of the one before. */
  async sender(): Promise<RawClient> {
    const sender = await RawClient.serving(this.url, this.channel, this.share);
    this.#sender = this.#stack.use(sender);
    return sender;
  }

  async senderGoes(): Promise<void> {
    await this.#sender?.[Symbol.asyncDispose]();
  }

  get options(): RawReceiverOptions {
    const { channel, share } = this;
    return { port: this.relay.port, channel, share, tls: this.url.startsWith("wss:") };
  }

  /** Greeted, and told of the share; it ends with all this. */
  async receiver(more: Partial<RawReceiverOptions> = {}): Promise<RawReceiver> {
    return this.#stack.use(await RawReceiver.open({ ...this.options, ...more }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
