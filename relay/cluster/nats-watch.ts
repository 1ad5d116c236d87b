/**
 * The watch of one bucket: an ephemeral consumer that begins with the last message of each key, and goes on with each change.
 * It never mends a gap. A number that is missing, silence or the consumer's end is its end, and the directory begins
 * anew with another connection. So no change is missed silently, also where the stream was lost and made anew.
 * A replica that is late, as after its start, is no reason to say too early that all was told: the leader's last sequence is.
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";

import { isMarker, type NatsBucket } from "./nats-bucket.ts";
import type { NatsLibrary } from "./nats-connection.ts";

/** The server forgets the consumer of a relay that is gone after so long. ms */
const FORGET_MS = 30_000;

/** Status of a message that is for the client itself, not for its user. */
const CONTROL_STATUS = 100;

export interface Change {
  readonly key: string;
  /** undefined: a marker */
  readonly data: Uint8Array | undefined;
  readonly revision: number;
  /** Of the server. ms since 1970 */
  readonly at: number;
}

export interface WatchLimits {
  /** The server says so often that nothing changed. ms */
  readonly heartbeatMs: number;
  /** Of silence, that end a watch. ms */
  readonly silentMs: number;
  /** A watch that has not told all by then is at a replica that stays behind. ms */
  readonly lateMs: number;
}

export interface WatchEvents {
  changed(change: Change): void;
  /** The watch has told each entry that was there when it began. */
  current(): void;
  lost(why: string): void;
}

export class NatsWatch {
  readonly #library: NatsLibrary;
  readonly #nc: NatsConnection;
  readonly #bucket: NatsBucket;
  readonly #events: WatchEvents;
  readonly #limits: WatchLimits;
  #subscription: Subscription | undefined;
  #consumer: string | undefined;
  /** Of the consumer: its last message that came. */
  #delivered = 0;
  #heardAt: number;
  readonly #beganAt: number;
  #isCurrent = false;
  #isOver = false;

  constructor(
    library: NatsLibrary,
    nc: NatsConnection,
    bucket: NatsBucket,
    limits: WatchLimits,
    events: WatchEvents,
  ) {
    this.#library = library;
    this.#nc = nc;
    this.#bucket = bucket;
    this.#limits = limits;
    this.#events = events;
    this.#beganAt = this.#heardAt = performance.now();
  }

  async begin(manager: JetStreamManager): Promise<void> {
    const { AckPolicy, DeliverPolicy, createInbox, nanos } = this.#library;
    const inbox = createInbox();
    this.#subscription = this.#nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) this.#end(error.message);
        else this.#heard(message, inbox);
      },
    });
    const made = await manager.consumers.add(this.#bucket.stream, {
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.LastPerSubject,
      filter_subject: `${this.#bucket.prefix}>`,
      ack_policy: AckPolicy.None,
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: nanos(this.#limits.heartbeatMs),
      inactive_threshold: nanos(FORGET_MS),
      mem_storage: true,
      num_replicas: 1,
    });
    this.#consumer = made.name;
    if (made.num_pending === 0 && this.#delivered === 0) this.#reached(0);
  }

  /** Called again and again: notices silence, and that this process stood still. */
  tick(): void {
    const { silentMs, lateMs } = this.#limits;
    const now = performance.now();
    if (now - this.#heardAt > silentMs) this.#end("the watch fell silent");
    if (!this.#isCurrent && now - this.#beganAt > lateMs) this.#end("the watch stays behind");
  }

  /** No event comes after it. */
  stop(manager: JetStreamManager): void {
    this.#isOver = true;
    if (this.#nc.isClosed()) return;
    this.#subscription?.unsubscribe();
    if (this.#consumer === undefined) return;
    // The server would do it by itself a little later.
    void manager.consumers.delete(this.#bucket.stream, this.#consumer).catch(() => undefined);
  }

  #heard(message: Msg, inbox: string): void {
    if (this.#isOver) return;
    // A relay that stood still may have lost a marker that was swept meanwhile.
    this.tick();
    if (this.#isOver) return;
    this.#heardAt = performance.now();
    if (message.subject === inbox) this.#heardControl(message);
    else this.#heardChange(message);
  }

  #heardChange(message: Msg): void {
    const delivery = deliveryOf(message.reply);
    if (delivery === undefined) return this.#end("the watch got a message without numbers");
    if (delivery.consumed !== this.#delivered + 1) return this.#end("the watch missed a change");
    this.#delivered = delivery.consumed;
    const { prefix } = this.#bucket;
    if (message.subject.startsWith(prefix)) {
      this.#events.changed({
        key: message.subject.slice(prefix.length),
        data: isMarker(message.headers) ? undefined : message.data,
        revision: this.#bucket.revision(delivery.sequence),
        at: delivery.at,
      });
    }
    if (delivery.pending === 0) this.#reached(delivery.sequence);
  }

  #heardControl(message: Msg): void {
    const { headers } = message;
    if (headers?.code !== CONTROL_STATUS) {
      return this.#end(headers?.description || "the server ended the watch");
    }
    // A request of flow control wants an answer; a heartbeat has one to give if the consumer waits for it.
    if (message.reply !== undefined && message.reply !== "") return void message.respond();
    const stalled = headers.get("Nats-Consumer-Stalled");
    if (stalled !== "") this.#nc.publish(stalled);
    const last = headers.get("Nats-Last-Consumer");
    if (last === "") return;
    if (Number(last) !== this.#delivered) return this.#end("the watch missed a change");
    this.#reached(Number(headers.get("Nats-Last-Stream")));
  }

  /** The watch has told each entry of this replica up to that sequence. */
  #reached(sequence: number): void {
    if (this.#isCurrent || this.#isOver || sequence < this.#bucket.lastSequence) return;
    this.#isCurrent = true;
    this.#events.current();
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.lost(why);
  }
}

interface Delivery {
  /** Of the stream. */
  readonly sequence: number;
  /** Of the consumer. */
  readonly consumed: number;
  /** ms since 1970 */
  readonly at: number;
  /** Messages that wait behind it. */
  readonly pending: number;
}

/** Of the subject for acknowledgements: $JS.ACK[.DOMAIN.ACCOUNT].STREAM.CONSUMER.DELIVERIES.SEQUENCE.CONSUMED.TIME.PENDING[.TOKEN] */
function deliveryOf(reply: string | undefined): Delivery | undefined {
  const parts = reply?.split(".") ?? [];
  if (parts[0] !== "$JS" || parts[1] !== "ACK") return undefined;
  const first = parts.length === 9 ? 2 : 4;
  const [sequence, consumed, nanos, pending] = parts.slice(first + 3, first + 7).map(Number);
  if (sequence === undefined || consumed === undefined || nanos === undefined) return undefined;
  if (pending === undefined || ![sequence, consumed, nanos, pending].every(Number.isFinite)) {
    return undefined;
  }
  return { sequence, consumed, at: nanos / 1e6, pending };
}
