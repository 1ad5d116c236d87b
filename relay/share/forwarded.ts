/**
 * The senders of a worker whose shares another relay of the cluster stores. The main thread says so in place of an
 * answer to their claim, or to a question about such a share:
 *
 *   offer ----claim----> main --forward--> a line to that relay: the offer goes there, and from then on all that either
 *                                          side says; frames of further connections too
 *   inspect, revoke ---> main --forward--> a line for that question alone
 *
 * That relay asks for records, so its credit bounds what comes. Records that it does not take wait here, up to a limit of the
 * line; beyond it this relay stops to read the sender (`Outlet.hold`). A line that breaks ends the sender's connection
 * with `going-away`, and it comes again. The hub owns it. No I/O.
 */
import {
  FaultError,
  encodeControl,
  fromHex,
  isFrame,
  socketFault,
  type Message,
  type MessageOf,
} from "../../protocol/mod.ts";

import type { ForwardOrder } from "../cluster/messages.ts";
import { encodeCluster, type ForwardedClient } from "../cluster/wire.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import type { Client, SenderClient } from "./share-table.ts";
import type { Senders } from "./senders.ts";

/**
 * The relay that stores the share answers an offer within that time: a sender that hears nothing for 20 s believes that
 * its own network is at fault. ms
 */
export const ACCEPT_MS = 15_000;
/** The same for a question, whose client waits for 10 s. ms */
export const ANSWER_MS = 8000;
const NO_ANSWER = "the relay of its cluster that stores the share does not answer";

export interface ForwardTarget {
  /** The other relay's id in hex. */
  readonly relay: string;
  /** HOST:PORT */
  readonly address: string;
  readonly channel: Uint8Array;
  readonly client: ForwardedClient;
}

export interface ForwardEvents {
  /** The other relay says this to its sender. */
  message(message: Message): void;
  /** The line takes more again. */
  room(): void;
  /** It is no more. */
  failed(fault: FaultError): void;
}

/** A line to another relay that carries one sender. */
export interface ForwardLine {
  /** @returns whether it takes more for now; it takes this in any case */
  say(bytes: Uint8Array): boolean;
  /** After what was said. */
  close(): void;
}

export interface Carrier {
  /** Its events come later. */
  forward(target: ForwardTarget, events: ForwardEvents): ForwardLine;
}

/** A sender's line. */
interface Passing {
  readonly line: ForwardLine;
  /** Its main and further connections that are not read. */
  readonly held: Set<SocketId>;
  /** `over`: its sender was told to go, and what is on its way is for nobody. */
  stage: "offered" | "accepted" | "over";
  /** The other relay has to accept the offer before. ms */
  readonly deadline: number;
}

/** The line of a client's questions to one relay, one after the other. */
interface Questions {
  readonly line: ForwardLine;
  readonly address: string;
  /** Undefined: the other relay answered the last one. ms */
  deadline: number | undefined;
}

export interface ForwardedOptions {
  readonly outlet: Outlet;
  readonly senders: Senders;
  readonly carrier: Carrier;
}

export class Forwarded {
  readonly #options: ForwardedOptions;
  /** By main socket. */
  readonly #passing = new Map<SocketId, Passing>();
  readonly #questions = new Map<SocketId, Questions>();

  constructor(options: ForwardedOptions) {
    this.#options = options;
  }

  /** @param client undefined: it closed */
  ordered(order: ForwardOrder, client: Client | undefined, now: number): void {
    const { socket, key, question } = order;
    const { senders } = this.#options;
    if (question === undefined) {
      const said = senders.handsOver(socket, client, key);
      if (client?.role === "sender" && said !== undefined) this.#pass(order, client, said, now);
    } else if (client?.role === "sender" && client.asking !== undefined) {
      this.#ask(order, client, client.asking, now);
    }
  }

  /** Whether another relay hears what this client says. */
  has(main: SocketId): boolean {
    return this.#passing.has(main);
  }

  /**
   * A message of a client that is another relay's.
   * @param socket its main connection or a further one
   * @throws FaultError `bad-message`
   */
  message(main: SocketId, socket: SocketId, bytes: Uint8Array): void {
    const passing = this.#passing.get(main);
    if (passing === undefined || passing.stage === "over") return;
    if (isFrame(bytes)) {
      if (passing.stage === "offered") {
        throw new FaultError("bad-message", "a frame without an accepted offer");
      }
    } else if (socket !== main) {
      throw new FaultError("bad-message", "no frame, on a further connection");
    }
    if (passing.line.say(bytes) || passing.held.has(socket)) return;
    passing.held.add(socket);
    this.#options.outlet.hold?.(socket, true);
  }

  /** A further connection of a client came or went. */
  further(main: SocketId, further: SocketId, isOpen: boolean): void {
    const passing = this.#passing.get(main);
    if (passing === undefined) return;
    if (!isOpen) passing.held.delete(further);
    passing.line.say(encodeCluster({ t: "further", isOpen }));
  }

  closed(main: SocketId): void {
    this.#passing.get(main)?.line.close();
    this.#passing.delete(main);
    this.#questions.get(main)?.line.close();
    this.#questions.delete(main);
  }

  tick(now: number): void {
    const late = (socket: SocketId): void => {
      this.#failed(socket, new FaultError("going-away", NO_ANSWER));
    };
    for (const [socket, { stage, deadline }] of this.#passing) {
      if (stage === "offered" && now >= deadline) late(socket);
    }
    for (const [socket, { deadline = Infinity }] of this.#questions) {
      if (now >= deadline) late(socket);
    }
  }

  #pass(order: ForwardOrder, client: SenderClient, said: readonly Message[], now: number): void {
    const { socket } = order;
    const { outlet } = this.#options;
    const line = this.#open(order, client, {
      message: (message) => {
        const passing = this.#passing.get(socket);
        if (passing === undefined) return;
        if (message.t === "accepted" && passing.stage === "offered") passing.stage = "accepted";
        if (message.t === "fault") this.#failed(socket, message);
        else outlet.send(socket, message);
      },
      room: () => this.#release(socket),
      failed: (fault) => this.#failed(socket, fault),
    });
    const deadline = now + ACCEPT_MS;
    this.#passing.set(socket, { line, held: new Set(), stage: "offered", deadline });
    for (const each of said) line.say(encodeControl(each));
    if (client.isSeveral) line.say(encodeCluster({ t: "further", isOpen: true }));
  }

  #ask(
    order: ForwardOrder,
    client: SenderClient,
    question: MessageOf<"inspect" | "revoke">,
    now: number,
  ): void {
    const { socket, address } = order;
    const { outlet, senders } = this.#options;
    const deadline = now + ANSWER_MS;
    const open = this.#questions.get(socket);
    if (open?.address === address) {
      open.deadline = deadline;
      open.line.say(encodeControl(question));
      return;
    }
    open?.line.close();
    const line = this.#open(order, client, {
      message: (message) => {
        const asked = this.#questions.get(socket);
        if (asked?.line !== line) return;
        if (message.t === "fault") this.#failed(socket, message);
        if (message.t !== "inspected" && message.t !== "revoked") return;
        asked.deadline = undefined;
        senders.answered(client);
        outlet.send(socket, message);
      },
      room: () => undefined,
      failed: (fault) => {
        const asked = this.#questions.get(socket);
        if (asked?.line !== line) return;
        // The next question has a line of its own.
        if (asked.deadline === undefined) this.#questions.delete(socket);
        else this.#failed(socket, fault);
      },
    });
    this.#questions.set(socket, { line, address, deadline });
    line.say(encodeControl(question));
  }

  #open(
    { relay, address }: ForwardOrder,
    { channel, address: counted, mayStore }: SenderClient,
    events: ForwardEvents,
  ): ForwardLine {
    const client = { mayStore, ...(counted !== undefined && { address: counted }) };
    const id = fromHex(channel) ?? new Uint8Array(16);
    return this.#options.carrier.forward({ relay, address, channel: id, client }, events);
  }

  #release(main: SocketId): void {
    const passing = this.#passing.get(main);
    for (const socket of passing?.held ?? []) this.#options.outlet.hold?.(socket, false);
    passing?.held.clear();
  }

  #failed(socket: SocketId, fault: FaultError | MessageOf<"fault">): void {
    const passing = this.#passing.get(socket);
    if (passing === undefined && !this.#questions.has(socket)) return;
    this.#release(socket);
    if (passing !== undefined) passing.stage = "over";
    this.#questions.get(socket)?.line.close();
    this.#questions.delete(socket);
    const { code, after } = fault;
    const detail = fault instanceof FaultError ? fault.detail : fault.message;
    this.#options.outlet.fail(socket, socketFault(code), detail, after);
  }
}
