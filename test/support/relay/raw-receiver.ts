/** A receiver over a strict socket, which writes down what comes in its order. */
import {
  decodeControl,
  decodeFrame,
  encodeControl,
  isFrame,
  type Message,
  type MessageOf,
  type Role,
} from "../../../protocol/mod.ts";
import { helloTo, type TestChannel } from "./channel.ts";
import { randomId, type RawShare } from "./raw-client.ts";
import { BINARY, CLOSE, PING, PONG, StrictSocket, type Received } from "./strict-socket.ts";

export interface RawReceiverOptions {
  readonly port: number;
  readonly channel: TestChannel;
  /** The share with whose frames its own are compared. */
  readonly share: RawShare;
  readonly quiet?: boolean;
  /** The role that it claims; receiver, unless a test says otherwise. */
  readonly role?: Role;
  readonly hostname?: string;
  readonly tls?: boolean;
  /**
   * Pings are events, and are not answered: for tests that say what time it is. Else one may come in any
   * test that takes PING_MS.
   */
  readonly pings?: boolean;
}

interface Heard {
  challenge?: MessageOf<"challenge">;
  fault?: MessageOf<"fault">;
}

export class RawReceiver implements AsyncDisposable {
  readonly id = randomId();
  readonly socket: StrictSocket;
  /** "frame 3" or what is wrong with it, types of messages, "ping", "close 4007"; in order. */
  readonly events: string[];
  readonly #share: RawShare;
  readonly #heard: Heard;
  readonly #wake: { call: () => void };
  #over = false;

  private constructor(
    socket: StrictSocket,
    events: string[],
    share: RawShare,
    wake: { call: () => void },
    heard: Heard,
  ) {
    this.#heard = heard;
    this.socket = socket;
    this.events = events;
    this.#share = share;
    this.#wake = wake;
    void socket.closed.then((wrong) => {
      this.#over = true;
      if (wrong !== undefined) this.events.push(wrong);
      this.#wake.call();
    });
  }

  /** Greeted, and told of the shares that there are. */
  static async open(options: RawReceiverOptions): Promise<RawReceiver> {
    const receiver = await RawReceiver.#saysHello(options);
    await receiver.until("offers");
    return receiver;
  }

  /** Greeted in a channel that may have no share. */
  static async greeted(options: RawReceiverOptions): Promise<RawReceiver> {
    const receiver = await RawReceiver.#saysHello(options);
    await receiver.until("welcome");
    return receiver;
  }

  static async #saysHello(options: RawReceiverOptions): Promise<RawReceiver> {
    const { channel, quiet = true, role } = options;
    const receiver = await RawReceiver.connect(options);
    receiver.send(await receiver.#hello(channel, quiet, role));
    return receiver;
  }

  /** Has said nothing yet. */
  static async connect(options: RawReceiverOptions): Promise<RawReceiver> {
    const { port, share, hostname = "127.0.0.1", pings = false, tls } = options;
    const events: string[] = [];
    const wake = { call: (): void => undefined };
    const heard: Heard = {};
    const told = (message: Received): void => {
      const control = controlIn(message);
      if (control?.t === "fault") heard.fault = control;
      if (control?.t === "challenge") {
        heard.challenge = control;
        wake.call();
        return;
      }
      if (message.first === PING && !pings) {
        socket.send(message.payload, PONG);
        return;
      }
      const event = describe(message, share);
      // A worker may hear of the share when the receiver is there already.
      if (event === "no offers") return;
      events.push(event);
      wake.call();
    };
    const socket = await StrictSocket.open(hostname, port, told, tls);
    return new RawReceiver(socket, events, share, wake, heard);
  }

  /** The text of the fault that the relay told. */
  get faultText(): string {
    return this.#heard.fault?.message ?? "";
  }

  send(message: Message): void {
    this.socket.send(encodeControl(message));
  }

  join(from = 0, window = 16, receiver = this.id): void {
    this.send(this.#joining(from, window, receiver));
  }

  /** Says hello, joins, joins a share that is not there, and joins again, all in one piece. */
  async rush(channel: TestChannel): Promise<void> {
    const join = this.#joining(0, 16, this.id);
    const all: Message[] = [
      await this.#hello(channel, true),
      join,
      { ...join, share: randomId() },
      join,
    ];
    this.socket.sendTogether(all.map(encodeControl));
  }

  async #hello(channel: TestChannel, quiet: boolean, role: Role = "receiver"): Promise<Message> {
    while (this.#heard.challenge === undefined) await this.#news("challenge");
    return helloTo(this.#heard.challenge, role, channel, { quiet });
  }

  #joining(from: number, window: number, receiver: Uint8Array): MessageOf<"join"> {
    const { share } = this.#share.offer;
    return { t: "join", share, receiver, name: new Uint8Array(0), from, window };
  }

  ack(next: number, window = 16): void {
    this.send({ t: "ack", share: this.#share.offer.share, next, window });
  }

  /** Acknowledges whatever comes until all before `end` is here, or the whole share; the next record is `from`. */
  async takeAll(from = 0, end = this.#share.offer.records): Promise<void> {
    for (let next = from; next < end; next++) {
      await this.until(`frame ${next}`);
      this.ack(next + 1);
    }
  }

  /**
   * Waits for an event, past or to come.
   * @throws Error when the line ends without it
   */
  async until(event: string): Promise<void> {
    while (!this.events.includes(event)) await this.#news(event);
  }

  async #news(awaited: string): Promise<void> {
    if (this.#over) throw new Error(`no ${awaited} after ${this.events.slice(-3).join(", ")}`);
    await new Promise<void>((resolve) => {
      this.#wake.call = resolve;
    });
  }

  /** Events of frames alone. */
  get frames(): string[] {
    return this.events.filter((event) => event.startsWith("frame"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.socket[Symbol.asyncDispose]();
  }
}

function controlIn({ first, payload }: Received): Message | undefined {
  return first === BINARY && !isFrame(payload) ? decodeControl(payload, "anyone") : undefined;
}

function describe({ first, payload }: Received, share: RawShare): string {
  if (first === PING) return "ping";
  if (first === PONG) return "pong";
  if (first === CLOSE) return `close ${payload.readUInt16BE(0)}`;
  if (isFrame(payload)) return describeFrame(payload, share);
  const message = decodeControl(payload, "anyone");
  switch (message.t) {
    case "offers":
      return message.list.length === 0 ? "no offers" : "offers";
    case "presence":
      return `presence ${message.senderHere}`;
    case "cancel":
      return `cancel ${message.reason}`;
    case "fault":
      return `fault ${message.code}`;
    default:
      return message.t;
  }
}

/** Compares every byte. */
function describeFrame(frame: Buffer, share: RawShare): string {
  const { index } = decodeFrame(frame);
  const due = share.frame(index);
  if (Buffer.compare(frame, due) === 0) return `frame ${index}`;
  const at = due.findIndex((byte, at) => byte !== frame[at]);
  return `frame ${index} of ${frame.length} bytes is wrong at ${at}`;
}

/** "frame 0" and so on. */
export function framesUpTo(end: number, from = 0): string[] {
  return Array.from({ length: end - from }, (_, at) => `frame ${from + at}`);
}
