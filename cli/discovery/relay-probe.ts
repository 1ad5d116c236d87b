/** One trial of a relay: a connection that proves the code, and waits for an offer. It asks for no record. */
import { decodeControl, encodeControl, type OfferSeen } from "../../protocol/wire/control.ts";
import { isFrame } from "../../protocol/wire/frame.ts";
import { helloMessage, type Introduction } from "../../protocol/session/link.ts";
import { checkWelcome } from "../../protocol/wire/version.ts";
import { FaultError, type FaultCode } from "../../protocol/wire/faults.ts";
import { RelayLink } from "../connection/relay-link.ts";

export interface ProbeEvents {
  welcomed(): void;
  /** It offers something that its sender or its store serves. */
  offered(): void;
  /** It offers nothing, and had a stored share that is over. */
  over(): void;
  /** It is no relay for us; nothing follows. */
  failed(fault: FaultCode): void;
}

export interface Probed {
  readonly address: string;
  readonly introduction: Introduction;
  readonly ca: string | undefined;
  /** Past the proxy of the environment, which does not know this network. */
  readonly isDirect: boolean;
}

export class RelayProbe {
  readonly #link: RelayLink;
  readonly #events: ProbeEvents;
  readonly #introduction: Introduction;
  #isOver = false;

  constructor({ address, introduction, ca, isDirect }: Probed, events: ProbeEvents) {
    this.#events = events;
    this.#introduction = introduction;
    this.#link = new RelayLink(
      address,
      {
        opened: () => undefined,
        message: (bytes) => this.#message(bytes),
        lost: ({ fault }) => this.#fail(fault),
      },
      performance.now(),
      { ca, isDirect },
    );
  }

  /** No event follows. */
  end(): void {
    this.#isOver = true;
    this.#link.drop();
  }

  watch(now: number): void {
    this.#link.watch(now);
  }

  #message(bytes: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#understand(bytes);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#fail(error.code);
    }
  }

  #understand(bytes: Uint8Array): void {
    if (isFrame(bytes)) throw new FaultError("bad-message", "a record that nobody asked for");
    const message = decodeControl(bytes, "relay-to-receiver");
    switch (message.t) {
      case "challenge": {
        const hello = helloMessage(message, "receiver", this.#introduction);
        this.#link.send(encodeControl(hello));
        return;
      }
      case "welcome":
        checkWelcome(message);
        this.#events.welcomed();
        return;
      case "offers":
        if (message.list.some(isServed)) this.#events.offered();
        else if (message.over?.[0] !== undefined) this.#events.over();
        return;
      case "fault":
        this.#fail(message.code);
        return;
      default:
    }
  }

  #fail(fault: FaultCode): void {
    if (this.#isOver) return;
    this.end();
    this.#events.failed(fault);
  }
}

/** By its sender, or from the relay's store. */
function isServed({ senderHere, stored }: OfferSeen): boolean {
  return senderHere || stored !== undefined;
}
