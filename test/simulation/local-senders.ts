/** The uplinks of a worker as senders at its hub; mirrors the local clients of relay/net/client-router.ts. */
import type { Message, SocketFault } from "../../protocol/mod.ts";
import { fromWireFacts } from "../../relay/cluster/stored-facts.ts";
import type { LocalSender, LocalSenderEvents } from "../../relay/cluster/uplink-share.ts";
import type { Link } from "../../relay/cluster/uplink.ts";
import type { Hub } from "../../relay/share/hub.ts";
import type { SocketId } from "../../relay/share/outlet.ts";

import type { Time } from "./clock.ts";

export class LocalSenders {
  readonly #hub: Hub;
  readonly #clock: Time;
  readonly #kept: (frame: Uint8Array) => void;
  readonly #locals = new Map<SocketId, LocalSenderEvents>();
  #later: (() => void)[] = [];
  #nextId: SocketId = -1;
  #isDead = false;

  /** @param kept a frame was given to the hub */
  constructor(hub: Hub, clock: Time, kept: (frame: Uint8Array) => void) {
    this.#hub = hub;
    this.#clock = clock;
    this.#kept = kept;
  }

  die(): void {
    this.#isDead = true;
  }

  connect({ link, relay, level, channel }: Link, events: LocalSenderEvents): LocalSender {
    const id = this.#nextId--;
    const hub = this.#hub;
    this.#locals.set(id, events);
    const soon = (tell: (now: number) => void): void => this.#run(() => tell(this.#clock.now));
    return {
      offer: (share) =>
        soon((now) => hub.enterUplink(id, { link, relay, level, channel, share }, now)),
      control: (message) => soon((now) => hub.control(id, message, now)),
      frame: (bytes) => {
        // The hub keeps no memory of a frame.
        const lent = bytes.slice();
        hub.message(id, lent, this.#clock.now);
        this.#kept(bytes);
        lent.fill(0xaa);
      },
      presence: ({ senderHere, stored }) => {
        const facts = fromWireFacts(stored);
        soon((now) => hub.uplinkSays(id, { t: "presence", senderHere, stored: facts }, now));
      },
      full: (receiver) => soon((now) => hub.uplinkSays(id, { t: "full", receiver }, now)),
      close: () =>
        soon((now) => {
          this.#locals.delete(id);
          hub.closed(id, now);
        }),
    };
  }

  send(id: SocketId, message: Message): void {
    this.#run(() => this.#locals.get(id)?.message(message));
  }

  fail(id: SocketId, code: SocketFault, detail?: string): void {
    this.#run(() => {
      const local = this.#locals.get(id);
      this.#locals.delete(id);
      local?.failed(code, detail);
    });
  }

  /** In the next turn, in order. */
  #run(task: () => void): void {
    if (this.#later.length === 0) {
      this.#clock.after(0, () => {
        const now = this.#later;
        this.#later = [];
        if (!this.#isDead) for (const each of now) each();
      });
    }
    this.#later.push(task);
  }
}
