import type { FaultCode } from "../../protocol/wire/faults.ts";
import type { LinkSocket } from "../../protocol/session/driver.ts";
import { encodeControl, type Message } from "../../protocol/wire/control.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { type LinkNews, linkEvent, linkFaultDetail, stuckLinkEvent } from "./connect-errors.ts";
import type { Job } from "../job/jobs.ts";
import type { Route } from "../job/routes.ts";
import { RelayLink } from "./relay-link.ts";

/** The part of a client that takes the events of its link. */
export interface LinkUser {
  opened(): void;
  message(bytes: Uint8Array): void;
  lost(fault: FaultCode): void;
  /** The link is open, and nothing gets through. */
  stuck?(event: ClientEvent): void;
}

/** The link of one session to its relay: another socket each time that the session connects. */
export class SessionLink implements LinkSocket {
  #relay: string;
  #route: Route | undefined;
  readonly #ca: string | undefined;
  readonly #user: LinkUser;
  #link: RelayLink | undefined;
  /** Why there is no link, as far as that is known. */
  #why: string | undefined;

  /** @param ca as a `RelayLink` takes it */
  constructor({ relay, route, ca }: Pick<Job, "relay" | "route" | "ca">, user: LinkUser) {
    this.#relay = relay;
    this.#route = route;
    this.#ca = ca;
    this.#user = user;
  }

  /** Bytes given to the socket that the kernel has not taken; undefined: there is no socket. */
  get buffered(): number | undefined {
    return this.#link?.buffered;
  }

  connect(): void {
    this.disconnect();
    const events = {
      opened: () => {
        this.#why = undefined;
        this.#user.opened();
      },
      message: (bytes: Uint8Array) => this.#user.message(bytes),
      lost: ({ fault, why }: { fault: FaultCode; why?: string | undefined }) => {
        this.#why = why;
        this.#user.lost(fault);
      },
      slow: (why: string) => (this.#why = why),
      stuck: (why: string) => this.#user.stuck?.(stuckLinkEvent(this.#relay, why)),
    };
    const isDirect = this.#route === "network";
    this.#link = new RelayLink(this.#relay, events, performance.now(), this.#ca, isDirect);
  }

  /** From the next connect on the relay is another one. */
  relocate({ relay, route }: { readonly relay: string; readonly route: Route }): void {
    this.#relay = relay;
    this.#route = route;
    this.#why = undefined;
  }

  disconnect(): void {
    this.#link?.drop();
    this.#link = undefined;
  }

  control(message: Message): void {
    this.send(encodeControl(message));
  }

  send(bytes: Uint8Array): void {
    this.#link?.send(bytes);
  }

  pause(): void {
    this.#link?.pause();
  }

  resume(): void {
    this.#link?.resume();
  }

  watch(now: number): void {
    this.#link?.watch(now);
  }

  /** Lets what was sent leave, then closes. */
  async close(): Promise<void> {
    await this.#link?.close();
  }

  /** The event about a change of the session's link. */
  news(effect: LinkNews): ClientEvent {
    return linkEvent({ url: this.#relay, route: this.#route }, effect, this.#why);
  }

  /** The detail of a fault that ends the session; undefined: the fault is not about the link. */
  about(fault: FaultCode): string | undefined {
    return linkFaultDetail(this.#relay, { fault, why: this.#why });
  }
}
