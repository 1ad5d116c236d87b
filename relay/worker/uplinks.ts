/**
 * The uplinks of one worker: makes their WebSockets to other relays of the cluster, and their senders at the hub of this
 * one. The main thread says which there are (`link`, `unlink`), and hears how they fare. The worker owns it.
 */
import {
  fromHex,
  type Message,
  type SocketFault,
  type SyncPrimitives,
} from "../../protocol/mod.ts";

import type { LinkOrder, ToCluster } from "../cluster/messages.ts";
import { ClusterSecret } from "../cluster/proof.ts";
import { fromWireFacts } from "../cluster/stored-facts.ts";
import type { LocalSender, LocalSenderEvents } from "../cluster/uplink-share.ts";
import { Uplink, type Link, type UplinkHost } from "../cluster/uplink.ts";
import type { EdgeDownload } from "../cluster/wire.ts";
import type { ClientRouter, LocalClient } from "../net/client-router.ts";
import { RelayLine } from "./relay-line.ts";
import type { Reporter } from "./reports.ts";
import type { ClusterPlace } from "./thread-messages.ts";

/**
 * Links of one worker. Each has a line for its channel and one for each place of a share that is read: with the usual
 * limit of 1024 open files that leaves half of them to clients.
 */
export const LINKS_MOST = 256;
/** Bytes to an owner that does not take them: reports of all receivers of a share have place. */
const UNSENT_MOST_BYTES = 8 * 1024 ** 2;
/** The secret and the id by which a relay of a cluster greets the others. */
type ClusterMember = Pick<ClusterPlace, "secret" | "relay">;

export interface UplinksOptions {
  readonly worker: number;
  readonly clientRouter: Pick<ClientRouter, "connect">;
  readonly primitives: SyncPrimitives;
  /** Undefined: the relay is in no cluster. */
  readonly cluster: ClusterMember | undefined;
  readonly post: (message: ToCluster) => void;
  readonly report: Reporter;
  readonly clock: () => number;
}

export class Uplinks {
  readonly #options: UplinksOptions;
  readonly #links = new Map<number, LinkSockets>();

  constructor(options: UplinksOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#links.size;
  }

  handle(message: LinkOrder): void {
    if (message.t === "link") this.#open(message);
    else if (message.t === "unlink") this.#end(message.link);
    else this.#links.get(message.link)?.tellOwner(message.message);
  }

  tick(): void {
    for (const link of this.#links.values()) link.tick();
  }

  end(): void {
    for (const id of this.#links.keys()) this.#end(id);
  }

  #open(link: Link): void {
    const { worker, cluster, post } = this.#options;
    if (this.#links.has(link.link)) return;
    const refusal =
      cluster === undefined
        ? "this worker takes no links"
        : this.#links.size >= LINKS_MOST &&
          `this worker has ${LINKS_MOST} links, and takes no more`;
    if (cluster === undefined || refusal !== false) {
      post({ t: "link-lost", worker, link: link.link, why: String(refusal) });
      return;
    }
    this.#links.set(link.link, new LinkSockets(link, cluster, this.#options));
  }

  #end(id: number): void {
    this.#links.get(id)?.end();
    this.#links.delete(id);
  }
}

/** The lines of one link. */
class LinkSockets implements UplinkHost {
  readonly #options: UplinksOptions;
  readonly #link: Link;
  readonly #lines = new Map<number, RelayLine>();
  readonly #uplink: Uplink;

  constructor(link: Link, { secret, relay }: ClusterMember, options: UplinksOptions) {
    this.#options = options;
    this.#link = link;
    const { worker, primitives, clock } = options;
    const uplink = {
      link,
      worker,
      relay: fromHex(relay) ?? new Uint8Array(0),
      secret: new ClusterSecret(secret, primitives),
      host: this,
    };
    this.#uplink = new Uplink(uplink, clock());
  }

  tick(): void {
    for (const line of this.#lines.values()) line.tick(UNSENT_MOST_BYTES);
    this.#uplink.tick(this.#options.clock());
  }

  end(): void {
    this.#uplink.end();
  }

  tellOwner(message: EdgeDownload): void {
    this.#uplink.tellOwner(message);
  }

  // UplinkHost

  connect(line: number): void {
    const { clock } = this.#options;
    const events = {
      message: (bytes: Uint8Array) => this.#uplink.message(line, bytes, clock()),
      lost: (why: string) => {
        this.#lines.delete(line);
        this.#uplink.closed(line, why, clock());
      },
    };
    this.#lines.set(line, new RelayLine(this.#link.address, events, clock));
  }

  send(line: number, bytes: Uint8Array): void {
    this.#lines.get(line)?.send(bytes);
  }

  disconnect(line: number): void {
    const open = this.#lines.get(line);
    this.#lines.delete(line);
    open?.terminate();
  }

  sender(events: LocalSenderEvents): LocalSender {
    const line = this.#options.clientRouter.connect(new HubSender(events), undefined);
    const { link, relay, level, channel } = this.#link;
    return {
      offer: (share) => line.enterUplink({ link, relay, level, channel, share }),
      control: (message) => line.control(message),
      frame: (bytes) => line.frame(bytes),
      presence: ({ senderHere, stored }) => {
        line.uplinkSays({ t: "presence", senderHere, stored: fromWireFacts(stored) });
      },
      full: (receiver) => line.uplinkSays({ t: "full", receiver }),
      close: () => line.close(),
    };
  }

  tell(message: ToCluster): void {
    this.#options.post(message);
    if (message.t !== "link-lost") return;
    this.#report("link-lost", message.why, message.isOrderly === true);
  }

  streamLost(why: string, isOrderly: boolean): void {
    this.#report("stream-lost", why, isOrderly);
  }

  randomBytes(length: number): Uint8Array {
    return this.#options.primitives.randomBytes(length);
  }

  #report(event: string, why: string, isOrderly: boolean): void {
    const { relay, address } = this.#link;
    const level = isOrderly ? "info" : "warn";
    this.#options.report({ level, event, fields: { relay, address, why } });
  }
}

/** The hub's client for one share of another relay. */
class HubSender implements LocalClient {
  readonly isFull = false;
  readonly #events: LocalSenderEvents;

  constructor(events: LocalSenderEvents) {
    this.#events = events;
  }

  message(message: Message): void {
    this.#events.message(message);
  }

  /** No sender gets one. */
  frame(): boolean {
    return true;
  }

  failed(fault: SocketFault, detail?: string): void {
    this.#events.failed(fault, detail);
  }
}
