/**
 * Shares of other relays that links read for receivers here. A link claims each as a sender does; the claim waits until
 * the watch says that its relay owns the share, for the owner may tell of a share before NATS does.
 */
import { FaultError } from "../../protocol/mod.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { Say } from "./book-effects.ts";
import type { KnownShares } from "./known-shares.ts";
import type { Link } from "./links.ts";
import { CLAIMS_WAITING_MOST } from "./waiting-claims.ts";

/** The watch is later than the owner by less; a link claims again when it hears of the share again. ms */
export const UPLINK_WAIT_MS = 10_000;

interface Waiting {
  readonly claim: ShareClaim;
  readonly link: Link;
  readonly at: number;
}

interface Remote {
  readonly key: string;
  readonly name: string;
  readonly link: Link;
  /** The relay's directory has it. */
  isOpen: boolean;
}

export interface RemoteSharesHost {
  readonly known: KnownShares;
  /** A sender of this relay has the share, or claims it. */
  readonly isHeld: (name: string) => boolean;
  readonly linkOf: (id: number) => Link | undefined;
  readonly say: Say;
}

export class RemoteShares {
  readonly #host: RemoteSharesHost;
  readonly #byKey = new Map<string, Remote>();
  readonly #byName = new Map<string, Remote>();
  readonly #byLink = new Map<Link, Set<Remote>>();
  readonly #waiting = new Map<string, Waiting[]>();
  #waitingCount = 0;

  constructor(host: RemoteSharesHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get waitingClaims(): number {
    return this.#waitingCount;
  }

  isOpen(key: string): boolean {
    return this.#byKey.get(key)?.isOpen === true;
  }

  /** Whether a share of this relay comes by the link. */
  isServedBy(link: Link): boolean {
    return (
      this.#byLink
        .get(link)
        ?.values()
        .some(({ isOpen }) => isOpen) === true
    );
  }

  claim(claim: ShareClaim, name: string, now: number): void {
    const { uplink, channel } = claim;
    const link = uplink && this.#host.linkOf(uplink.link);
    const isTrue = link?.relay === uplink?.relay && link?.asked.channel === channel;
    if (link === undefined || !isTrue || this.#waitingCount >= CLAIMS_WAITING_MOST) {
      this.#refuse(claim);
      return;
    }
    const others = this.#waiting.get(name) ?? [];
    this.#waiting.set(name, [...others, { claim, link, at: now }]);
    this.#waitingCount++;
    this.changed(name);
  }

  /** @returns false: no claim of a link was passed on for it */
  opened(key: string): boolean {
    const remote = this.#byKey.get(key);
    if (remote !== undefined) remote.isOpen = true;
    return remote !== undefined;
  }

  /** The link that reads a share. */
  linkOf(key: string): Link | undefined {
    return this.#byKey.get(key)?.link;
  }

  /** The relay's directory has no remote share with that key any more, or never had. */
  forget(key: string): void {
    const remote = this.#byKey.get(key);
    if (remote === undefined) return;
    this.#byKey.delete(key);
    this.#byName.delete(remote.name);
    const others = this.#byLink.get(remote.link);
    others?.delete(remote);
    if (others?.size === 0) this.#byLink.delete(remote.link);
  }

  /** The owner of the share may be another one now. */
  changed(name: string): void {
    const { known, isHeld, say } = this.#host;
    const owner = known.get(name)?.relay;
    const remote = this.#byName.get(name);
    const hasMoved = owner !== undefined && owner !== remote?.link.relay;
    if (remote !== undefined && hasMoved) this.#drop(remote);
    if (isHeld(name)) return;
    for (const waiting of this.#waiting.get(name) ?? []) {
      const { claim, link } = waiting;
      if (link.relay !== owner) continue;
      this.#remove(name, waiting);
      this.forget(claim.key);
      const passed = { key: claim.key, name, link, isOpen: false };
      this.#byKey.set(claim.key, passed);
      this.#byName.set(name, passed);
      this.#byLink.set(link, (this.#byLink.get(link) ?? new Set()).add(passed));
      say({ t: "claim", claim });
    }
  }

  linkOver(link: Link): void {
    for (const [name, list] of this.#waiting) {
      for (const waiting of list) if (waiting.link === link) this.#remove(name, waiting);
    }
    for (const remote of this.#byLink.get(link) ?? []) this.#drop(remote);
  }

  tick(now: number): void {
    for (const [name, list] of this.#waiting) {
      for (const waiting of list) {
        if (now - waiting.at < UPLINK_WAIT_MS) continue;
        this.#remove(name, waiting);
        this.#refuse(waiting.claim);
      }
    }
  }

  #remove(name: string, waiting: Waiting): void {
    const left = (this.#waiting.get(name) ?? []).filter((each) => each !== waiting);
    if (left.length === 0) this.#waiting.delete(name);
    else this.#waiting.set(name, left);
    this.#waitingCount--;
  }

  #drop({ key }: Remote): void {
    this.forget(key);
    this.#host.say({ t: "drop", key });
  }

  #refuse(claim: ShareClaim): void {
    const fault = new FaultError("going-away", "the cluster knows another owner of the share");
    this.#host.say({ t: "refuse", claim, fault });
  }
}
