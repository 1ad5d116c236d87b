import {
  CONTROL_BYTES,
  PING_MS,
  baseName,
  type FaultCode,
  type ManifestFile,
  type RelayLimitName,
} from "../../protocol/mod.ts";

import { Allowance } from "../allowance.ts";
import type { Bounds } from "../bounds.ts";
import { closeReason } from "../close-reason.ts";
import type { Place } from "../crowd.ts";
import { inflowOf, type Inflow, type InflowKernel } from "../inflow.ts";
import type { Native } from "../native.ts";
import type { Grant } from "../gate.ts";
import type { Visitor } from "../visitor.ts";
import { clearName } from "./clear-name.ts";
import type { Inside, Insiders } from "./insiders.ts";
import { LobbyReceiver } from "./lobby-receiver.ts";
import { LobbySender, type LobbyOutcome } from "./lobby-sender.ts";
import type { Openers } from "./opener.ts";
import type { ClearSink } from "./unpacking.ts";

/** What ends a file of the original app, a message of its own. */
const END_OF_FILE = new TextEncoder().encode("__end__");
/** What senders see of its receivers; their addresses are nobody's business. */
const RECEIVER_NAME = "original app";
const SUCCESS = "File transfer successful";

/** Close codes of RFC 6455, 7.4.1. */
const POLICY = 1008;
const GOING_AWAY = 1001;
const TRY_AGAIN = 1013;

export interface TextData {
  readonly visitor: Visitor;
  readonly grant: Grant | undefined;
  /** Where it is counted. */
  place: Place | undefined;
  readonly role: "text-sender" | "text-receiver";
  readonly inflow: Inflow | undefined;
  readonly allowance: Allowance;
  heardAt: number;
  pingedAt: number;
  client: TextSender | TextReceiver | undefined;
}

export type TextSocket = Bun.ServerWebSocket<TextData>;

export interface TextOptions {
  readonly insiders: Insiders;
  readonly inside: Inside;
  readonly openers: Openers;
  readonly clock: () => number;
}

export interface TextSocketsOptions extends TextOptions {
  /** See `Sockets`. */
  readonly meter: (InflowKernel & Pick<Native, "keyOf">) | undefined;
  readonly bounds: Bounds;
}

/** The original app's sender: a name, the bytes, `__end__`. */
class TextSender {
  readonly #options: TextOptions;
  readonly #socket: TextSocket;
  #sender: LobbySender | undefined;
  #isThrough = false;

  constructor(socket: TextSocket, options: TextOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  message(message: string | Uint8Array): void {
    if (this.#sender === undefined) {
      if (typeof message === "string") this.#begin(message);
      else this.#socket.close(POLICY, "the name of the file comes first, as text");
      return;
    }
    // Text amid the bytes is no part of a file; after the end, nothing is.
    if (typeof message === "string" || this.#isThrough) return;
    if (Buffer.compare(message, END_OF_FILE) === 0) {
      this.#isThrough = true;
      this.#sender.end();
    } else if (!this.#sender.write(message)) {
      this.#socket.pause();
    }
  }

  tick(): void {
    this.#sender?.tick();
  }

  drained(): void {
    // Nothing is sent to it but one message.
  }

  closed(): void {
    this.#sender?.abort();
  }

  #begin(name: string): void {
    const { insiders, inside, clock } = this.#options;
    const { visitor } = this.#socket.data;
    this.#sender = new LobbySender({
      visitor,
      insiders,
      inside,
      clock,
      name: clearName(name),
      size: undefined,
      waitFor: 0,
      events: {
        room: () => this.#socket.resume(),
        receiver: () => undefined,
        over: (outcome) => this.#over(outcome),
      },
    });
  }

  #over({ fault, detail }: LobbyOutcome): void {
    if (fault === undefined) this.#socket.sendText(SUCCESS);
    else this.#socket.close(closeCode(fault), closeReason(fault, detail));
  }
}

function closeCode(fault: FaultCode): number {
  return fault === "going-away" ? GOING_AWAY : TRY_AGAIN;
}

/** The original app's receiver: `START:name`, the bytes, `END`, file after file. */
class TextReceiver implements ClearSink {
  readonly #socket: TextSocket;
  readonly #receiver: LobbyReceiver;
  #isFull = false;
  #isInFile = false;

  constructor(socket: TextSocket, options: TextOptions) {
    this.#socket = socket;
    this.#receiver = new LobbyReceiver({
      ...options,
      visitor: socket.data.visitor,
      sink: this,
      name: RECEIVER_NAME,
    });
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  wants(): "files" {
    return "files";
  }

  begin({ path }: ManifestFile): boolean {
    this.#isInFile = true;
    this.#send(`START:${baseName(path)}`);
    return true;
  }

  data(bytes: Uint8Array): void {
    this.#send(bytes);
  }

  end(): void {
    this.#isInFile = false;
    this.#send("END");
  }

  over(fault: FaultCode | undefined): void {
    // It knows no other way to hear that a file will not become whole.
    if (fault !== undefined && this.#isInFile) this.#socket.close(TRY_AGAIN, fault);
  }

  cutOff(fault: FaultCode): void {
    this.#socket.close(TRY_AGAIN, fault);
  }

  message(): void {
    // It says something now and then to keep its line.
  }

  tick(): void {
    this.#receiver.tick();
  }

  drained(): void {
    this.#isFull = false;
    this.#receiver.drained();
  }

  closed(): void {
    this.#receiver.leave();
  }

  #send(message: string | Uint8Array): void {
    const sent =
      typeof message === "string"
        ? this.#socket.sendText(message)
        : this.#socket.sendBinary(message);
    if (sent < 0) this.#isFull = true;
    else if (sent === 0) this.#socket.terminate();
  }
}

/** The sockets of the original app's clients on one worker. */
export class TextSockets {
  readonly #options: TextSocketsOptions;
  readonly #open = new Set<TextSocket>();

  constructor(options: TextSocketsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The clients here by what they do. */
  get roles(): { stranger: number; sender: number; receiver: number } {
    const roles = { stranger: 0, sender: 0, receiver: 0 };
    for (const { data } of this.#open) {
      if (data.role === "text-sender") roles.sender++;
      else roles.receiver++;
    }
    return roles;
  }

  /** @param path of the request; undefined: no door of the original app */
  dataFor(
    path: string,
    visitor: Visitor,
    peer: { address: string; port: number } | null,
  ): TextData | undefined {
    const role = ROLES.get(path);
    if (role === undefined) return undefined;
    const { clock, meter } = this.#options;
    const now = clock();
    const key = peer === null ? undefined : meter?.keyOf(peer.address, peer.port);
    return {
      visitor,
      grant: undefined,
      place: undefined,
      role,
      inflow: inflowOf(key, meter, visitor, peer?.address, now),
      allowance: new Allowance(now),
      heardAt: now,
      pingedAt: now,
      client: undefined,
    };
  }

  opened(socket: TextSocket): void {
    this.#open.add(socket);
    const { data } = socket;
    data.client =
      data.role === "text-sender"
        ? new TextSender(socket, this.#options)
        : new TextReceiver(socket, this.#options);
  }

  message(socket: TextSocket, message: string | Uint8Array): void {
    // Of the bytes of a file the slowest receiver says how fast they may come.
    const isData = socket.data.role === "text-sender" && typeof message !== "string";
    if (!this.#came(socket, message.length, isData)) return;
    if (typeof message === "string" && message.length > CONTROL_BYTES) {
      socket.close(POLICY, "a text that long is no name");
      return;
    }
    socket.data.client?.message(message);
  }

  /** A ping or a pong came. */
  signOfLife(socket: TextSocket, length: number): void {
    this.#came(socket, length, false);
  }

  /** @returns whether it may be listened to */
  #came(socket: TextSocket, length: number, isFree: boolean): boolean {
    const { data } = socket;
    const { clock, bounds } = this.#options;
    const now = clock();
    data.heardAt = now;
    data.inflow?.came(length);
    if (isFree) return true;
    if (data.allowance.spend(bounds.limits["messages-per-second"], now)) return true;
    this.#refuse(socket, "messages-per-second");
    return false;
  }

  #refuse(socket: TextSocket, name: RelayLimitName): void {
    const { code, detail } = this.#options.bounds.over(name);
    socket.close(TRY_AGAIN, closeReason(code, detail));
  }

  drained(socket: TextSocket): void {
    socket.data.client?.drained();
  }

  closed(socket: TextSocket): void {
    this.#open.delete(socket);
    socket.data.client?.closed();
    socket.data.client = undefined;
  }

  /** Pings everybody now and then, and gives up who stays silent though it is read. */
  tick(): void {
    const { clock, bounds } = this.#options;
    const now = clock();
    for (const socket of this.#open) {
      const { data } = socket;
      data.client?.tick();
      // What a paused one says is not read.
      if (socket.isPaused) {
        data.heardAt = now;
        data.inflow?.paused(now);
      }
      if (this.#isLate(data, now)) {
        this.#refuse(socket, "message-timeout");
      } else if (now - data.heardAt >= bounds.limits["idle-timeout"]) {
        bounds.count("idle-timeout");
        socket.terminate();
      } else if (now - data.pingedAt >= PING_MS) {
        data.pingedAt = now;
        socket.ping();
      }
    }
  }

  /** As in `Sockets`. */
  #isLate(data: TextData, now: number): boolean {
    const { meter, bounds } = this.#options;
    const { inflow } = data;
    if (inflow === undefined || meter === undefined) return false;
    const messageMs = bounds.limits["message-timeout"];
    if (!inflow.isDue(messageMs, now)) return false;
    const arrival = inflow.look(meter, messageMs, now);
    if (arrival === "arriving") data.heardAt = now;
    return arrival === "late";
  }

  /** Closes those whose grant is over. */
  end(isOver: (grant: Grant | undefined) => boolean): void {
    for (const socket of this.#open) {
      if (isOver(socket.data.grant)) socket.close(POLICY, "your token does not count any more");
    }
  }

  sendAway(isMeant: (visitor: Visitor) => boolean): void {
    for (const socket of this.#open) {
      if (isMeant(socket.data.visitor)) socket.close(POLICY, "banned");
    }
  }

  closeAll(): void {
    for (const socket of this.#open) socket.close(GOING_AWAY, "the relay goes away");
  }
}

const ROLES: ReadonlyMap<string, TextData["role"]> = new Map([
  ["/sender", "text-sender"],
  ["/receiver", "text-receiver"],
]);
