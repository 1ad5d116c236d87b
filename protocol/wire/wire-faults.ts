/**
 * The faults that one side of the wire may tell another, and which way each may go. A code that comes
 * another way is the claim of a peer about something that it can't know, such as this program's
 * Ctrl-C: its decoder takes it for `bad-message`, so no effect of it needs a check of its own.
 */
import { EXIT, failed, type Fault } from "./fault.ts";

/** The ways that faults go, and how docs/reference/protocol.md calls them. */
export const FAULT_WAYS = {
  /** The relay about a sender's socket, in `fault`. */
  toSender: "`fault` to a sender",
  /** The relay about a receiver's socket, in `fault`. */
  toReceiver: "`fault` to a receiver",
  /** A sender about its share, in `cancel`; the relay passes it on. */
  bySender: "`cancel` by a sender",
  /** The relay about a share, in `cancel`, to all of its receivers or to one. */
  ofShare: "`cancel` to a receiver",
} as const;

export type FaultWay = keyof typeof FAULT_WAYS;

export interface WireFault extends Fault {
  readonly ways: readonly FaultWay[];
}

/** Faults that go these ways. */
function going<const Ways extends readonly FaultWay[], Faults extends Record<string, Fault>>(
  ways: Ways,
  faults: Faults,
): { readonly [Code in keyof Faults]: Faults[Code] & { readonly ways: Ways } } {
  const all = Object.entries(faults).map(([code, fault]) => [code, { ...fault, ways }]);
  return Object.fromEntries(all) as ReturnType<typeof going<Ways, Faults>>;
}

export const WIRE_FAULTS = {
  ...going(["toSender", "toReceiver"], {
    "version-mismatch": {
      sentence: "The relay and this program speak different versions of the protocol",
      advice: "Update the older of the two.",
      retry: false,
      closeCode: 4001,
      exitCode: EXIT.versionMismatch,
    },
    "bad-message": failed(
      "A message that breaks the protocol was received",
      "Update fileshare on both sides; if it stays, report it.",
      4002,
    ),
    "wrong-role": failed(
      "That message is not for this side to send",
      "Update fileshare on both sides; if it stays, report it.",
      4003,
    ),
    "hello-timeout": failed("No hello came in time", "Try again.", 4004, true),
    "too-many": failed("The relay is full", "Try again later, or use another relay.", 4006, true),
    "too-fast": failed(
      "You ask more of the relay than it allows",
      "It is tried again later.",
      4020,
      true,
    ),
    "timed-out": failed("The relay waited too long for you", "It is tried again.", 4021, true),
    "not-allowed": failed(
      "The relay does not allow that",
      "Ask its operator for a token, and give it as FILESHARE_TOKEN.",
      4010,
    ),
    "not-proved": failed(
      "The proof of the code does not hold at the relay",
      "Update fileshare on both sides; if it stays, report it.",
      4011,
    ),
    banned: failed(
      "The relay's operator does not let you use it",
      "Ask them why, or use another relay.",
      4031,
    ),
    "other-channel": failed(
      "The relay serves one code alone, and not this one",
      "Check the code, or give another relay with --relay.",
      4032,
    ),
    replaced: failed(
      "The same sender or receiver connected again elsewhere",
      "Nothing to do if that was you.",
      4007,
    ),
    "not-here": failed(
      "The session of this further connection is not here",
      "It is tried again; the transfer goes on without it.",
      4033,
      true,
    ),
    "going-away": failed("The relay is shutting down", "It is tried again.", 1001, true),
    "relay-error": failed(
      "The relay had an internal error",
      "It is tried again; if it stays, report it.",
      1011,
      true,
    ),
  }),
  ...going(["toSender"], {
    "not-your-share": failed(
      "That share belongs to another sender",
      "Send it again with --new; it gets a new share.",
      4005,
    ),
    "no-store": failed(
      "The relay stores no shares of yours",
      "Send without --store, or use a relay that stores shares; its operator may ask for a token.",
      4037,
    ),
    "store-full": failed(
      "The relay's store has no room for that share",
      "Send it without --store, delete other shares with fileshare revoke, or use another relay.",
      4038,
    ),
    "log-full": failed(
      "The relay has no room on its disk for what you send",
      "It is tried again; the relay's operator can give it room with --log-dir.",
      4008,
      true,
    ),
  }),
  ...going(["toSender", "ofShare"], {
    "store-failed": failed(
      "The relay's store failed",
      "It is tried again; if it stays, tell the relay's operator.",
      4039,
      true,
    ),
    "too-large": failed(
      "The relay takes no share of that size",
      "Send less at once, or use a relay that allows more.",
      4022,
    ),
    expired: failed(
      "The relay ended the share, which has been there too long",
      "Send it again; the relay's operator can allow more time.",
      4023,
    ),
    removed: failed(
      "The relay's operator ended that share",
      "Ask them why, or use another relay.",
      4030,
    ),
    "stored-expired": failed(
      "The stored share has expired",
      "Ask its sender to send it again.",
      4034,
    ),
    exhausted: failed(
      "The stored share was received as often as its sender allowed",
      "Ask its sender to send it again.",
      4035,
    ),
    revoked: failed(
      "The sender deleted the stored share",
      "Ask its sender to send it again.",
      4036,
    ),
  }),
  ...going(["ofShare"], {
    "no-such-share": failed("That share is not here any more", "Ask the sender to send it again."),
    "sender-gone": failed(
      "The sender has been away for too long",
      "What arrived is kept; run the same command again when the sender is back.",
    ),
    "too-late": failed(
      "The rest of this share is gone, and the sender cannot read it again",
      "Ask the sender to send it again, and be there when it begins.",
    ),
    "not-admitted": failed(
      "The sender did not let you receive it",
      "Ask the sender to run its command again, if that was a mistake.",
    ),
    "too-slow": failed(
      "You took nothing for longer than the sender waits",
      "What arrived is kept; ask the sender to send it again.",
    ),
  }),
  ...going(["toReceiver"], {
    stalled: failed(
      "You took nothing for so long that the others could not go on",
      "It is tried again, and goes on where it was if the records are still there.",
      4009,
      true,
    ),
  }),
  ...going(["bySender", "ofShare"], {
    "sender-stopped": failed(
      "The sender stopped before everything was sent",
      "What arrived is kept; ask the sender to send again with the same code.",
    ),
    "source-changed": failed(
      "The file changed while it was being sent",
      "Wait until it is complete, then run the same command again; the code stays the same.",
    ),
    "new-edition": failed(
      "Files of the share changed, and its sender offers it anew",
      "Run the same command again to receive it; what arrived is kept.",
    ),
    "source-unreadable": failed(
      "The file could not be read to its end",
      "Check the disk, then run the same command again; the code stays the same.",
    ),
  }),
} as const satisfies Record<string, WireFault>;

export type FaultOf<Way extends FaultWay> = {
  [Code in keyof typeof WIRE_FAULTS]: Way extends (typeof WIRE_FAULTS)[Code]["ways"][number]
    ? Code
    : never;
}[keyof typeof WIRE_FAULTS];

/** Why a relay closes a client's socket. */
export type SocketFault = FaultOf<"toSender" | "toReceiver">;
/** Why a sender may say that its share ends. */
export type CancelReason = FaultOf<"bySender">;
/** Why a share is over for its receivers, or for one. */
export type ShareFault = FaultOf<"ofShare">;

export function goes<Way extends FaultWay>(code: string, way: Way): code is FaultOf<Way> {
  if (!Object.hasOwn(WIRE_FAULTS, code)) return false;
  const ways: readonly FaultWay[] = WIRE_FAULTS[code as keyof typeof WIRE_FAULTS].ways;
  return ways.includes(way);
}

/** A code as it came that way; what may not come so is a broken protocol. */
export function faultFrom<Way extends FaultWay>(
  code: string,
  way: Way,
): FaultOf<Way> | "bad-message" {
  return goes(code, way) ? code : "bad-message";
}

/** For the relay's own code: what it finds out and no client may hear is an error of the relay. */
export function socketFault(code: string): SocketFault {
  return goes(code, "toSender") || goes(code, "toReceiver") ? code : "relay-error";
}

/** The same for why a relay ends a share. */
export function shareFault(code: string): ShareFault {
  return goes(code, "ofShare") ? code : "removed";
}

/** A sender's fault as others hear it: about its file in full, otherwise only that the sender stopped. */
export function cancelReason(code: string | undefined): CancelReason {
  return code !== undefined && goes(code, "bySender") ? code : "sender-stopped";
}
