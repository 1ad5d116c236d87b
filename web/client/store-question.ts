/**
 * Asks a relay about its store, or has it delete a share of this page: one connection, tried once, as a person waits for the
 * answer. It comes as a sender of a channel that nobody else has.
 */
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import { helloMessage } from "../../protocol/session/link.ts";
import { fromHex } from "../../protocol/wire/bytes.ts";
import { decodeControl, type Message } from "../../protocol/wire/control.ts";
import { detailIn, FaultError } from "../../protocol/wire/faults.ts";
import type { StoreEvent, StoreJob } from "../job/store-messages.ts";
import { asFault, pageMessage } from "./fault-texts.ts";
import { primitives as pagePrimitives } from "./primitives.ts";
import { RelayLink } from "./relay-link.ts";

/** For the whole question. ms */
const ANSWER_MS = 10_000;
const SEED_BYTES = 32;

export class StoreQuestion {
  readonly #job: StoreJob;
  readonly #post: (event: StoreEvent) => void;
  readonly #primitives: Primitives;
  readonly #link: RelayLink;
  readonly #timer: ReturnType<typeof setTimeout>;
  #isOver = false;

  constructor(
    job: StoreJob,
    post: (event: StoreEvent) => void,
    primitives: Primitives = pagePrimitives,
  ) {
    this.#job = job;
    this.#post = post;
    this.#primitives = primitives;
    this.#link = new RelayLink(job.relay, {
      opened: () => undefined,
      message: (bytes) => {
        try {
          this.#hear(decodeControl(bytes, "relay-to-sender"));
        } catch (error) {
          this.#fail(asFault(error));
        }
      },
      lost: (fault) => this.#fail(new FaultError(fault)),
    });
    this.#timer = setTimeout(() => this.#fail(new FaultError("relay-unreachable")), ANSWER_MS);
    this.#link.connect();
  }

  #hear(message: Message): void {
    switch (message.t) {
      case "challenge": {
        const signer = this.#primitives.signer(this.#primitives.randomBytes(SEED_BYTES));
        const { hostname: host } = new URL(this.#job.relay);
        const introduction = { signer, host, token: this.#job.token };
        return this.#link.control(helloMessage(message, "sender", introduction));
      }
      case "welcome": {
        const { revoke } = this.#job;
        if (revoke === undefined) return this.#end({ t: "may-store", store: message.store });
        const [share, proof] = [fromHex(revoke.share), fromHex(revoke.proof)];
        if (share === undefined || proof === undefined) throw new FaultError("internal");
        return this.#link.control({ t: "revoke", share, proof });
      }
      case "revoked":
        return this.#end({ t: "revoked", known: message.known });
      case "fault":
        throw new FaultError(message.code, detailIn(message));
      default:
    }
  }

  #fail({ code, detail }: FaultError): void {
    this.#end({ t: "failed", fault: code, message: pageMessage(code, detail) });
  }

  #end(event: StoreEvent): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#link.disconnect();
    this.#post(event);
  }
}
