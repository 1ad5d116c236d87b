/**
 * The line by which one sender of this relay speaks to the relay that stores its share. It greets that relay, and then
 * tells it the sender's words of before. `relay/worker/forwards.ts` owns it, with the socket. No I/O.
 */
import {
  CONTROL_BYTES,
  FaultError,
  decodeControl,
  encodeControl,
  isFrame,
  unpackMap,
  type Message,
} from "../../protocol/mod.ts";

import { Greeting, WELCOME_MS, type Greeter } from "./greeting.ts";
import type { ClusterSecret, NamedLine } from "./proof.ts";
import { decodeFromOwner, type OwnerMessage } from "./wire.ts";

/** Messages of senders that prove their share. */
const PROVING: readonly unknown[] = ["offer", "inspect", "revoke"] satisfies Message["t"][];
/** Bytes that a sender may say before the owner's welcome: its offer, its end, and changes of its connections. */
export const EARLY_MOST_BYTES = 64 * 1024;

export interface ForwardLineHost {
  send(bytes: Uint8Array): void;
  /** The owner says this to the sender. */
  message(message: Message): void;
  /** The line failed, and its sender has to come again. */
  failed(fault: FaultError): void;
}

export class ForwardLine {
  readonly #host: ForwardLineHost;
  readonly #greeting: Greeting;
  readonly #secret: ClusterSecret;
  readonly #deadline: number;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;

  constructor(
    greeter: Greeter,
    named: Omit<NamedLine, "relay">,
    host: ForwardLineHost,
    now: number,
  ) {
    this.#host = host;
    this.#greeting = new Greeting(greeter, named);
    this.#secret = greeter.secret;
    this.#deadline = now + WELCOME_MS;
  }

  /** The sender says this to the owner. @throws FaultError `bad-message` */
  say(said: Uint8Array): void {
    const bytes = isFrame(said) ? said : this.#hidden(said);
    if (this.#greeting.isWelcome) {
      this.#host.send(bytes);
      return;
    }
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > EARLY_MOST_BYTES) {
      this.#host.failed(new FaultError("too-fast", "too much before its offer was accepted"));
      return;
    }
    // The socket that brought the bytes uses their memory again.
    this.#early.push(bytes.slice());
  }

  /** The network between relays sees no proof. */
  #hidden(bytes: Uint8Array): Uint8Array {
    const isProving = PROVING.includes(unpackMap(bytes, CONTROL_BYTES)["t"]);
    if (!isProving) return bytes;
    return encodeControl(this.#secret.hidden(decodeControl(bytes, "sender")));
  }

  /** A binary message of the owner. `bytes` may be reused afterwards. */
  message(bytes: Uint8Array): void {
    try {
      if (isFrame(bytes)) throw new FaultError("bad-message", "a frame for a sender");
      if (this.#greeting.isWelcome) this.#host.message(decodeControl(bytes, "relay-to-sender"));
      else this.#greet(decodeFromOwner(bytes));
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const { code, detail } = error;
      const isStranger = code === "not-proved";
      this.#host.failed(awayFor(isStranger ? "it does not know the secret" : (detail ?? code)));
    }
  }

  tick(now: number): void {
    if (this.#greeting.isWelcome || now < this.#deadline) return;
    this.#host.failed(awayFor(`no welcome within ${WELCOME_MS / 1000} s`));
  }

  /** @throws FaultError `bad-message`, `not-proved` */
  #greet(message: OwnerMessage): void {
    switch (message.t) {
      case "challenge":
        this.#host.send(this.#greeting.challenged(message.nonce));
        return;
      case "edge-welcome": {
        this.#greeting.welcomed(message);
        const early = this.#early;
        this.#early = [];
        for (const bytes of early) this.#host.send(bytes);
        return;
      }
      case "fault":
        this.#host.failed(awayFor(message.message));
        return;
      default:
        throw new FaultError("bad-message", "a message before the welcome");
    }
  }
}

/** The pause before the sender comes again: a relay that stores shares needs at least so long to come back. s */
const AGAIN_SECONDS = 1;

/** The fault of a sender whose line failed: it comes again, here or at another relay. */
export function awayFor(why: string): FaultError {
  const detail = `the line to the relay of its cluster that stores the share ended: ${why}`;
  return new FaultError("going-away", detail, { after: AGAIN_SECONDS });
}
