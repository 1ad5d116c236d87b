/** A name of the directory of which this relay owns or keeps the share, claims it, or removes the entry. `Slots` has them. */
import type { ShareClaim } from "../store/book-effects.ts";
import type { OwnerValue, StoreKind } from "./directory-kv.ts";
import type { KnownShare } from "./known-shares.ts";

export interface Waiting {
  readonly claim: ShareClaim;
  /** The entry when the claim came. */
  readonly seen: KnownShare | undefined;
  readonly at: number;
}

export interface Wanted {
  readonly isPut: boolean;
  /** The revision that the change compares with; 0: there shall be no entry. */
  readonly compared: number;
}

export interface Change extends Wanted {
  readonly op: number;
  readonly slot: Slot;
  /** The value of a put; undefined: the change removes the entry. */
  readonly value: OwnerValue | undefined;
  readonly claims: ReadonlySet<Waiting>;
  readonly at: number;
  /** A later claim was passed on without a change. */
  isOutdated: boolean;
}

/** A change that is done and was not told by the watch yet. */
interface Untold {
  readonly revision: number;
  readonly until: number;
  /** The watch's last word meanwhile: about a time before the change, unless the change was lost. */
  word: { readonly value: OwnerValue | undefined; readonly revision: number } | undefined;
}

/** A share that the store of this relay knows, whole or not. */
export interface KeptHere {
  readonly stored: StoreKind;
  /** See `StoredShare.place`; undefined: it is over, and has none. */
  readonly place: string | undefined;
  /** See `OwnerValue.isPart`. */
  readonly isPart?: boolean | undefined;
  /** See `OwnerValue.store`. */
  readonly store?: string | undefined;
}

export interface KeptShare extends KeptHere {
  /** The share in hex, as the channel below. */
  readonly key: string;
  readonly channel: string;
}

export interface Slot {
  readonly name: string;
  /** The share and its channel in hex; empty while this relay neither keeps it nor has its sender. */
  key: string;
  channel: string;
  claims: Waiting[];
  /** The relay's store has the share: its entry stays while no worker has it open. */
  kept: KeptHere | undefined;
  /** Another relay owns the kept share, and receivers here read it from there. */
  isQuiet: boolean;
  /**
   * The entry with which this relay takes a share in a bucket over, from a gone relay or from none. The relay owns the share
   * once the store has read it.
   */
  heritage: OwnerValue | undefined;
  /** This relay has the entry, and the store was told to read the share. */
  isAdopting: boolean;
  /** The share is kept in a bucket, and the relay is not sure since a lapse that no other one took it over. */
  isDoubted: boolean;
  /** The relay's directory has the share, from a sender of its own. */
  isOpen: boolean;
  /** Claims that were passed on, and that the relay's directory did not answer yet. */
  passing: number;
  /** Then it is not waited for any more. */
  passingUntil: number;
  /** A claim was passed on while the directory did not answer: other relays may not know of it. */
  isUnproven: boolean;
  /** Of the last own put that is done. */
  proven: number;
  /** The entry of another relay that is gone, to be removed. */
  evicted: number | undefined;
  change: Change | undefined;
  untold: Untold | undefined;
  tries: number;
  notBefore: number;
}

export function newSlot(name: string): Slot {
  return {
    name,
    key: "",
    channel: "",
    claims: [],
    kept: undefined,
    isQuiet: false,
    heritage: undefined,
    isAdopting: false,
    isDoubted: false,
    isOpen: false,
    passing: 0,
    passingUntil: 0,
    isUnproven: false,
    proven: 0,
    evicted: undefined,
    change: undefined,
    untold: undefined,
    tries: 0,
    notBefore: 0,
  };
}

/** Whether the store of this relay has the share in a bucket that other relays use too. */
export function isInBucket({ kept }: Slot): boolean {
  return kept?.stored === "s3" && kept.place !== undefined;
}

/** A sender of this relay has it, or is about to. */
export function isHeld({ isOpen, passing }: Slot): boolean {
  return isOpen || passing > 0;
}
