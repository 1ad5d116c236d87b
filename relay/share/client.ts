/** What a socket is; its role is bound by its hello and never changes. */
export type Client = StrangerClient | SenderClient | ReceiverClient;

export interface StrangerClient {
  readonly role: "stranger";
  readonly deadline: number;
  /** What its hello has to sign. */
  readonly nonce: Uint8Array;
  /** What limits for each address count it as; undefined: nothing. */
  readonly address: string | undefined;
}

export interface SenderClient {
  readonly role: "sender";
  readonly channel: string;
  readonly address: string | undefined;
  share: string | undefined;
  /** The first record that it can give. */
  first: number;
}

export interface ReceiverClient {
  readonly role: "receiver";
  readonly address: string | undefined;
  channel: string;
  share: string | undefined;
}
